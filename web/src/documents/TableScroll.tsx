import type { ReactNode } from "react";

/** A table in a box of its own that scrolls both ways, its head and totals staying in sight. */
export function TableScroll({ label, tall = false, children }: { label: string; tall?: boolean; children: ReactNode }) {
  return (
    <div className={tall ? "table-scroll tall" : "table-scroll"} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
