import type { ReactNode } from "react";

/** A table in a box of its own that scrolls both ways, its head and totals staying in sight; while busy it does not say that there is nothing. */
export function TableScroll({ label, tall = false, busy = false, children }: { label: string; tall?: boolean; busy?: boolean; children: ReactNode }) {
  return (
    <div className={tall ? "table-scroll tall" : "table-scroll"} role="region" aria-label={label} aria-busy={busy} tabIndex={0}>
      {children}
    </div>
  );
}
