"""Files at the door: what a download says of itself, and how many are on their way."""

from __future__ import annotations

import pytest

from chassis.testing import refused
from gateway.files import Transfers, described


@pytest.mark.parametrize(
    ("content_type", "disposition", "sandboxed"),
    [
        ('application/pdf; name="a.pdf"; size=9; inline', "inline", False),
        ('application/pdf; name="a.pdf"; size=9', "attachment", True),
        ('application/pdf; name="PO-2026-000001.pdf"', "inline", False),
        ('application/octet-stream; name="a.svg"; size=9; inline', "attachment", True),
        ('image/png; name="a.png"; size=9; inline', "attachment", True),
        ('text/html; name="a.html"; size=9; inline', "attachment", True),
    ],
)
def test_nothing_but_a_pdf_is_ever_shown(content_type: str, disposition: str, sandboxed: bool) -> None:
    _, headers = described(content_type, "plain")
    assert headers["Content-Disposition"].split(";")[0] == disposition
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ("sandbox" in headers["Content-Security-Policy"]) is sandboxed
    assert ("frame-ancestors 'self'" in headers["Content-Security-Policy"]) is not sandboxed


def test_a_name_comes_as_it_was_given_and_a_size_is_said() -> None:
    kind, headers = described('application/pdf; name="%E6%8A%A5%3Bx%22.pdf"; size=9', "plain")
    assert (kind, headers["Content-Length"]) == ("application/pdf", "9")
    assert "filename*=UTF-8''%E6%8A%A5%3Bx%22.pdf" in headers["Content-Disposition"]


def test_one_person_does_not_take_all_places_and_each_is_given_back_once() -> None:
    transfers = Transfers(3, 2)
    leave = transfers.enter("a")
    transfers.enter("a")
    with refused("TOO_MANY_REQUESTS"):
        transfers.enter("a")
    transfers.enter("b")
    with refused("TOO_MANY_REQUESTS"):
        transfers.enter("c")
    leave()
    leave()
    with transfers.holding("c"), refused("TOO_MANY_REQUESTS"):
        transfers.enter("d")
    transfers.enter("a")
