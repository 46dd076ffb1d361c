import { QueryClient, QueryClientProvider, MutationCache } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { ApiError } from "@/api/errors";
import { followActions } from "@/api/trace";
import { App } from "@/app/App";
import { startLanguage } from "@/app/i18n";
import { notifyError } from "@/app/notify";
import "@/styles.css";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.http < 500),
    },
  },
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      if (!mutation.meta?.shown) notifyError(error);
    },
  }),
});

followActions();
await startLanguage();
createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={client}>
    <BrowserRouter>
      <App />
    </BrowserRouter>
  </QueryClientProvider>,
);
