"""Sanitizing foreign text to one printable line of limited size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_common.text import sanitize

ANYTHING = st.text(st.characters(categories=None))  # lone surrogates and unassigned characters, too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("Erreur de base de donn\udce9es", "Erreur de base de données"),
        ("a\r\nb\tc\u2028d\u00a0e", "a b c d e"),
        ("\x1b[31mred\x00", "\\x1b[31mred\\x00"),
        ("left \u202eright\u200b", "left \\u202eright\\u200b"),
        ("half \ud83d of it", "half \\ud83d of it"),
        ("\udc9f", "\\x9f"),
        ("\U000e0001", "\\U000e0001"),
        ("日本語 😀", "日本語 😀"),
        ("", ""),
    ],
)
def test_text_is_made_printable(text: str, shown: str) -> None:
    assert sanitize(text, max_length=100) == shown


def test_long_text_is_cut_by_characters_and_bytes() -> None:
    assert sanitize("a" * 11, max_length=10) == "a" * 9 + "…"
    assert sanitize("é" * 10, max_length=10) == "é" * 10
    assert sanitize("日" * 10, max_length=10) == "日" * 5 + "…"
    assert sanitize("x" + " " * 1_000_000 + "y", max_length=10) == "x…"


@given(ANYTHING, st.integers(min_value=2, max_value=300))
def test_any_text_is_short_and_printable(text: str, most: int) -> None:
    shown = sanitize(text, max_length=most)
    assert len(shown) <= most
    assert len(shown.encode()) <= 2 * most
    assert shown.isprintable()
    assert sanitize(shown, max_length=most) == shown


@given(st.binary(max_size=200))
def test_any_decoded_bytes_are_short(data: bytes) -> None:
    for how in ("surrogateescape", "surrogatepass", "replace", "backslashreplace"):
        try:
            text = data.decode(errors=how)
        except UnicodeDecodeError:
            continue
        assert len(sanitize(text, max_length=500).encode()) <= 1000
