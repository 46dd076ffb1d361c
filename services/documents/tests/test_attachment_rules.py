"""What may be attached: names, kinds, sizes, quotas, pieces."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Refused
from chassis.testing import refused, stable
from documents.attachment import rules


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("报价单 2026-11.pdf", "报价单 2026-11.pdf"),
        ("  plan.PDF ", "plan.PDF"),
        ("a.b.c.xlsx", "a.b.c.xlsx"),
        ("e\u0301tude.docx", "\u00e9tude.docx"),
    ],
)
def test_a_name_is_kept_in_one_form(name: str, kept: str) -> None:
    assert rules.named(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.txt",
        "..\\boot.txt",
        "/etc/cron.d/x.txt",
        "C:\\x.txt",
        "a\x00.pdf",
        "a\n.pdf",
        "invoice\u202efdp.txt",
        "zero\u200bwidth.pdf",
        ".htaccess.txt",
        "con.txt",
        "LPT1.pdf",
        'a"b.pdf',
        "a;b?.pdf",
        "<b>.pdf",
        "|.pdf",
        "trailing.pdf.",
    ],
)
def test_a_name_that_leads_elsewhere_or_deceives_is_refused(name: str) -> None:
    with refused("ATTACHMENT_NAME"):
        rules.named(name)


@pytest.mark.parametrize("name", ["run.exe", "run.bat", "x.js", "x.sh", "noending", "x.pdf.scr", "x.lnk", "x.xlsm"])
def test_an_ending_that_is_not_listed_is_refused_with_those_that_are(name: str) -> None:
    with refused("ATTACHMENT_EXTENSION") as found:
        rules.named(name)
    assert "pdf" in found.value.facts["allowed"]


def test_a_name_is_no_longer_than_every_disk_takes() -> None:
    assert rules.named("字" * 65 + ".pdf")
    with refused("FIELD_TOO_LONG", field="name"):
        rules.named("字" * 66 + ".pdf")


@given(st.text(max_size=30))
def test_no_name_that_passes_has_a_way_out_of_its_folder(stem: str) -> None:
    try:
        kept = rules.named(f"{stem}.pdf")
    except Refused:
        return
    assert not set(kept) & set('/\\\x00:"')
    assert ".." not in kept.split("/")
    assert kept == kept.strip()


@pytest.mark.parametrize(
    ("extension", "found", "text", "kind"),
    [
        ("pdf", "application/pdf", False, "application/pdf"),
        ("txt", None, True, "text/plain"),
        ("svg", None, True, "text/plain"),
        ("xlsx", "application/zip", False, "application/zip"),
    ],
)
def test_a_kind_is_what_ending_and_bytes_agree_on(extension: str, found: str | None, text: bool, kind: str) -> None:
    assert rules.check_kind(extension, found, text=text) == kind


@pytest.mark.parametrize(
    ("extension", "found", "text"),
    [
        ("pdf", "application/zip", False),
        ("png", None, True),
        ("txt", "application/x-executable", False),
        ("txt", None, False),
        ("jpg", "image/png", False),
        ("pdf", None, True),
    ],
)
def test_an_ending_that_says_something_else_than_the_bytes_is_refused(
    extension: str, found: str | None, text: bool
) -> None:
    with refused("ATTACHMENT_CONTENT"):
        rules.check_kind(extension, found, text=text)


def test_limits_are_read_as_they_are_written() -> None:
    limits = rules.Limits.parse("file=1MiB, person=2GiB,procurement.purchase_order=3GiB")
    assert (limits.of("inventory.unit"), limits.of("procurement.purchase_order")) == (1024**2, 3 * 1024**3)
    assert (limits.person, limits.company) == (2 * 1024**3, 1024**4)
    assert rules.Limits.parse("file=9GiB").of("inventory.unit") == rules.MOST_BYTES
    for text in ("file=5", "unit=1MiB", "file=1MB", "file=-1MiB"):
        with pytest.raises(ValueError, match=r"limit|neither"):
            rules.Limits.parse(text)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (100 * 1024**2, "100 MiB"), (2**32, "4 GiB")]
)
def test_sizes_are_said_in_their_largest_unit(count: int, said: str) -> None:
    assert rules.size_text(count) == said


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 20))
def test_a_piece_adds_exactly_what_was_missing(received: int, offset: int, length: int) -> None:
    size, piece = 50, list(range(offset, offset + length))
    if offset > received:
        with refused("ATTACHMENT_OFFSET"):
            rules.wanted(received, size, offset, length)
    elif offset + length > size:
        with refused("ATTACHMENT_BEYOND"):
            rules.wanted(received, size, offset, length)
    else:
        assert piece[rules.wanted(received, size, offset, length)] == list(
            range(received, max(received, offset + length))
        )


@pytest.mark.parametrize(
    ("actions", "verbs", "may"),
    [
        (["update", "submit"], {"update", "submit", "copy"}, True),
        (["copy"], {"update", "submit", "copy"}, False),
        (["change", "close"], {"update", "change", "close"}, True),
        (["close"], {"update", "change", "close"}, False),
        (["approve"], {"approve", "reject"}, True),
        ([], {"approve", "reject"}, False),
        (["comment"], {"comment", "withdraw"}, True),
    ],
)
def test_whoever_may_change_a_document_as_it_stands_may_add(actions: list[str], verbs: set[str], may: bool) -> None:
    assert rules.may_change(actions, verbs) is may


@pytest.mark.parametrize(
    ("state", "who", "changes", "actions"),
    [
        ("UPLOADING", "requester", False, ["finish", "delete"]),
        ("UPLOADING", "colleague", True, []),
        ("CHECKING", "requester", True, []),
        ("READY", "colleague", True, ["update", "remove"]),
        ("READY", "requester", False, []),
        ("REFUSED", "requester", False, ["delete"]),
        ("REMOVED", "colleague", True, ["restore"]),
        ("REMOVED", "colleague", False, []),
        ("REMOVED", "requester", True, []),
        ("PURGED", "colleague", True, []),
    ],
)
def test_what_may_be_done_follows_from_state_person_and_document(
    state: str, who: str, changes: bool, actions: list[str]
) -> None:
    row = SimpleNamespace(state=state, added_by_id=stable("requester"), removed_by_id=stable("colleague"))
    assert rules.allowed_to(row, stable(who), changes=changes) == actions
