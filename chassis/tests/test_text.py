"""Plain text and search."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import text

CHINESE = st.text("固定资产采购申请单重庆银行", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("采购\u202e单", ("U+202E", 3)),
        ("\u200bA", ("U+200B", 1)),
        ("A\ufeff", ("U+FEFF", 2)),
        ("A\x00B", ("U+0000", 2)),
        ("\U000e0041", ("U+E0041", 1)),
        ("a\u00adb", ("U+00AD", 2)),
        ("\u3164", ("U+3164", 1)),
        ("\x1b[31m", ("U+001B", 1)),
        ("a\u2028b", ("U+2028", 2)),
        ("a\nb", ("U+000A", 2)),
        ("a\tb", ("U+0009", 2)),
    ],
)
def test_hidden_characters_are_found_with_their_place(given, found):
    assert text.check_plain(given) == found


@pytest.mark.parametrize("plain", ["", "采购申请 M8×20 (急)", "café", "１２　３", "😀 ok", "ÄÖ", "𠮷野家", "𝑥"])
def test_plain_text_is_plain(plain):
    assert text.check_plain(plain) is None


def test_line_ends_belong_to_texts_of_several_lines():
    assert text.check_plain("一\n\t二", multiline=True) is None
    assert text.check_plain("一\r二", multiline=True) == ("U+000D", 2)


def test_every_character_that_shows_nothing_is_refused():
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and chr(code) not in "\t\n":
            arabic_or_script_signs = 0x600 <= code <= 0x8FF or 0x110BD <= code <= 0x1DFFF
            assert arabic_or_script_signs or text.check_plain(chr(code), multiline=True), hex(code)


def test_text_is_stored_composed_and_trimmed():
    assert text.normalise("  cafe\u0301\r\n二　") == "café\n二"


@pytest.mark.parametrize(
    ("given", "full", "initials"),
    [
        ("重庆银行", "chong qing yin hang", "cqyh"),
        ("M8螺栓", "m8 luo shuan", "m8ls"),
        ("女式", "nv shi", "ns"),
        ("Ａ4 纸", "a4 zhi", "a4z"),
        ("", "", ""),
        ("《—》", "", ""),
    ],
)
def test_pinyin(given, full, initials):
    assert text.pinyin(given) == full
    assert text.pinyin_initials(given) == initials


def test_a_document_holds_pairs_words_and_pinyin():
    tokens = text.search_document("固定资产 M8x20", None, "abc-123").split()
    assert tokens[:11] == ["固定", "定资", "资产", "产", "m8x20", "m", "8", "x", "20", "abc", "123"]
    assert {"gudingzichan", "dingzichan", "zichan", "gdzc", "zc"} <= set(tokens[11:])


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("固定资产", "'固定' <-> '定资' <-> '资产'"),
        ("固", "'固':*"),
        ("gdzc", "'gdzc':*"),
        ("GDZC 固定", "'gdzc':* & '固定'"),
        ("固定资 a", "('固定' <-> '定资') & 'a':*"),
        ("a a A", "'a':*"),
        ("PO-2026-000001", "'po':* & '2026':* & '000001':*"),
        ("'; drop & | ! () <-> :* \\ 固", "'drop':* & '固':*"),
        ("  ", ""),
        ("&|!", ""),
    ],
)
def test_what_a_person_types_becomes_a_query(typed, query):
    assert text.search_query(typed) == query


def test_a_query_has_a_bounded_number_of_terms():
    assert text.search_query(" ".join(f"w{n}" for n in range(1000))).count("&") == 31


def matches(document: str, query: str) -> bool:
    """What PostgreSQL does with positions, prefixes, phrases and conjunctions."""
    places: dict[str, list[int]] = {}
    for position, token in enumerate(document.split()):
        places.setdefault(token, []).append(position)

    def found(term: str) -> bool:
        lexemes = re.findall(r"'([^']+)'(:\*)?", term)
        if len(lexemes) == 1 and lexemes[0][1]:
            return any(token.startswith(lexemes[0][0]) for token in places)
        starts = places.get(lexemes[0][0], [])
        return any(all(s + n in places.get(word, []) for n, (word, _) in enumerate(lexemes)) for s in starts)

    return all(found(term) for term in query.split(" & "))


@given(st.lists(CHINESE, min_size=1, max_size=4), st.text("固定资产采购", min_size=1, max_size=5))
def test_chinese_is_found_exactly_where_it_stands_side_by_side(parts, typed):
    stands = any(typed in part for part in parts)
    assert matches(text.search_document(*parts), text.search_query(typed)) == stands


@given(CHINESE, st.integers(0, 11), st.integers(1, 6))
def test_pinyin_and_initials_find_what_they_spell(name, start, length):
    syllables = text.pinyin(name).split()[start : start + length]
    if syllables:
        document = text.search_document(name)
        assert matches(document, text.search_query("".join(syllables)))
        assert matches(document, text.search_query("".join(syllable[0] for syllable in syllables)))


@given(st.text(max_size=60))
def test_no_text_breaks_out_of_the_query(typed):
    query = text.search_query(typed)
    assert re.fullmatch(r"(?:\(?'[^\s'\\&|!()<>:*]+'(?::\*)?\)?(?: (?:&|<->) )?)*", query)
