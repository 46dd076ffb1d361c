import { describe, expect, it } from "vitest";
import type { Attachment, Upload } from "@/attachments/upload";
import { interrupted, sizeText } from "@/attachments/useAttachments";

describe("files", () => {
  it("have their size in the unit that people read", () => {
    expect([0, 1023, 1024, 1536, 104_857_600, 4_294_967_295].map(sizeText)).toEqual(["0 B", "1023 B", "1 KiB", "1.5 KiB", "100 MiB", "4 GiB"]);
  });

  it("that came in part and that nothing on the page sends can be gone on with", () => {
    const files = [["a", "UPLOADING"], ["b", "UPLOADING"], ["c", "READY"], ["d", "CHECKING"]].map(([id, state]) => ({ id, state }) as unknown as Attachment);
    expect(interrupted(files, [{ id: "a" } as Upload]).map(({ id }) => id)).toEqual(["b"]);
  });
});
