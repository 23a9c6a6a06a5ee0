"""Foreign text becomes one printable line of bounded size, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_common.text import readable

ANYTHING = st.text(st.characters(categories=None))  # lone surrogates and unassigned characters, too


@pytest.mark.parametrize(
    ("given_text", "shown"),
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
def test_shown_readably(given_text: str, shown: str) -> None:
    assert readable(given_text, most=100) == shown


def test_cut_to_characters_and_to_bytes() -> None:
    assert readable("a" * 11, most=10) == "a" * 9 + "…"
    assert readable("é" * 10, most=10) == "é" * 10
    assert readable("日" * 10, most=10) == "日" * 5 + "…"
    assert readable("x" + " " * 1_000_000 + "y", most=10) == "x…"


@given(ANYTHING, st.integers(min_value=2, max_value=300))
def test_any_text(text: str, most: int) -> None:
    shown = readable(text, most=most)
    assert len(shown) <= most
    assert len(shown.encode()) <= 2 * most
    assert shown.isprintable()
    assert readable(shown, most=most) == shown


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for how in ("surrogateescape", "surrogatepass", "replace", "backslashreplace"):
        try:
            text = data.decode(errors=how)
        except UnicodeDecodeError:
            continue
        assert len(readable(text, most=500).encode()) <= 1000
