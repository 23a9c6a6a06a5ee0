"""A Labeler on a real cluster, from `kubectl apply` to deletion: labels in Redis, restarts, quiet sources."""

import json
import operator
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from e2e.cluster.errors import ClusterError
from e2e.tests.labelers.labels import HISTORY
from e2e.tests.labelers.process import running_labelers
from e2e.tests.relay import LabelerUnderTest
from e2e.tests.sluice import Sluice
from e2e.tests.source import Source
from e2e.tests.wait import eventually

NO_EVENTS = ("--rate", "1", "--limit", "0")


def labels_source(sluice: Sluice, name: str, *, rate: int, limit: int | None = None) -> Source:
    """A simulator that sends labels and no events."""
    until = () if limit is None else ("--label-limit", str(limit))
    return sluice.simulator(name, *NO_EVENTS, "--label-rate", str(rate), *until)


def cursor(sluice: Sluice, source: Source) -> int:
    """The stored cursor of the labels, 0 while there is none."""
    with sluice.redis(source) as client:
        return int(cast("str | None", client.get(f"label_live:cursor:{source.host}")) or 0)


def stored(sluice: Sluice, source: Source) -> list[tuple[int, list[dict[str, Any]]]]:
    """(seq, labels) of each entry of the stream."""
    with sluice.redis(source) as client:
        entries = cast("list[tuple[str, dict[str, str]]]", client.xrange("label_live"))
    events = [json.loads(fields["labels"]) for _, fields in entries]
    return [(event["seq"], event["labels"]) for event in events]


def sent(source: Source) -> list[tuple[int, list[dict[str, Any]]]]:
    """(seq, labels) of each frame that the labeler has sent, from its journal."""
    notes: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        page = source.control.get(f"journal?stream=labels&offset={offset}")
        assert not page["dropped"]
        notes += page["entries"]
        offset = page["next"]
    return [(note["seq"], [{"cid": None, "neg": None, **label} for label in note["labels"]]) for note in notes]


def assert_exactly_once(sluice: Sluice, source: Source, *, frames: int) -> None:
    """Wait for so many frames, then compare: all that were sent are in the stream once, in order, whole."""
    sluice.wait_length(source, "label_live", entries=frames)
    found = stored(sluice, source)
    assert found == sent(source)[: len(found)]


def names_of_all_kinds(labeler: LabelerUnderTest) -> list[str]:
    """`kubectl get atproto`; empty while another test removes its CRDs, of which kubectl may still know."""
    try:
        return labeler.kubectl("get", "atproto", "-o", "name").split()
    except ClusterError:
        return []


def last_error(labeler: LabelerUnderTest) -> tuple[str | None, str | None]:
    """Time and message of the last error in the status."""
    labels = labeler.status()["labels"]
    return labels.get("lastErrorTime"), labels.get("lastError")


def test_an_applied_labeler_becomes_ready_and_its_labels_are_in_redis(sluice: Sluice) -> None:
    """With and without signature, negations, expiries. The table has the same columns as that of a Relay."""
    source = labels_source(sluice, "labels", rate=100, limit=1_000)
    labeler = sluice.labeler("labels", source=source)
    labeler.wait_ready()
    assert_exactly_once(sluice, source, frames=1_000)
    eventually(labeler.status, until=lambda status: status["labels"].get("cursor") == "1000")
    header, row = labeler.kubectl("get", labeler.resource).splitlines()
    assert header.split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    name, _, ready, seq, *_, reason = row.split()
    assert (name, ready, reason, seq) == ("labels", "True", "Streaming", "1000")
    eventually(partial(names_of_all_kinds, labeler), until=lambda names: names.count("labeler.sluice.dev/labels") == 1)


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(0, id="at once"),
        # More than two intervals of the pings, which are 20 s: only real time shows that the connection survives them.
        pytest.param(50, id="after 50 s", marks=pytest.mark.prove),
    ],
)
def test_a_quiet_labeler_is_ready_and_stays_connected(sluice: Sluice, seconds: float) -> None:
    """No label for some time, then one, and it is in Redis."""
    source = labels_source(sluice, "silent", rate=1, limit=0)
    labeler = sluice.labeler("silent", source=source, health={"degradedAfterSeconds": 10})
    labeler.wait_ready()
    flowing = eventually(lambda: labeler.condition("EventsFlowing"), until=lambda seen: seen.get("reason") == "Quiet")
    assert flowing["status"] == "True"
    # The first attempt may have come before the Service of the source had an endpoint: an error before the quiet time.
    error_before = last_error(labeler)
    time.sleep(seconds)
    assert labeler.condition("Ready")["status"] == "True"
    status = labeler.status()
    assert (status["labels"]["reconnects"], status["restarts"]["count"]) == (0, 0)
    assert last_error(labeler) == error_before
    source.control.post("emit", count=1, stream="labels")
    eventually(partial(cursor, sluice, source), until=partial(operator.eq, 1))


def test_a_killed_pod_is_counted_and_loses_nothing(sluice: Sluice) -> None:
    """Deleting the pod by force raises the count of restarts; the stream has no gap and no double."""
    source = labels_source(sluice, "labels-killed", rate=100)
    labeler = sluice.labeler("labels-killed", source=source)
    labeler.wait_ready()
    for count in (1, 2):
        labeler.kubectl("delete", "pod", labeler.pod_name(), "--grace-period=0", "--force")
        eventually(labeler.restarts, until=partial(operator.le, count))
        labeler.wait_ready()
    assert labeler.restarts() == 2
    assert_exactly_once(sluice, source, frames=cursor(sluice, source) + 300)


def test_a_source_with_tls_and_a_private_ca(sluice: Sluice, tmp_path: Path) -> None:
    """In a pod, whose file system is read-only."""
    with running_labelers(1, host=sluice.cluster.host_address, directory=tmp_path) as labelers:
        source = sluice.outside("tls", host=labelers.hosts[0], scheme="wss")
        sluice.config_map("tls-ca", {"ca.crt": labelers.authority})
        labeler = sluice.labeler("tls", source=source, caBundle={"configMapRef": {"name": "tls-ca"}})
        labeler.wait_ready()
        sluice.wait_length(source, "label_live", entries=HISTORY)


def test_suspend_keeps_the_cursor_and_resume_continues_from_it(sluice: Sluice) -> None:
    """Suspended: Ready, no pod, the cursor does not move."""
    source = labels_source(sluice, "labels-suspended", rate=50)
    labeler = sluice.labeler("labels-suspended", source=source)
    labeler.wait_ready()
    labeler.patch({"spec": {"suspend": True}})
    labeler.wait_condition("Suspended")
    eventually(labeler.pods, until=lambda pods: pods == [])
    eventually(lambda: labeler.condition("Ready"), until=lambda seen: seen.get("reason") == "Suspended")
    before = cursor(sluice, source)
    eventually(lambda: source.control.get("status")["labels"]["newest"], until=lambda newest: newest >= before + 150)
    assert cursor(sluice, source) == before
    labeler.patch({"spec": {"suspend": False}})
    eventually(partial(cursor, sluice, source), until=partial(operator.lt, before))
    assert labeler.restarts() == 0
    assert_exactly_once(sluice, source, frames=before + 100)


def test_a_relay_and_a_labeler_with_one_name_and_one_host(sluice: Sluice) -> None:
    """Two Deployments, two streams. The deletion of one leaves nothing of it, and does not affect the other."""
    source = sluice.simulator("both", "--rate", "50", "--label-rate", "20")
    relay = sluice.relay("both", source=source, firehose={"collections": ["*"]})
    labeler = sluice.labeler("both", source=source)
    relay.wait_ready()
    labeler.wait_ready()
    sluice.assert_exactly_once(source, events=300)
    before = labeler.identity()
    relay.delete()
    eventually(relay.children, until=lambda children: children == [])
    assert labeler.identity() == before
    assert_exactly_once(sluice, source, frames=cursor(sluice, source) + 50)
    labeler.delete()
    eventually(labeler.children, until=lambda children: children == [])


def test_labels_are_stored_once_while_a_labeler_moves_between_pods(sluice: Sluice) -> None:
    """From its own pod into a shared one, and back, while labels flow."""
    source = labels_source(sluice, "moves", rate=100, limit=6_000)
    labeler = sluice.labeler("moves", source=source)
    for number, pooling in enumerate(({"mode": "Shared", "pool": "moves"}, {"mode": "Dedicated"}), start=1):
        labeler.wait_ready()
        sluice.wait_length(source, "label_live", entries=1_000 * number)
        labeler.patch({"spec": {"pooling": pooling}})
    labeler.wait_ready()
    assert_exactly_once(sluice, source, frames=6_000)
    assert labeler.status()["restarts"]["count"] == 0
