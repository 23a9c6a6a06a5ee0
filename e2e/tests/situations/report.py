"""The table of situations and readers at the end of the test output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pytest

from e2e.tests.situations.run import Run
from e2e.tests.situations.situation import Result

TABLE: Final = pytest.StashKey[list[str]]()
"""The lines of the table, until the end of the run."""


def keep(config: pytest.Config, run: Run) -> None:
    """Add the table of `run` to what is printed at the end."""
    recorder = run.recorder
    versions = sum(len(recorder.versions(key)) for key in recorder.seen())
    config.stash.setdefault(TABLE, []).extend(
        [*lines(run.results()), f"{versions} versions of {len(recorder.seen())} resources were read"]
    )


def lines(results: Iterable[Result]) -> Iterator[str]:
    """One line for each step."""
    yield f"{'situation':22} {'after':24} {'kubectl wait':12} {'kstatus':12} {'Argo CD':12} {'Ready':5} Reason"
    for one in results:
        for number, seen in enumerate(one.seen):
            words = seen.reading.words
            name = "" if number else one.situation.name
            yield (
                f"{name:22} {seen.step.what:24} {words.wait:12} {words.kstatus:12} {words.argo:12} "
                f"{words.ready:5} {seen.reading.reason}"
            ).rstrip()
        for fault in one.wrong:
            yield f"  WRONG: {fault}"
        yield f"{'':22} {one.seconds:.0f} s"
