"""Metrics of resources of every kind, and of their reconciliations."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.telemetry.metrics import Metrics
from tests.fakes.served import served_namespaces
from tests.unit.operator.status.situations import after, ago, facts, failed_sink, group, sink, stream

RELAYS = RELAY.resource
LABELERS = LABELER.resource

DOCS = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text()
EVERYWHERE = served_namespaces()


def metrics(cache: Cache, namespaces: ServedNamespaces = EVERYWHERE) -> Metrics:
    queue: WorkQueue[SourceKey] = WorkQueue()
    return Metrics(kinds=KINDS, cache=cache, namespaces=namespaces, queue=queue, is_leader=lambda: True)


def text(of: Metrics) -> list[str]:
    return generate_latest(of.registry).decode().splitlines()


def ready(status: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": status}]}


def hold(cache: Cache, api: Any, name: str, status: dict[str, Any]) -> None:
    version = int(cache.resource_version(api, "events", name) or "0") + 1
    metadata = {"name": name, "namespace": "events", "uid": f"{api.kind}-{name}", "resourceVersion": str(version)}
    cache.put(api, {"metadata": metadata, "status": status})


def test_each_kind_has_its_lag() -> None:
    cache = Cache(KINDS.watched)
    for api, part, seconds in ((RELAYS, "firehose", 7), (LABELERS, "labels", 3)):
        hold(cache, api, "one", {**ready("True"), part: {"lagSeconds": seconds}, "restarts": {"count": 2}})
    lines = text(metrics(cache))
    for kind, seconds in (("Relay", 7), ("Labeler", 3)):
        of_it = f'{{kind="{kind}",name="one",namespace="events"}}'
        assert f"sluice_resource_lag_seconds{of_it} {seconds}.0" in lines
        assert f"sluice_resource_ready{of_it} 1.0" in lines
        assert f"sluice_resource_restarts_total{of_it} 2.0" in lines


def test_each_stream_has_its_consumers_lag() -> None:
    cache, streams = Cache(KINDS.watched), {"streamLength": 100, "streamBytes": 4096, "consumersLag": 5}
    newest = {"cursorTime": "2026-11-24T12:00:00Z"}
    hold(cache, RELAYS, "one", {"firehose": {**streams, **newest}, "backfill": {"streamLength": 3}})
    lines = text(metrics(cache))
    firehose = '{kind="Relay",name="one",namespace="events",stream="firehose"}'
    assert f"sluice_resource_consumers_lag_entries{firehose} 5.0" in lines
    assert f"sluice_resource_stream_entries{firehose} 100.0" in lines
    assert f"sluice_resource_stream_bytes{firehose} 4096.0" in lines
    assert f"sluice_resource_newest_event_timestamp_seconds{firehose} 1.7955216e+09" in lines
    backfill = firehose.replace("firehose", "backfill")
    assert f"sluice_resource_stream_entries{backfill} 3.0" in lines
    assert not [line for line in lines if line.startswith("sluice_resource_consumers_lag_entries") and backfill in line]


def test_unknown_numbers_are_absent_while_redis_is_down() -> None:
    seen = facts(now=ago(10), sink=sink(stream=stream(group("indexer", lag=5))))
    cache, of_the_moment = (
        Cache(KINDS.watched),
        {"lag_seconds", "stream_entries", "stream_bytes", "consumers_lag_entries"},
    )
    exported = metrics(cache)

    def families() -> set[str]:
        found = (re.match(r"sluice_resource_(\w+?)(_total)?\{", line) for line in text(exported))
        return {match[1] for match in found if match}

    hold(cache, RELAYS, "one", after(seen).dump())
    assert of_the_moment < families()
    hold(cache, RELAYS, "one", after(seen, facts(sink=failed_sink(SinkReadFailure.UNREACHABLE))).dump())
    assert families() == {"ready", "stalled", "restarts", "newest_event_timestamp_seconds"}


def test_resources_are_counted_by_kind_and_ready_state() -> None:
    cache = Cache(KINDS.watched)
    for number, status in enumerate((ready("True"), ready("True"), ready("False"), {}, {"observedGeneration": -1})):
        hold(cache, RELAYS, f"relay-{number}", status)
    lines = text(metrics(cache))
    for kind, state, count in (
        ("Relay", "True", 2),
        ("Relay", "False", 1),
        ("Relay", "Unknown", 2),
        ("Labeler", "True", 0),
        ("Labeler", "False", 0),
        ("Labeler", "Unknown", 0),
    ):
        assert f'sluice_resources{{kind="{kind}",ready="{state}"}} {count}.0' in lines


def test_nothing_is_exported_of_a_deleted_resource() -> None:
    cache = Cache(KINDS.watched)
    hold(cache, RELAYS, "one", ready("True"))
    exported = metrics(cache)
    assert any("sluice_resource_ready{" in line for line in text(exported))
    cache.remove(RELAYS, cache.all(RELAYS)[0])
    assert not any("sluice_resource_ready{" in line for line in text(exported))


def test_an_unserved_namespace_is_exported_without_its_resources() -> None:
    cache, namespaces = Cache(KINDS.watched), served_namespaces("events", "other")
    hold(cache, RELAYS, "one", ready("True"))
    exported = metrics(cache, namespaces)
    assert not any(line.startswith("sluice_namespace_served{") for line in text(exported)), "before anything was tried"
    for refusals, served in (({}, 1.0), ({"events": "forbidden"}, 0.0), ({}, 1.0)):
        namespaces.record_refusals(refusals)
        lines = text(exported)
        assert f'sluice_namespace_served{{namespace="events"}} {served}' in lines
        assert 'sluice_namespace_served{namespace="other"} 1.0' in lines
        assert any(line.startswith("sluice_resource_ready{") for line in lines) == bool(served)
        assert f'sluice_resources{{kind="Relay",ready="True"}} {served}' in lines


def test_resources_of_another_release_are_not_exported() -> None:
    cache, held = Cache(KINDS.watched), {"events": True}
    hold(cache, RELAYS, "one", ready("True"))
    queue: WorkQueue[SourceKey] = WorkQueue()
    exported = Metrics(
        kinds=KINDS,
        cache=cache,
        namespaces=served_namespaces(),
        queue=queue,
        is_leader=lambda: True,
        held_namespaces=lambda: held,
    )
    for is_held in (True, False, True):
        held["events"] = is_held
        lines = text(exported)
        assert f'sluice_namespace_served{{namespace="events"}} {float(is_held)}' in lines
        assert any(line.startswith("sluice_resource_ready{") for line in lines) == is_held


def test_an_unserved_kind_is_exported_without_its_resources() -> None:
    cache, namespaces = Cache(KINDS.watched), served_namespaces()
    hold(cache, RELAYS, "one", ready("True"))
    hold(cache, LABELERS, "one", ready("True"))
    exported = metrics(cache, namespaces)
    for errors, served in (({}, 1.0), ({None: ApiError(403, "Forbidden", "no")}, 0.0), ({}, 1.0)):
        namespaces.kinds.record_list(LABELERS, errors, scopes=[None])
        lines = text(exported)
        assert f'sluice_kind_served{{kind="Labeler"}} {served}' in lines
        assert 'sluice_kind_served{kind="Relay"} 1.0' in lines
        ready_ones = [line for line in lines if line.startswith("sluice_resource_ready{")]
        assert len(ready_ones) == 1 + served


async def test_reconciliations_are_counted_with_their_result() -> None:
    exported, key = metrics(Cache(KINDS.watched)), SourceKey("Relay", "events", "one")

    async def well(_: SourceKey) -> float | None:
        return 3.0

    async def badly(_: SourceKey) -> float | None:
        raise RuntimeError

    async def without_end(_: SourceKey) -> float | None:
        await asyncio.sleep(60)
        return None

    assert 'sluice_reconcile_total{kind="Relay",result="error"} 0.0' in text(exported)
    assert await exported.instrumented(well)(key) == 3.0
    with pytest.raises(RuntimeError):
        await exported.instrumented(badly)(key)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(exported.instrumented(without_end)(key), timeout=0.01)
    lines = text(exported)
    assert 'sluice_reconcile_total{kind="Relay",result="success"} 1.0' in lines
    assert 'sluice_reconcile_total{kind="Relay",result="error"} 2.0' in lines
    assert 'sluice_reconcile_duration_seconds_count{kind="Relay"} 3.0' in lines


def test_every_metric_is_documented() -> None:
    exported = [line.split()[2:] for line in text(metrics(Cache(KINDS.watched))) if line.startswith("# TYPE sluice_")]
    assert len(exported) > 10
    for name, kind in exported:
        assert re.search(rf"^\| `{name}` \| {kind} \| ", DOCS, re.MULTILINE), name
