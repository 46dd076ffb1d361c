import { act } from "react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ListPage } from "../src/api/documents";
import { useSelection } from "../src/documents/useSelection";
import { closeAll, likeBrowser, run } from "./hooks";

const page = (...rows: [string, string][]) => ({
  data: { pages: [{ rows: rows.map(([id, etag]) => ({ id, etag })), nextPageToken: "", totalSize: 0, totalSizeCapped: false, totals: {} } satisfies ListPage], pageParams: [] },
});

beforeEach(likeBrowser);
afterEach(closeAll);

describe("what is chosen in a list", () => {
  it("is what it shows, as that stands now", async () => {
    const { shown, draw } = await run(useSelection, page(["a", "1"], ["b", "1"], ["c", "1"]));
    await act(async () => shown.current.choose(["a", "b"]));
    await draw(page(["b", "2"], ["c", "1"]));
    expect(shown.current.ids).toEqual(["b"]);
    expect(shown.current.rows).toEqual([{ id: "b", etag: "2" }]);
    await act(async () => shown.current.choose([...shown.current.ids, "c"]));
    await draw(page(["a", "1"], ["b", "2"], ["c", "1"]));
    expect(shown.current.ids).toEqual(["b", "c"]);
    await act(async () => shown.current.clear());
    expect(shown.current.rows).toEqual([]);
  });
});
