"""Ids and etags."""

import uuid

import pytest

from chassis import ids


def test_later_ids_sort_after_earlier_ones():
    made = [ids.uuid7() for _ in range(1000)]
    assert made == sorted(made)
    assert {one.version for one in made} == {7}


def test_an_id_is_read_in_its_one_notation():
    one = ids.uuid7()
    assert ids.parse(str(one)) == one
    assert ids.parse(str(one).upper()) == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "{" + str(uuid.UUID(int=1)) + "}",
        uuid.UUID(int=1).hex,
        f"urn:uuid:{uuid.UUID(int=1)}",
        f"{uuid.UUID(int=1)}\n",
        "０" * 8,
    ],
)
def test_other_notations_are_no_ids(text):
    with pytest.raises(ValueError, match="not an id"):
        ids.parse(text)


def test_an_etag_is_the_quoted_version():
    assert ids.etag_of(12) == '"12"'
    assert ids.version_of('"12"') == 12


@pytest.mark.parametrize("etag", ["", "12", '"12', '"-1"', '"01"', '"1.0"', '"１"', '"12345678901"', 'W/"1"'])
def test_anything_else_is_no_etag(etag):
    with pytest.raises(ValueError, match="not an etag"):
        ids.version_of(etag)
