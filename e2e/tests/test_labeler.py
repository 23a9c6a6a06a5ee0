"""A Labeler from `kubectl apply` to deletion: its labels in Redis, and quiet that is no alarm."""

import json
import operator
import time
from functools import partial
from typing import Any, cast

import pytest

from e2e.tests.relay import LabelerUnderTest
from e2e.tests.sluice import Sluice
from e2e.tests.source import Source
from e2e.tests.wait import eventually

pytestmark = pytest.mark.timeout(600)

NO_EVENTS = ("--rate", "1", "--limit", "0")


def labels_source(sluice: Sluice, name: str, *, rate: int, limit: int | None = None) -> Source:
    """A simulator of which only the labeler speaks."""
    until = () if limit is None else ("--label-limit", str(limit))
    return sluice.simulator(name, *NO_EVENTS, "--label-rate", str(rate), *until)


def cursor(sluice: Sluice, source: Source) -> int:
    """The stored cursor of the labels, 0 while there is none."""
    with sluice.redis(source) as client:
        return int(cast("str | None", client.get(f"label_live:cursor:{source.host}")) or 0)


def stored(sluice: Sluice, source: Source) -> list[tuple[int, list[dict[str, Any]]]]:
    """seq and labels of each entry of the stream."""
    with sluice.redis(source) as client:
        entries = cast("list[tuple[str, dict[str, str]]]", client.xrange("label_live"))
    events = [json.loads(fields["labels"]) for _, fields in entries]
    return [(event["seq"], event["labels"]) for event in events]


def given(source: Source) -> list[tuple[int, list[dict[str, Any]]]]:
    """The same, as the labeler tells it."""
    notes: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        page = source.control.get(f"journal?stream=labels&offset={offset}")
        assert not page["dropped"]
        notes += page["entries"]
        offset = page["next"]
    return [(note["seq"], [{"cid": None, "neg": None, **label} for label in note["labels"]]) for note in notes]


def assert_exactly_once(sluice: Sluice, source: Source, *, frames: int) -> None:
    """Wait for so many frames; then all that were given up to the last stand there once, in order, whole."""
    found = eventually(lambda: stored(sluice, source), until=lambda seen: len(seen) >= frames, within=120, every=2)
    assert found == given(source)[: len(found)]


def last_error(labeler: LabelerUnderTest) -> tuple[str | None, str | None]:
    """Time and sentence of the last error that the table tells."""
    labels = labeler.status()["labels"]
    return labels.get("lastErrorTime"), labels.get("lastError")


def test_an_applied_labeler_becomes_ready_and_its_labels_stand_in_redis(sluice: Sluice) -> None:
    """With and without signature, negations, expiries; the table answers the same questions as a Relay's."""
    source = labels_source(sluice, "labels", rate=100, limit=1_000)
    labeler = sluice.labeler("labels", source=source)
    labeler.wait_ready()
    assert_exactly_once(sluice, source, frames=1_000)
    eventually(labeler.status, until=lambda status: status["labels"].get("cursor") == "1000", within=60)
    header, row = labeler.kubectl("get", "labeler", labeler.name).splitlines()
    assert header.split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    name, _, ready, seq, *_, reason = row.split()
    assert (name, ready, reason, seq) == ("labels", "True", "Streaming", "1000")
    assert labeler.kubectl("get", "atproto", "-o", "name").split().count("labeler.sluice.dev/labels") == 1


def test_a_quiet_labeler_is_ready_and_stays_connected(sluice: Sluice) -> None:
    """Longer than two rounds of pings without a word; then one label, and it stands in Redis."""
    source = labels_source(sluice, "silent", rate=1, limit=0)
    labeler = sluice.labeler("silent", source=source, health={"degradedAfterSeconds": 10})
    labeler.wait_ready()
    flowing = eventually(
        lambda: labeler.condition("EventsFlowing"), until=lambda seen: seen.get("reason") == "Quiet", within=60
    )
    assert flowing["status"] == "True"
    # The first try may have come before the Service of the source had an endpoint: an error, but of before the quiet.
    error_before = last_error(labeler)
    time.sleep(50)
    assert labeler.condition("Ready")["status"] == "True"
    status = labeler.status()
    assert (status["labels"]["reconnects"], status["restarts"]["count"]) == (0, 0)
    assert last_error(labeler) == error_before
    source.control.post("emit", count=1, stream="labels")
    eventually(partial(cursor, sluice, source), until=partial(operator.eq, 1), within=60)


def test_a_killed_pod_is_counted_and_loses_nothing(sluice: Sluice) -> None:
    """Deleting the pod by force raises the count of restarts; the stream has no gap and no double."""
    source = labels_source(sluice, "labels-killed", rate=100)
    labeler = sluice.labeler("labels-killed", source=source)
    labeler.wait_ready()
    for count in (1, 2):
        labeler.kubectl("delete", "pod", labeler.pod_name(), "--grace-period=0", "--force")
        eventually(labeler.restarts, until=partial(operator.le, count), within=90)
        labeler.wait_ready()
    assert labeler.restarts() == 2
    assert_exactly_once(sluice, source, frames=cursor(sluice, source) + 300)


def test_suspend_keeps_the_cursor_and_resume_goes_on_from_it(sluice: Sluice) -> None:
    """Suspended it rests as asked: Ready, no pod, no step of the cursor."""
    source = labels_source(sluice, "labels-suspended", rate=50)
    labeler = sluice.labeler("labels-suspended", source=source)
    labeler.wait_ready()
    labeler.patch({"spec": {"suspend": True}})
    labeler.kubectl("wait", f"labeler/{labeler.name}", "--for=condition=Suspended", "--timeout=60s")
    eventually(labeler.pods, until=lambda pods: pods == [], within=60)
    eventually(lambda: labeler.condition("Ready"), until=lambda seen: seen.get("reason") == "Suspended", within=60)
    before = cursor(sluice, source)
    time.sleep(3)
    assert cursor(sluice, source) == before
    labeler.patch({"spec": {"suspend": False}})
    eventually(partial(cursor, sluice, source), until=partial(operator.lt, before), within=90)
    assert labeler.restarts() == 0
    assert_exactly_once(sluice, source, frames=before + 100)


def test_a_relay_and_a_labeler_of_one_name_and_one_host(sluice: Sluice) -> None:
    """Two Deployments, two streams; the end of the one leaves the other alone, and nothing is left of it."""
    source = sluice.simulator("both", "--rate", "50", "--label-rate", "20")
    relay = sluice.relay("both", source=source, firehose={"collections": ["*"]})
    labeler = sluice.labeler("both", source=source)
    relay.wait_ready()
    labeler.wait_ready()
    sluice.assert_exactly_once(source, events=300)
    before = labeler.identity()
    relay.kubectl("delete", "relay", relay.name, "--timeout=60s")
    eventually(relay.children, until=lambda children: children == [], within=120)
    assert labeler.identity() == before
    assert_exactly_once(sluice, source, frames=cursor(sluice, source) + 50)
    labeler.kubectl("delete", "labeler", labeler.name, "--timeout=60s")
    eventually(labeler.children, until=lambda children: children == [], within=120)
