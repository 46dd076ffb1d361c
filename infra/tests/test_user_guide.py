"""The user guide and its pictures go together, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "user-guide"
LARGEST_BYTES, ALL_BYTES = 100_000, 3_000_000


def named(locale: str) -> list[str]:
    """The pictures that the guide shows, each with words for whoever does not see it."""
    found = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", (GUIDE / f"{locale}.md").read_text(encoding="utf-8"))
    assert all(words.strip() for words, _ in found)
    return [path for _, path in found]


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_each_picture_that_the_guide_names_is_there_and_each_that_is_there_is_named(locale: str) -> None:
    there = {f"pictures/{locale}/{file.name}" for file in (GUIDE / "pictures" / locale).iterdir()}
    assert sorted(named(locale)) == sorted(there)


def test_both_languages_show_the_same() -> None:
    chinese, english = (sorted(Path(path).name for path in named(locale)) for locale in ("zh-CN", "en"))
    assert chinese == english


def test_pictures_are_small() -> None:
    sizes = {file: file.stat().st_size for file in GUIDE.rglob("*.webp")}
    assert {file.name: size for file, size in sizes.items() if size >= LARGEST_BYTES} == {}
    assert sum(sizes.values()) < ALL_BYTES
