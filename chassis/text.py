"""Text that people type: what may not hide in it, and how it is found again, Chinese included.

Search stands on PostgreSQL's `simple` configuration. Chinese has no spaces, so a run of characters is stored as its
overlapping pairs: 固定资产 -> 固定 定资 资产 产. The last character alone closes the run; it makes a search for one
character possible and keeps a phrase from reaching over the end of a run into the next. Latin words and digits are
words; full pinyin and initials stand behind them, from each character on: `gdzc`, `zichan` and `zc` all find it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

# Control characters (less TAB and LF, which several lines may hold), direction marks, zero-width and other characters
# that show nothing: what lets one text look like another.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
_HIDDEN_IN_LINES = re.compile(f"[{_HIDDEN}]")
_HIDDEN_IN_LINE = re.compile(f"[{_HIDDEN}\t\n]")

_CJK = "々〆〇\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>[^\W_{_CJK}]+)")
_PART = re.compile(r"\d+|[^\W\d]+")

# Longest pinyin that is found from a character inside a run on; the whole run is found whatever its length.
_PINYIN_SYLLABLES, _INITIALS = 8, 12
# A tsquery of more terms serves nobody and costs the database.
_QUERY_TERMS = 32


class Hidden(NamedTuple):
    """A character that may not stand in a text: `U+202E`, and its place counted from 1."""

    codepoint: str
    position: int


def check_plain(text: str, multiline: bool = False) -> Hidden | None:
    """The first control, direction-changing or invisible character of a text; None where it is plain."""
    if not (match := (_HIDDEN_IN_LINES if multiline else _HIDDEN_IN_LINE).search(text)):
        return None
    return Hidden(f"U+{ord(match[0]):04X}", match.start() + 1)


def normalise(text: str) -> str:
    """The text as it is stored: composed (NFC), lines ending in LF, nothing blank around it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()


def pinyin(text: str) -> str:
    """Pinyin in syllables, other words as they are, in small letters: the sort key. 重庆M8 -> `chong qing m8`."""
    return " ".join(piece for pieces in _spoken(text) for piece in pieces)


def pinyin_initials(text: str) -> str:
    """First letters of the pinyin, other words as they are: 重庆银行 -> `cqyh`, M8螺栓 -> `m8ls`."""
    return "".join(
        piece if match["word"] else piece[0]
        for match, pieces in zip(_runs(text), _spoken(text), strict=True)
        for piece in pieces
    )


def search_document(*parts: str | None) -> str:
    """What to give to `to_tsvector('simple', ...)` for texts that shall be found together."""
    tokens: list[str] = []
    spoken: dict[str, None] = {}
    for part in parts:
        for match in _runs(part or ""):
            run = match[0]
            if match["word"]:
                pieces = _PART.findall(run)
                tokens += [run, *pieces] if len(pieces) > 1 else [run]
            else:
                tokens += [*_pairs(run), run[-1]]
                spoken |= dict.fromkeys(_pinyin_tokens(run))
    return " ".join([*tokens, *spoken])


def search_query(user_text: str) -> str:
    """The argument of `to_tsquery('simple', ...)` for what a person typed; "" where there is nothing to look for.

    Every word must be there. Chinese characters must stand side by side; Latin words and single characters may be
    beginnings. Only letters and digits reach the expression, so that nothing in it needs escaping.
    """
    terms: dict[str, None] = {}
    for match in _runs(user_text):
        run = match[0]
        if match["word"] or len(run) == 1:
            terms[f"'{run}':*"] = None
        else:
            terms[" <-> ".join(f"'{pair}'" for pair in _pairs(run))] = None
    chosen = list(terms)[:_QUERY_TERMS]
    return " & ".join(f"({term})" if " " in term and len(chosen) > 1 else term for term in chosen)


def _runs(text: str) -> Iterator[re.Match[str]]:
    """Runs of Chinese characters and of letters or digits, compatibility forms folded: Ａ１ -> a1."""
    return _RUN.finditer(unicodedata.normalize("NFKC", text).lower())


def _pairs(run: str) -> list[str]:
    return [run[index : index + 2] for index in range(len(run) - 1)]


def _pinyin_tokens(run: str) -> Iterator[str]:
    syllables = _syllables(run)
    yield "".join(syllables)
    for start in range(len(syllables)):
        yield "".join(syllables[start : start + _PINYIN_SYLLABLES])
        yield "".join(syllable[0] for syllable in syllables[start : start + _INITIALS])


def _spoken(text: str) -> Iterator[list[str]]:
    for match in _runs(text):
        yield _syllables(match[0]) if match["cjk"] else [match[0]]


def _syllables(run: str) -> list[str]:
    return [syllable for syllable in _lazy_pinyin()(run) if syllable]


@functools.cache
def _lazy_pinyin() -> Callable[[str], list[str]]:
    """Loaded with the first Chinese text: its tables take 30 MB that most processes never need."""
    from pypinyin import Style, lazy_pinyin

    return lambda run: lazy_pinyin(run, style=Style.NORMAL, v_to_u=False)
