"""Every situation, read by `kubectl wait`, kstatus, Argo CD and our own table: no verdict may be wrong.

All are played at the same time on one installation; each test waits for one of them. The last ones look at every
version of every resource that there was meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import pytest

from e2e import deploy, manifests
from e2e.cluster.provider import Cluster
from e2e.readers import Readers
from e2e.tests.situations import checks, report
from e2e.tests.situations.catalog import SITUATIONS
from e2e.tests.situations.play import changes_afterwards, play_all
from e2e.tests.situations.recorder import Recorder
from e2e.tests.situations.second_release import uninstall
from e2e.tests.situations.situation import Played
from e2e.tests.situations.world import World
from e2e.tests.sluice import Sluice
from e2e.tests.webhooks.webhook import withdraw_all
from sluice_operator.kinds.registry import KINDS

pytestmark = pytest.mark.timeout(900)
NAMESPACE: Final = "sluice-situations"
LONGEST_SECONDS: Final = 600


@dataclass(frozen=True)
class Performance:
    """All situations, being played."""

    recorder: Recorder
    results: dict[str, Future[Played]]

    def done(self) -> list[Played]:
        """What came of those that came to an end."""
        return [result.result(LONGEST_SECONDS) for result in self.results.values() if result.exception() is None]


@pytest.fixture(scope="module")
def performance(sluice: Sluice, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Performance]:
    """Begin to play those that are asked for, in a namespace of their own."""
    withdraw_all(cluster.kubectl, namespace=NAMESPACE)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    # What earlier tests have left running takes the node's time and room.
    left = ",".join([*(kind.crd_name for kind in KINDS), "deployments.apps"])
    sluice.kubectl("delete", left, "--all", "--timeout=120s")
    deploy.apply(cluster, manifests.namespace(NAMESPACE))
    items = [item for item in request.session.items if getattr(item, "originalname", "") == test_situation.__name__]
    wanted = {item.callspec.params["name"] for item in items if isinstance(item, pytest.Function)}
    with Readers() as readers, Recorder(cluster, readers, namespace=NAMESPACE) as recorder:
        world = World(cluster=cluster, recorder=recorder, namespace=NAMESPACE, redis_url=sluice.default_redis_url)
        results = play_all(world, [one for one in SITUATIONS if one.name in wanted])
        performance = Performance(recorder, results)
        yield performance
        versions = sum(len(recorder.versions(key)) for key in recorder.seen())
        request.config.stash[report.TABLE] = [
            *report.lines(performance.done()),
            f"{versions} versions of {len(recorder.seen())} resources were read",
        ]
        withdraw_all(cluster.kubectl, namespace=NAMESPACE)
        uninstall(world)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.mark.parametrize("name", [one.name for one in SITUATIONS])
def test_situation(performance: Performance, name: str) -> None:
    """Each step comes to the verdict that it must, through none that it must not, by all four readers."""
    played = performance.results[name].result(LONGEST_SECONDS)
    assert not played.wrong


def test_what_a_situation_came_to_lasts(performance: Performance) -> None:
    """To the end of all others: as long as nothing happens, nobody changes his mind."""
    changes = [change for played in performance.done() for change in changes_afterwards(performance.recorder, played)]
    assert not changes, "\n".join(changes)


def test_no_version_says_what_none_may_say(performance: Performance) -> None:
    """Of all resources, whatever they went through."""
    performance.done()
    recorder = performance.recorder
    wrong = [fault for key in recorder.seen() for fault in checks.faults(recorder.versions(key))]
    assert not wrong, "\n".join(wrong)
    assert not recorder.errors
