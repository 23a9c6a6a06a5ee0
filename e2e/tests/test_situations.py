"""Situations of a resource, each read by four readers: `kubectl wait`, kstatus, Argo CD and the table's columns.

A situation is something that happens to a Relay or a Labeler: a Secret is missing, Redis is full, a pod is evicted.
All run at the same time in one namespace, except those that stop the operator. Each test waits for one of them.
The last tests check every version of every resource that the API server gave out meanwhile.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from e2e.tests.installation import SITUATIONS, Installation
from e2e.tests.situations import report
from e2e.tests.situations.catalog import UNDISTURBED
from e2e.tests.situations.run import Run, selected, start_run

AT_ONCE: Final = 16


@pytest.fixture(scope="module")
def run(shared: Installation, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Start the selected situations."""
    situations = selected(UNDISTURBED, request.session.items, of=test_situation.__name__)
    with start_run(situations, shared, namespace=SITUATIONS, at_once=AT_ONCE) as run:
        yield run
        report.keep(request.config, run)


@pytest.mark.parametrize("name", [one.name for one in UNDISTURBED])
def test_situation(run: Run, name: str) -> None:
    """Each step reaches its verdict, only through allowed verdicts, for all four readers."""
    assert not run.result(name).wrong


def test_the_last_verdict_of_a_situation_lasts(run: Run) -> None:
    """Until all other situations have ended, no reader changes its verdict."""
    assert not run.changes_afterwards()


def test_no_version_breaks_a_rule(run: Run) -> None:
    """All versions of all resources keep the rules."""
    assert not run.faults()
