"""What is in a file, looked at by the process that does nothing else: kinds, bombs, ways out, pictures."""

from __future__ import annotations

import io
import json
import resource
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from documents.tests import hostile

MIB = 1024**2


def look(path: Path, most: int = 0, ending: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "documents.inspection", str(path), str(path.with_suffix(".small")), str(most), ending],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


def packed(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "media_type", "text"),
    [
        (b"%PDF-1.4\n", "application/pdf", False),
        ("一，二，三\n".encode(), None, True),
        ("一，二，三\n".encode("gb18030"), None, True),
        ("\ufeff一\t二\n".encode("utf-16"), None, True),
        (b"\x7fELF\x02\x01\x01" + bytes(60), "application/x-executable", False),
        (b"MZ" + bytes(200), "application/x-msdownload", False),
        (b"plain\x00but not", None, False),
    ],
)
def test_a_kind_is_told_by_its_first_bytes(tmp_path: Path, data: bytes, media_type: str | None, text: bool) -> None:
    found = look(put(tmp_path, "x", data))
    assert (found["media_type"], found["text"]) == (media_type, text)


def test_an_archive_as_people_make_them_is_fine(tmp_path: Path) -> None:
    inner = packed(("sheet.xml", b"<x/>" * 1000))
    data = packed(("图纸/a.txt", b"a" * 1000), ("b.xlsx", inner), ("empty/", b""))
    assert "refusal" not in look(put(tmp_path, "x.zip", data), 200 * MIB)


def test_what_unpacks_to_far_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    bomb = put(tmp_path, "x.xlsx", packed(("xl/sheet1.xml", bytes(64 * MIB))))
    assert bomb.stat().st_size < MIB
    assert look(bomb, 200 * MIB)["refusal"] == "ATTACHMENT_BOMB"


def test_what_an_archive_says_of_itself_is_not_believed(tmp_path: Path) -> None:
    """The size in the directory is made small: what is counted is what comes out."""
    data = bytearray(packed(("a", bytes(64 * MIB))))
    true, said = (64 * MIB).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert data.count(true) >= 1
    found = look(put(tmp_path, "x.zip", bytes(data).replace(true, said)), 200 * MIB)
    assert found["refusal"] in ("ATTACHMENT_BOMB", "ATTACHMENT_DAMAGED")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    found = look(put(tmp_path, "x.zip", packed(*((f"{n}", b"") for n in range(2001)))), 200 * MIB)
    assert (found["refusal"], found["facts"]) == ("ATTACHMENT_ENTRIES", {"count": "2001", "limit": "2000"})


def test_archives_within_archives_within_archives_are_refused(tmp_path: Path) -> None:
    data = packed(("a.txt", b"a"))
    for _ in range(2):
        data = packed(("inner.zip", data))
    assert look(put(tmp_path, "x.zip", data), 200 * MIB)["refusal"] == "ATTACHMENT_NESTED"


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize("entry", ["../up.txt", "/etc/passwd", "a/../../b", "C:/x", "a\\..\\..\\b", link("to")])
def test_an_entry_that_leads_out_of_its_folder_is_refused(tmp_path: Path, entry: Any) -> None:
    assert look(put(tmp_path, "x.zip", packed((entry, b"x"))), 200 * MIB)["refusal"] == "ATTACHMENT_ENTRY"


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    data = packed(("a.txt", bytes(range(256)) * 400))
    assert look(put(tmp_path, "x.zip", data[:-30]), 200 * MIB)["refusal"] == "ATTACHMENT_DAMAGED"


def test_a_picture_of_too_many_pixels_is_a_file_without_a_small_one(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (10_000, 5_001)).save(out, "PNG")
    path = put(tmp_path, "x.png", out.getvalue())
    found = look(path)
    assert (found["media_type"], found["pictured"]) == ("image/png", False)
    assert not path.with_suffix(".small").exists()


def test_a_picture_is_turned_as_it_was_taken_and_says_nothing_of_where(tmp_path: Path) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SecretCamera"
    Image.new("RGB", (1200, 800), "olive").save(out, "JPEG", exif=exif)
    path = put(tmp_path, "x.jpg", out.getvalue())
    assert look(path)["pictured"]
    small = path.with_suffix(".small").read_bytes()
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.height > picture.width
    assert b"SecretCamera" not in small


def with_bytes(data: bytes, local: int, central: int, value: int) -> bytes:
    """An archive of one entry with a two-byte word changed in its local head and in its directory."""
    made, directory = bytearray(data), data.index(b"PK\x01\x02")
    made[local : local + 2] = made[directory + central : directory + central + 2] = value.to_bytes(2, "little")
    return bytes(made)


def test_what_is_packed_by_a_method_that_we_do_not_have_counts_by_its_size(tmp_path: Path) -> None:
    """Deflate64, as Windows packs large files."""
    small, large = (with_bytes(packed(("a", bytes(size))), 8, 10, 9) for size in (1000, 64 * MIB))
    assert "refusal" not in look(put(tmp_path, "x.zip", small), 200 * MIB)
    assert look(put(tmp_path, "y.zip", large), 200 * MIB)["refusal"] == "ATTACHMENT_BOMB"


def test_a_package_of_a_later_format_is_refused_as_one_that_cannot_be_read(tmp_path: Path) -> None:
    later = with_bytes(packed(("a.txt", b"a")), 4, 6, 99)
    assert look(put(tmp_path, "x.zip", later), 200 * MIB)["refusal"] == "ATTACHMENT_DAMAGED"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (lambda: hostile.long_list(), "ATTACHMENT_BOMB"),
        (lambda: hostile.long_list(zip64=True), "ATTACHMENT_BOMB"),
        (lambda: packed(("inner.zip", hostile.long_list(200_000))), "ATTACHMENT_BOMB"),
        (lambda: hostile.long_list(3_000), "ATTACHMENT_ENTRIES"),
        (lambda: hostile.long_list(3_000, zip64=True), "ATTACHMENT_ENTRIES"),
        (hostile.large_dictionary, "ATTACHMENT_BOMB"),
        (lambda: packed(("inner.zip", hostile.large_dictionary())), "ATTACHMENT_BOMB"),
    ],
)
def test_an_archive_that_asks_for_all_the_memory_is_refused(tmp_path: Path, data: Any, refusal: str) -> None:
    assert look(put(tmp_path, "x.zip", data()), 200 * MIB)["refusal"] == refusal


@pytest.mark.parametrize(("inside", "found"), hostile.ACTIVE)
def test_a_picture_that_a_browser_would_run_something_of_is_refused(tmp_path: Path, inside: str, found: str) -> None:
    """Whatever its encoding, and whatever its name says."""
    text = hostile.svg(inside)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "gb18030"):
        for ending in ("svg", "txt"):
            said = look(put(tmp_path, "x", text.encode(encoding)), 0, ending)
            assert (said["refusal"], said["facts"]) == ("ATTACHMENT_ACTIVE", {"found": found})


@pytest.mark.parametrize(
    ("text", "ending", "refusal"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "svg", "ATTACHMENT_ACTIVE"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "txt", "ATTACHMENT_ACTIVE"),
        ('<?xml version="1.0" encoding="utf-7"?><svg/>', "svg", "ATTACHMENT_ACTIVE"),
        ('<?xml-stylesheet href="a.xsl"?><svg/>', "xml", "ATTACHMENT_ACTIVE"),
        ('<s:svg xmlns:s="http://www.w3.org/2000/svg" onload="x"/>', "xml", "ATTACHMENT_ACTIVE"),
        ('<html xmlns="http://www.w3.org/1999/xhtml"><script/></html>', "svg", "ATTACHMENT_ACTIVE"),
        (hostile.svg(" " * 2 * MIB + "<script/>"), "svg", "ATTACHMENT_ACTIVE"),
        ("<svg><g></svg>", "svg", "ATTACHMENT_DAMAGED"),
        ("no picture at all", "svg", "ATTACHMENT_DAMAGED"),
        ("<svg/> begins a picture", "txt", None),
        ("<!DOCTYPE html><html><script>alert(1)</script></html>", "html", None),
        ('<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd"><svg/>', "svg", None),
        ('<?xml version="1.0" encoding="gb18030"?><图 onload="x"/>', "xml", None),
        (hostile.svg(), "svg", None),
        ('<?xml version="1.0" encoding="UTF-8"?>\n<!-- 图 -->\n' + hostile.svg("<g>一</g>"), "svg", None),
    ],
)  # fmt: skip
def test_a_picture_is_judged_as_its_reader_reads_it(
    tmp_path: Path, text: str, ending: str, refusal: str | None
) -> None:
    assert look(put(tmp_path, "x", text.encode()), 0, ending).get("refusal") == refusal


def test_that_there_is_no_room_to_unpack_into_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, "x.zip", packed(("inner.zip", packed(("a.txt", b"a")))))
    done = subprocess.run(
        [sys.executable, "-m", "documents.inspection", str(path), str(tmp_path / "small"), str(200 * MIB), "zip"],
        capture_output=True, check=False, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    assert look(path, 200 * MIB).get("refusal") is None


def test_wrong_data_of_bzip2_is_the_files_fault(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", b"a" * 1000)
    data = bytearray(out.getvalue())
    data[31:34] = b"xxx"
    assert look(put(tmp_path, "x.zip", bytes(data)), 200 * MIB)["refusal"] == "ATTACHMENT_DAMAGED"
