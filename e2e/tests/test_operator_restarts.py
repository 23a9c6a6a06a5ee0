"""The operator stops, or is killed. These tests use a release of their own, so that no other test notices."""

import time
from collections.abc import Iterator

import pytest

from e2e.tests.installation import RESTARTS, Installation
from e2e.tests.situations import report
from e2e.tests.situations.catalog.operator import WITHOUT_OPERATOR
from e2e.tests.situations.run import Run, selected, start_run
from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually


@pytest.fixture(scope="module")
def run(disturbed: Installation, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run the situations one after the other, since each needs the operator for itself."""
    situations = selected(WITHOUT_OPERATOR, request.session.items, of=test_situation_of_the_operator.__name__)
    with start_run(situations, disturbed, namespace=RESTARTS, at_once=1) as run:
        yield run
        report.keep(request.config, run)


@pytest.mark.parametrize("name", [one.name for one in WITHOUT_OPERATOR])
def test_situation_of_the_operator(run: Run, name: str) -> None:
    """Each step reaches its verdict, only through allowed verdicts, for all four readers."""
    assert not run.result(name).wrong


def test_the_last_verdict_of_a_situation_of_the_operator_lasts(run: Run) -> None:
    """While nothing changes, no reader changes its verdict."""
    assert not run.changes_afterwards()


def test_no_version_breaks_a_rule(run: Run) -> None:
    """All versions of all resources keep the rules."""
    assert not run.faults()


def test_the_operator_can_be_killed_and_changes_nothing_that_is_right(
    disturbed: Installation, disturbed_sluice: Sluice
) -> None:
    """A restarted operator finds everything in order and writes nothing to the children."""
    source = disturbed_sluice.simulator("quiet", "--rate", "20")
    relay = disturbed_sluice.relay("quiet", source=source)
    relay.wait_ready()
    before = relay.identity(), relay.pod_name()
    leader = disturbed.leader()
    disturbed.kill_operator()
    eventually(disturbed.leader, until=lambda name: name not in {"", leader})
    asked = f"{time.time():.0f}"
    relay.kubectl("annotate", relay.resource, f"sluice.dev/reconcile-requested-at={asked}")
    eventually(relay.status, until=lambda status: status.get("lastHandledReconcileAt") == asked)
    assert (relay.identity(), relay.pod_name()) == before
    assert relay.restarts() == 0
