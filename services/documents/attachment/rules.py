"""What may be attached, how much of it, and what may be done with it. Pure: names, sizes and states alone."""

from __future__ import annotations

import datetime
import re
import unicodedata
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import Refused

TRANSITIONS = {
    ("UPLOADING", "finish"): "CHECKING",
    ("UPLOADING", "delete"): "UPLOADING",
    ("REFUSED", "delete"): "REFUSED",
    ("READY", "update"): "READY",
    ("READY", "remove"): "REMOVED",
    ("REMOVED", "restore"): "READY",
}
# while nobody but whoever adds it knows of it
UNFINISHED = frozenset({"UPLOADING", "CHECKING", "REFUSED"})
# verbs by which people change what a document says; of a type that has none of them every action counts
CHANGING = frozenset({"update", "change", "comment"})
ABANDONED, KEPT_REFUSED, KEPT_REMOVED = (
    datetime.timedelta(hours=24),
    datetime.timedelta(hours=24),
    datetime.timedelta(days=30),
)
# the contract's numbers end here: 4 GiB less one byte
MOST_BYTES = 2**32 - 1
PIECE_BYTES = 1024 * 1024
UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}

# What may follow the last point of a name, and what the bytes then are: media types as `filetype` tells them by the
# first bytes. "text" has no such bytes, but must be text.
TEXT, ZIP, OLE = "text", "application/zip", "application/x-ole-storage"
_OFFICE = "application/vnd.openxmlformats-officedocument."
KINDS: Mapping[str, tuple[str, ...]] = {
    "pdf": ("application/pdf",),
    "png": ("image/png",),
    "jpg": ("image/jpeg",),
    "jpeg": ("image/jpeg",),
    "gif": ("image/gif",),
    "webp": ("image/webp",),
    "bmp": ("image/bmp",),
    "tif": ("image/tiff",),
    "tiff": ("image/tiff",),
    "heic": ("image/heic",),
    "docx": (f"{_OFFICE}wordprocessingml.document", ZIP),
    "xlsx": (f"{_OFFICE}spreadsheetml.sheet", ZIP),
    "pptx": (f"{_OFFICE}presentationml.presentation", ZIP),
    "ofd": (ZIP,),
    "odt": ("application/vnd.oasis.opendocument.text", ZIP),
    "ods": ("application/vnd.oasis.opendocument.spreadsheet", ZIP),
    "zip": (ZIP,),
    "doc": ("application/msword", OLE),
    "xls": ("application/vnd.ms-excel", OLE),
    "ppt": ("application/vnd.ms-powerpoint", OLE),
    "wps": (OLE, "application/msword", ZIP),
    "et": (OLE, "application/vnd.ms-excel", ZIP),
    "dps": (OLE, "application/vnd.ms-powerpoint", ZIP),
    "rar": ("application/x-rar-compressed",),
    "7z": ("application/x-7z-compressed",),
    "dwg": ("image/vnd.dwg",),
    "mp4": ("video/mp4",),
    "mov": ("video/quicktime",),
    "mp3": ("audio/mpeg",),
    "m4a": ("audio/mp4",),
    "wav": ("audio/x-wav",),
    "txt": (TEXT,),
    "csv": (TEXT,),
    "md": (TEXT,),
    "json": (TEXT,),
    "xml": (TEXT,),
    "svg": (TEXT,),
    "html": (TEXT,),
    "dxf": (TEXT,),
    "step": (TEXT,),
    "stp": (TEXT,),
}
# what is unpacked on the reader's machine by programs that trust it, and how far it may unpack
PACKED = frozenset({"docx", "xlsx", "pptx", "ofd", "odt", "ods", "zip"})
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"})
# media types that are said as they are; everything else travels as plain bytes, that no browser shows
SAID = PICTURES | {"application/pdf"}
_NAME_BYTES = 200
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@dataclass(frozen=True)
class Limits:
    """How many bytes a file, a person and a company may have, as the settings say; a type can have its own limit."""

    file: int = 100 * UNITS["MiB"]
    person: int = 20 * UNITS["GiB"]
    company: int = 1 * UNITS["TiB"]
    types: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Limits:
        """`file=200MiB,person=5GiB,procurement.purchase_order=1GiB`. Raises ValueError with what cannot be read."""
        said: dict[str, int] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = re.fullmatch(r"([a-z_]+(?:\.[a-z_]+)?)=(\d+)(B|KiB|MiB|GiB|TiB)", part)
            if found is None:
                raise ValueError(f"{part!r} is no limit: `file=200MiB` is one")
            said[found[1]] = int(found[2]) * UNITS[found[3]]
        own = {name: said.pop(name) for name in ("file", "person", "company") if name in said}
        if strange := [name for name in said if "." not in name]:
            raise ValueError(f"{strange[0]!r} is neither file, person or company nor a type of documents")
        return cls(**own, types=said)

    def of(self, document_type: str) -> int:
        """Largest file of a document of this type."""
        return min(self.types.get(document_type, self.file), MOST_BYTES)


def size_text(count: int) -> str:
    """`1536` -> `1.5 KiB`: as sentences name sizes."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if count >= UNITS[unit]:
            return f"{count / UNITS[unit]:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"


def extension_of(name: str) -> str:
    """What follows the last point, in small letters; "" where nothing does."""
    stem, point, ending = name.rpartition(".")
    return ending.lower() if point and stem else ""


def named(name: str) -> str:
    """The name as it is kept: in one form of Unicode, without blanks around it. Raises ATTACHMENT_NAME for what could
    lead elsewhere on somebody's disk, ATTACHMENT_EXTENSION for a kind of file that is not taken.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for letter in clean)
    if _FORBIDDEN.search(clean) or hidden or clean.startswith(".") or clean.endswith(".") or _RESERVED.fullmatch(clean):
        raise Refused("ATTACHMENT_NAME", name="".join(c if c.isprintable() else "?" for c in clean)[:100])
    if len(clean.encode()) > _NAME_BYTES:
        raise Refused.fields([("name", "FIELD_TOO_LONG", {"length": len(clean.encode()), "limit": _NAME_BYTES})])
    if extension_of(clean) not in KINDS:
        raise Refused("ATTACHMENT_EXTENSION", extension=extension_of(clean)[:20], allowed=", ".join(KINDS))
    return clean


def renamed(before: str, name: str) -> str:
    """Another name for the same file: its bytes were checked against its ending, which stays."""
    after = named(name)
    if extension_of(after) != extension_of(before):
        raise Refused("ATTACHMENT_ENDING_KEPT", extension=extension_of(before))
    return after


def check_size(size: int, limit: int) -> None:
    """Refuse what is nothing, or larger than may be added."""
    if size == 0:
        raise Refused("ATTACHMENT_EMPTY")
    if size > limit:
        raise Refused("ATTACHMENT_TOO_LARGE", size=size_text(size), limit=size_text(limit))


def check_quota(used: int, size: int, limit: int, reason: str) -> None:
    """Refuse what does not fit any more; `used` holds `size` already."""
    if used > limit:
        raise Refused(reason, used=size_text(used - size), limit=size_text(limit), size=size_text(size))


def wanted(received: int, size: int, offset: int, length: int) -> slice:
    """Which bytes of a piece are new: those before are there already. Refuses a gap, and more than was said."""
    if offset > received:
        raise Refused("ATTACHMENT_OFFSET", received_bytes=received)
    if offset + length > size:
        raise Refused("ATTACHMENT_BEYOND", size=size)
    return slice(min(received - offset, length), length)


def may_change(actions: Collection[str], verbs: Collection[str]) -> bool:
    """Whether somebody may change a document: `actions` are those they may take now, `verbs` all that its type has."""
    changing = CHANGING.intersection(verbs)
    return bool(changing.intersection(actions) if changing else actions)


def allowed_to(row: Any, employee_id: uuid.UUID | None, *, changes: bool) -> list[str]:
    """Actions that somebody who sees a file may take now; `changes`: they may change its document."""
    me = str(employee_id)
    allowed = {
        "finish": str(row.added_by_id) == me,
        "delete": str(row.added_by_id) == me,
        "update": changes,
        "remove": changes,
        "restore": changes and str(row.removed_by_id) == me,
    }
    return [action for state, action in TRANSITIONS if state == row.state and allowed[action]]


def check_kind(extension: str, found: str | None, *, text: bool) -> str:
    """The media type that a file has by its bytes (`found`; None where they say nothing) and its ending. Refuses where
    the two disagree; `text`: the bytes are text.
    """
    kinds = KINDS[extension]
    if found is not None and found in kinds:
        return found
    if found is None and kinds == (TEXT,) and text:
        return "text/plain"
    raise Refused("ATTACHMENT_CONTENT", extension=extension, found=found or ("text" if text else "unknown"))


def view_of(media_type: str, *, pictured: bool) -> str:
    """How a file can be looked at in the browser."""
    return "PDF" if media_type == "application/pdf" else "PICTURE" if pictured else "NONE"
