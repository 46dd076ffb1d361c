import { QueryClient, QueryClientProvider, MutationCache } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { waitBefore } from "@/api/errors";
import { followActions } from "@/api/trace";
import { App } from "@/app/App";
import { startLanguage } from "@/app/i18n";
import { notifyError } from "@/app/notify";
import "@/styles.css";

const AWAY_MS = 300_000;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      // The stream tells of changes; who comes back after longer does not rely on its having lived meanwhile.
      refetchOnWindowFocus: ({ state }) => Date.now() - state.dataUpdatedAt > AWAY_MS,
      retry: (failures, error) => waitBefore(failures, error) !== false,
      retryDelay: (failures, error) => waitBefore(failures, error) || 0,
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
