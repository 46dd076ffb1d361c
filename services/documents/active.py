"""What a browser would run of an SVG: judged by the document as a parser of XML reads it, not by its words."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

PART_BYTES = 64 * 1024
# elements that run something or bring a page of another language along
RUNNING = frozenset({"script", "foreignobject", "handler", "listener", "iframe", "embed", "object"})
# Markup reads alike in all of these. In another one, the bytes could mean what is not judged here.
ENCODINGS = frozenset(
    {"utf-8", "utf8", "utf-16", "gb18030", "gbk", "gb2312", "us-ascii", "ascii", "iso-8859-1", "windows-1252"}
)
# browsers leave these out of an address before they look at its scheme
_LEFT_OUT = re.compile(r"[\x00-\x20]")
_SCRIPTED = re.compile(r"(?i)(javascript|vbscript):")


class Active(Exception):
    """The SVG holds this."""


class _NoSvg(Exception):
    """Its root is something else."""


def active_part(path: Path, *, svg: bool) -> str | None:
    """What a browser would run, as its reader finds it in the file; None where it is no SVG or holds nothing.

    `svg`: the name says that it is one: whatever its root is, it is judged, and it must be readable. Raises ValueError.
    """
    judge = _Judge(svg)
    # what Python calls of it: the document decides what it is made of, so nothing is fetched and no entity resolved
    reader: Any = expat.ParserCreate("utf-8")
    reader.XmlDeclHandler, reader.StartDoctypeDeclHandler = judge.declaration, judge.doctype
    reader.ProcessingInstructionHandler, reader.StartElementHandler = judge.instruction, judge.element
    try:
        with path.open("rb") as file:
            head = file.read(2)
            file.seek(0)
            wide = head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")("replace")
            while part := file.read(PART_BYTES):
                reader.Parse(decoder.decode(part).encode("utf-8", "replace"), False)
            reader.Parse(decoder.decode(b"", True).encode("utf-8", "replace"), True)
    except Active as active:
        return str(active)
    except _NoSvg:
        return None
    except expat.ExpatError as problem:
        # a text that only begins like one is no picture
        if svg:
            raise ValueError(f"no SVG: {problem}") from problem
    return None


class _Judge:
    def __init__(self, svg: bool) -> None:
        self.svg, self.before, self.rooted = svg, "", False

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in ENCODINGS:
            self._before_root(f"encoding {encoding[:40]}")

    def doctype(self, _name: str, _system: str | None, _public: str | None, internal: int) -> None:
        # drawing programs name the public one, which no browser fetches; entities of its own could hold anything
        if internal:
            self._before_root("<!DOCTYPE […]>")

    def instruction(self, target: str, _data: str) -> None:
        # a style sheet may be a program that writes another document
        if target.lower() == "xml-stylesheet":
            self._before_root("<?xml-stylesheet?>")

    def _before_root(self, what: str) -> None:
        """It counts once the root says that this is an SVG."""
        self.before = self.before or what
        if self.svg or self.rooted:
            raise Active(self.before)

    def element(self, name: str, attributes: dict[str, str]) -> None:
        kind = _local(name)
        if not self.rooted and not self.svg and kind != "svg":
            raise _NoSvg
        self.rooted = True
        if self.before:
            raise Active(self.before)
        if kind in RUNNING:
            raise Active(f"<{name[:40]}>")
        for attribute, value in attributes.items():
            self._attribute(kind, attribute, value)

    def _attribute(self, kind: str, attribute: str, value: str) -> None:
        local, address = _local(attribute), _LEFT_OUT.sub("", value).lower()
        if local.startswith("on"):
            raise Active(attribute[:40])
        if local == "attributename" and _local(address).startswith("on"):
            raise Active(f"{attribute[:40]}={address[:40]}")
        if found := _SCRIPTED.search(address):
            raise Active(f"{attribute[:40]}={found[0]}")
        if address.startswith("data:") and not address.startswith("data:image/"):
            raise Active(f"{attribute[:40]}={address[:30]}")
        # what is used of another document brings its scripts along
        if kind == "use" and local == "href" and not address.startswith("#"):
            raise Active(f"{attribute[:40]}={address[:40]}")


def _local(name: str) -> str:
    """A name without its prefix: `s:Script` -> `script`."""
    return name.rpartition(":")[2].lower()
