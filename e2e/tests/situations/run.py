"""A run of situations in one namespace, with a recorder of all that the readers see there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from e2e import deploy, manifests
from e2e.readers import Readers
from e2e.tests.installation import Installation
from e2e.tests.situations import checks
from e2e.tests.situations.environment import Environment
from e2e.tests.situations.recorder import Recorder
from e2e.tests.situations.runner import changes_afterwards, start_all
from e2e.tests.situations.second_release import SecondRelease
from e2e.tests.situations.situation import Result, Situation
from e2e.tests.webhooks.webhook import withdraw_all

_LONGEST_SECONDS: Final = 800


@dataclass(frozen=True)
class Run:
    """`futures` has one for each situation, by its name."""

    recorder: Recorder
    futures: dict[str, Future[Result]]

    def result(self, name: str) -> Result:
        """Wait for the end of one situation. Raises what it raised."""
        return self.futures[name].result(_LONGEST_SECONDS)

    def results(self) -> list[Result]:
        """Wait for the end of all. Returns the results of those that raised nothing."""
        return [result.result() for result in self.futures.values() if result.exception(_LONGEST_SECONDS) is None]

    def changes_afterwards(self) -> list[str]:
        """Verdicts that changed after the end of a situation, until the end of all."""
        return [change for result in self.results() for change in changes_afterwards(self.recorder, result)]

    def faults(self) -> list[str]:
        """The violations in all versions of all resources, and errors of the recorder itself."""
        self.results()
        recorder = self.recorder
        found = [fault for key in recorder.seen() for fault in checks.faults(recorder.versions(key))]
        return [*found, *recorder.errors]


def selected(situations: Iterable[Situation], items: Iterable[pytest.Item], *, of: str) -> list[Situation]:
    """The situations for which the test function `of` was selected."""
    functions = (item for item in items if isinstance(item, pytest.Function) and item.originalname == of)
    wanted = {function.callspec.params["name"] for function in functions}
    return [one for one in situations if one.name in wanted]


@contextmanager
def start_run(
    situations: Iterable[Situation], installation: Installation, *, namespace: str, at_once: int
) -> Iterator[Run]:
    """Start the situations in an empty namespace. It is empty again after the context."""
    cluster = installation.cluster
    withdraw_all(cluster.kubectl, namespace=namespace)
    deploy.apply(cluster, manifests.namespace(namespace))
    with (
        Readers() as readers,
        Recorder(cluster, readers, namespace=namespace) as recorder,
        Environment(installation=installation, recorder=recorder, namespace=namespace) as environment,
    ):
        yield Run(recorder, start_all(environment, situations, at_once=at_once))
        withdraw_all(cluster.kubectl, namespace=namespace)
        SecondRelease(environment).uninstall()
        environment.remove_sources()
