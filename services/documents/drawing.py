"""Drawings (SVG), which can hold programs: what would run or lead to something that runs is found by a parser, so that
neither spelling, prefixes, encodings nor entities hide it. References: SVG 2, 15 (scripting) and HTML, 4.12.1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

# elements that run, listen, or hold a page or a program of another kind
ACTIVE = frozenset({"script", "foreignobject", "handler", "listener", "iframe", "embed", "object"})
# what an address, also one that an animation would set, must not begin with; browsers skip blanks within
LEADS = re.compile(r"(javascript|vbscript):|data:(text/html|application/|image/svg)")
BLANKS = re.compile(r"[\x00-\x20]+")


class NotDrawing(Exception):
    """The root is something else."""


class Active(Exception):
    """What was found, as it is called there."""


def check(path: Path) -> bool:
    """Whether a file is a drawing. Raises Active for one that holds something that runs, ExpatError where it cannot be
    read to its end.
    """
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        local = _local(name)
        depth += 1
        if depth == 1 and local != "svg":
            raise NotDrawing
        if local in ACTIVE:
            raise Active(f"<{local}>")
        for key, value in attributes.items():
            if _local(key).startswith("on"):
                raise Active(_local(key))
            if found := LEADS.search(BLANKS.sub("", value).lower()):
                raise Active(found[0])

    def instruct(target: str, data: str) -> None:
        if "xsl" in data.lower():
            raise Active(f"<?{target}?>")

    parser: Any = expat.ParserCreate()
    parser.StartElementHandler, parser.ProcessingInstructionHandler = begin, instruct
    with path.open("rb") as file:
        try:
            parser.ParseFile(file)
        except NotDrawing:
            return False
    return True


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
