"""The table of situations and readers, for whoever ran the tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pytest

from e2e.tests.situations.situation import Played

TABLE: Final = pytest.StashKey[list[str]]()
"""Where the table waits for the end of the run."""


def lines(played: Iterable[Played]) -> Iterator[str]:
    """One for each checkpoint."""
    yield f"{'situation':22} {'after':24} {'kubectl wait':12} {'kstatus':12} {'Argo CD':12} {'Ready':5} Reason"
    for one in played:
        for number, seen in enumerate(one.seen):
            words = seen.reading.words
            name = "" if number else one.situation.name
            yield (
                f"{name:22} {seen.step.what:24} {words.wait:12} {words.kstatus:12} {words.argo:12} "
                f"{words.ready:5} {seen.reading.reason}"
            ).rstrip()
        for fault in one.wrong:
            yield f"  WRONG: {fault}"
