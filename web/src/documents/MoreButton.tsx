import { Button } from "antd";
import type { ReactNode } from "react";
import { notifyError } from "@/app/notify";

interface Pages {
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<{ isFetchNextPageError: boolean; error: Error | null }>;
}

/** Asks for the next page of a list. What was read stays where it does not come, so why is said beside it. */
export function MoreButton({ pages, children }: { pages: Pages; children: ReactNode }) {
  const more = async (): Promise<void> => {
    const { isFetchNextPageError, error } = await pages.fetchNextPage();
    if (isFetchNextPageError) notifyError(error);
  };
  return <Button loading={pages.isFetchingNextPage} onClick={() => void more()}>{children}</Button>;
}
