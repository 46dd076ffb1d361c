"""What a file is, looked at by a process of its own: whatever is in it can at worst end that process.

`python -m documents.inspection FILE PREVIEW MOST_UNPACKED ENDING`: prints JSON with `media_type` (None where the first
bytes say nothing), `text`, `pictured` (a small picture was put at PREVIEW), or `refusal` and `facts`. It may use so
much memory and time and no more, and opens nothing but these two files. MOST_UNPACKED in bytes; 0: it is not unpacked.
ENDING: what the file's name ends in.
"""

from __future__ import annotations

import codecs
import errno
import json
import lzma
import resource
import stat
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, cast

import filetype

from documents.active import active_part

MEMORY_BYTES, CPU_SECONDS = 768 * 1024**2, 60
MOST_ENTRIES, MOST_RATIO, RATIO_FROM_BYTES, MOST_NESTING = 2_000, 100, 10 * 1024**2, 1
# An archive's list of entries is read into memory whole, whatever it says of their number: so much is still harmless.
MOST_LISTED_BYTES = 8 * 1024**2
MOST_PIXELS, PREVIEW_PIXELS = 50_000_000, 640
TEXT_BYTES, PART_BYTES = 1024 * 1024, 256 * 1024
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
# what Chinese Windows writes beside UTF-8, and Excel's "Unicode text"
ENCODINGS = ("utf-8-sig", "gb18030", "utf-16")
ARCHIVE = b"PK\x03\x04"
UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Unsafe(Exception):
    """Nobody should open this: the name of a refusal, and its facts."""

    def __init__(self, refusal: str, **facts: Any) -> None:
        super().__init__(refusal)
        self.refusal, self.facts = refusal, {name: str(fact) for name, fact in facts.items()}


def is_text(path: Path) -> bool:
    """Whether the beginning of a file is text in a usual encoding."""
    with path.open("rb") as file:
        head = file.read(TEXT_BYTES)
    for encoding in ENCODINGS:
        if encoding == "utf-16" and head[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            continue
        try:
            # a character may be cut at the end of what was read
            words = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        return not any(letter < " " and letter not in "\t\n\r\f" for letter in words)
    return False


class Unpacking:
    """Counts what an archive unpacks to, its inner archives included, while it is unpacked: what it says of itself is
    not believed.
    """

    def __init__(self, most_bytes: int, packed_bytes: int) -> None:
        self.most, self.packed, self.count, self.entries = most_bytes, packed_bytes, 0, 0

    def look_into(self, file: IO[bytes], level: int = 0) -> None:
        """Go through all entries. Raises Unsafe, BadZipFile."""
        with zipfile.ZipFile(cast(IO[bytes], Listed(file, self.refusal()))) as archive:
            listed = archive.infolist()
            self.entries += len(listed)
            if self.entries > MOST_ENTRIES:
                raise Unsafe("ATTACHMENT_ENTRIES", count=self.entries, limit=MOST_ENTRIES)
            for entry in listed:
                check_entry(entry)
            for entry in listed:
                self._unpack(archive, entry, level)

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, level: int) -> None:
        if entry.is_dir():
            return
        if entry.flag_bits & 1 or entry.compress_type not in UNPACKED:
            # nobody here can look into what a password closes, or a method packed that we do not have: its size counts
            self._add(entry.file_size)
            return
        source = archive.open(entry)
        with source, tempfile.TemporaryFile() as inner:
            part = source.read(PART_BYTES)
            inside = part.startswith(ARCHIVE)
            if inside and level >= MOST_NESTING:
                raise Unsafe("ATTACHMENT_NESTED", entry=entry.filename[:100])
            while part:
                self._add(len(part))
                if inside:
                    inner.write(part)
                part = source.read(PART_BYTES)
            if inside:
                inner.seek(0)
                self.look_into(inner, level + 1)

    def _add(self, count: int) -> None:
        self.count += count
        if self.count > self.most or self.count > max(RATIO_FROM_BYTES, MOST_RATIO * self.packed):
            raise self.refusal()

    def refusal(self) -> Unsafe:
        """It is more than may be unpacked."""
        return Unsafe("ATTACHMENT_BOMB", limit=f"{self.most // 1024**2} MiB")


class Listed:
    """A file that `zipfile` reads in small parts, but for its list of entries, which it reads at once and of which it
    makes objects before anybody can count them. What would be too much is refused instead of read.
    """

    def __init__(self, file: IO[bytes], refusal: Unsafe) -> None:
        self._file, self._refusal = file, refusal

    def read(self, size: int = -1) -> bytes:
        if size > MOST_LISTED_BYTES:
            raise self._refusal
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def check_entry(entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that would be written elsewhere than below the folder it is unpacked in."""
    parts = entry.filename.replace("\\", "/").split("/")
    link = stat.S_ISLNK(entry.external_attr >> 16)
    if link or ".." in parts or parts[0] == "" or ":" in parts[0] or "\x00" in entry.orig_filename:
        raise Unsafe("ATTACHMENT_ENTRY", entry=entry.filename[:100])


def picture(path: Path, preview: Path) -> bool:
    """Put a small picture of a picture at `preview`, made anew from its pixels; False where that cannot be done."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as opened:
            warnings.simplefilter("ignore")
            if opened.width * opened.height > MOST_PIXELS:
                return False
            opened.draft("RGB", (PREVIEW_PIXELS, PREVIEW_PIXELS))
            small: Any = ImageOps.exif_transpose(opened)
            small.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
            clear = small.convert("RGBA")
            page = Image.new("RGB", clear.size, "white")
            page.paste(clear, mask=clear.getchannel("A"))
            preview.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = preview.with_name(f"{preview.name}.new")
            page.save(draft, "JPEG", quality=82, optimize=True)
            draft.rename(preview)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        # a picture that cannot be shown small is still a file
        return False
    return True


def inspect(path: Path, preview: Path, most_unpacked: int, ending: str) -> dict[str, Any]:
    """Look at a file. Everything that its bytes say, as JSON."""
    kind = filetype.guess(str(path))
    found: dict[str, Any] = {"media_type": kind.mime if kind else None, "text": False, "pictured": False}
    if kind is None:
        found["text"] = is_text(path)
    elif kind.mime.startswith("image/"):
        found["pictured"] = picture(path, preview)
    unpacking = Unpacking(most_unpacked, path.stat().st_size)
    try:
        if found["text"] and (part := active_part(path, svg=ending == "svg")):
            raise Unsafe("ATTACHMENT_ACTIVE", found=part)
        if most_unpacked:
            with path.open("rb") as file:
                unpacking.look_into(file)
    except Unsafe as unsafe:
        found |= {"refusal": unsafe.refusal, "facts": unsafe.facts}
    except MemoryError:
        # a few bytes can ask for gigabytes: a dictionary of LZMA's, a list of entries
        found |= {"refusal": "ATTACHMENT_BOMB", "facts": {"limit": f"{MEMORY_BYTES // 1024**2} MiB"}}
    except OSError as problem:
        # bzip2 says by one without a number that its data is wrong, and a place before the beginning is EINVAL;
        # others are this machine's, such as no room to unpack into: no fault of the file
        if problem.errno not in (None, errno.EINVAL):
            raise
        found |= {"refusal": "ATTACHMENT_DAMAGED", "facts": {}}
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError):
        # not implemented: a package of a later format than ours, or one that says so of an entry
        found |= {"refusal": "ATTACHMENT_DAMAGED", "facts": {}}
    return found


def main() -> None:
    """Give up what is not needed, then look."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, preview, most, ending = sys.argv[1:]
    print(json.dumps(inspect(Path(path), Path(preview), int(most), ending)))


if __name__ == "__main__":
    main()
