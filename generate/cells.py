"""Texts for the cells of a Markdown table."""

from collections.abc import Iterable


def code(words: Iterable[object]) -> str:
    """`words` as code, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


def one_line(text: str) -> str:
    """`text` with each line break as a blank."""
    return " ".join(text.split())
