"""Files that are small to send and dear to look at, and pictures that hold what a browser would run."""

from __future__ import annotations

import io
import struct
import zipfile

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
# what stands in the picture, and what of it is found
ACTIVE = [
    ("<script>alert(1)</script>", "<script>"),
    ("<SCRIPT/>", "<SCRIPT>"),
    ('<s:script xmlns:s="http://www.w3.org/2000/svg" href="https://x.example/a.js"/>', "<s:script>"),
    ("<g><foreignObject><p/></foreignObject></g>", "<foreignObject>"),
    ('<h:iframe xmlns:h="http://www.w3.org/1999/xhtml" srcdoc="x"/>', "<h:iframe>"),
    ('<g onload="alert(1)"/>', "onload"),
    ('<g OnClick="alert(1)"/>', "OnClick"),
    ('<a href="javascript:alert(1)"/>', "href=javascript:"),
    ('<a xlink:href=" JaVa&#10;Script&#x3a;alert(1)"/>', "xlink:href=javascript:"),
    ('<animate attributeName="href" values="#a;javascript:alert(1)"/>', "values=javascript:"),
    ('<set attributeName="onclick" to="alert(1)"/>', "attributeName=onclick"),
    ('<a href="data:text/html,x"/>', "href=data:text/html,x"),
    ('<use href="https://x.example/a.svg#b"/>', "href=https://x.example/a.svg#b"),
    ("<?xml-stylesheet href='a.xsl'?>", "<?xml-stylesheet?>"),
]


def svg(inside: str = '<a href="https://x.example/"><use href="#b"/><image href="data:image/png;base64,"/></a>') -> str:
    return SVG.format(inside)


def one(compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of one entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr("a", b"aaaa")
    return out.getvalue()


def long_list(count: int = 1_200_000, *, zip64: bool = False) -> bytes:
    """An archive that names its one entry again and again; of their number it says 1, or in zip64 the truth."""
    made = one()
    start, end = made.index(b"PK\x01\x02"), made.index(b"PK\x05\x06")
    listed = made[start:end] * count
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), start, 0)
    if zip64:
        record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(listed), start)
        record += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(listed), 1)
        last = record + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    return made[:start] + listed + last


def large_dictionary() -> bytes:
    """A few bytes of LZMA that ask for a dictionary of 4 GiB."""
    made = bytearray(one(zipfile.ZIP_LZMA))
    # behind the entry's head and its name: two bytes of version, two of length, one of properties
    place = 30 + len("a") + 5
    made[place : place + 4] = b"\xff" * 4
    return bytes(made)
