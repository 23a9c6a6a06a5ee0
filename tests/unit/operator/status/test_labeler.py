"""The status of a labeler, which is normally quiet."""

from dataclasses import replace
from typing import Any

import pytest

from sluice_operator.api.health import HealthSpec, LabelerHealthSpec
from sluice_operator.api.labeler import LabelerStatus
from sluice_operator.desired.labeler_streams import LABELS
from sluice_operator.observed.facts.facts import Facts
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    ago,
    conditions,
    deployment,
    facts,
    health,
    pod,
    reporting,
    sink,
    source_status,
)

POD = "moderation-labels-1"
DAYS = 10 * 86_400.0


def labeler(**changes: Any) -> Facts:
    mine = {
        "component": LABELS,
        "windows": LabelerHealthSpec(),
        "pods": (pod(name=POD),),
        "sink": sink(health=health(pod=POD)),
    }
    return facts(**{**mine, **changes})


def quiet(state: SourceState = SourceState.STREAMING, *, stored: float | None = DAYS) -> Facts:
    """A labeler whose newest label is ten days old and was stored `stored` seconds ago. None: no label was stored."""
    when = None if stored is None else ago(stored)
    event = None if stored is None else ago(DAYS)
    return labeler(sink=reporting(state, pod=POD, stored=when, event_time=event))


def after(*situations: Facts) -> LabelerStatus:
    status = LabelerStatus()
    for situation in situations:
        status = source_status([situation], status)
    return status


def test_the_numbers_of_its_stream_are_in_labels() -> None:
    status = after(labeler())
    assert conditions(status)["Ready"] == ("True", "Streaming")
    assert conditions(status)["EventsFlowing"] == ("True", "Flowing")
    assert status.labels is not None
    assert (status.labels.cursor, status.labels.lag, status.labels.rate) == ("6322875501", "2s", "412/s")
    assert [memory.component for memory in (status.restarts and status.restarts.pods) or ()] == ["labeler"]
    assert status.dump().keys() == {"observedGeneration", "conditions", "host", "image", "restarts", "labels"}


@pytest.mark.parametrize("stored", [DAYS, None])
def test_a_quiet_labeler_is_ready(stored: float | None) -> None:
    found = conditions(after(labeler(), quiet(stored=stored)))
    assert found["EventsFlowing"] == ("True", "Quiet")
    assert found["Ready"] == ("True", "Streaming")
    assert found["Connected"] == ("True", "Streaming")
    assert {"Stalled", "Reconciling"}.isdisjoint(found)


def test_a_quiet_relay_is_reported() -> None:
    relays = facts(sink=reporting(SourceState.STREAMING, stored=ago(DAYS)))
    assert conditions(after(relays))["EventsFlowing"] == ("False", "Quiet")


@pytest.mark.parametrize(
    ("quiet_after", "flowing"),
    [(599, ("False", "Quiet")), (601, ("True", "Flowing")), (0, ("True", "Quiet"))],
)
def test_quiet_after_seconds_decides_when_a_source_is_quiet(quiet_after: int, flowing: tuple[str, str]) -> None:
    windows = HealthSpec(quiet_after_seconds=quiet_after)
    for situation in (facts(), labeler()):
        name = situation.pods[0].name
        calm = replace(situation, windows=windows, sink=reporting(SourceState.STREAMING, pod=name, stored=ago(600)))
        assert conditions(after(calm))["EventsFlowing"] == flowing


@pytest.mark.parametrize(
    ("situation", "lag"),
    [
        (labeler(), 2),
        (quiet(stored=30), round(DAYS) - 30),  # an old label, stored a moment ago: more may follow
        (quiet(stored=61), 0),  # all labels were read
        (quiet(stored=DAYS), 0),
        (quiet(SourceState.WAITING), None),  # without a connection the lag is unknown
    ],
)
def test_lag(situation: Facts, lag: int | None) -> None:
    status = after(situation)
    assert status.labels is not None
    assert status.labels.lag_seconds == lag


def test_a_labeler_without_a_connection_is_not_quiet() -> None:
    disconnected = labeler(sink=reporting(SourceState.WAITING, "ConnectFailed", "no route", pod=POD))
    found = conditions(after(labeler(), disconnected))
    assert found["Connected"] == ("False", "ConnectFailed")
    assert found["EventsFlowing"] == ("False", "NotConnected")
    assert found["Ready"] == ("True", "Reconnecting")


def test_suspended() -> None:
    suspended = labeler(suspended=True, pods=(), deployment=deployment(replicas=0))
    found = conditions(after(labeler(), suspended))
    assert found["Suspended"] == ("True", "Suspended")
    assert found["Ready"] == ("True", "Suspended")
