import { useState } from "react";
import type { useListPages } from "@/api/documents";

/** Which rows of a list are chosen, as they stand now. What the list does not show at the moment is neither counted nor acted upon. */
export function useSelection({ data }: Pick<ReturnType<typeof useListPages>, "data">) {
  const [chosen, choose] = useState<string[]>([]);
  const wanted = new Set(chosen);
  const rows = data?.pages.flatMap((page) => page.rows).filter(({ id }) => wanted.has(id)) ?? [];
  return { rows, ids: rows.map(({ id }) => id), choose, clear: () => choose([]) };
}
