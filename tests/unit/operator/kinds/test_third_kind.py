"""A third kind needs only its own declaration: everything that uses the registry handles it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from generate.argocd import SCRIPTS, render_config_map
from generate.chart import render_kinds_template
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.kinds.crd import build_crd
from sluice_operator.kinds.kind import Kind
from sluice_operator.kinds.registry import KINDS, Kinds
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.served_kinds import ServedKinds
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.reconcile.build import ReconcileOptions, build_reconciler
from sluice_operator.status.event_reasons import EVENT_REASONS
from sluice_operator.telemetry.metrics import Metrics
from tests.fakes.api_server import FakeApiServer
from tests.fakes.redis import FakeRedis
from tests.fakes.served import served_namespaces
from tests.fakes.stepped_clock import SteppedClock
from tests.unit.operator.kinds.third_kind import MIRROR, STREAM, THREE_KINDS, Mirror
from tests.unit.operator.status.situations import facts

KEY = SourceKey("Mirror", "events", "one")


def body(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "Mirror",
        "metadata": {"name": "one", "namespace": "events", "uid": "u-1", "generation": 2, "resourceVersion": "1"},
        "spec": {"host": "relay.example", **spec},
    }


def deployment(**spec: Any) -> dict[str, Any]:
    mirror = Mirror.parse(body(**spec))
    (stream,) = MIRROR.desired_streams(mirror)
    defaults = IngesterDefaults(image="sluice:1")
    return build_deployment(mirror, stream, config_hashes={REDIS_HASH_ANNOTATION: "x"}, defaults=defaults)


def test_the_kind_has_a_crd() -> None:
    crd = build_crd(MIRROR)
    assert crd["metadata"]["name"] == "mirrors.sluice.dev"
    assert crd["spec"]["names"]["shortNames"] == ["mrr"]
    fields = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert fields["spec"]["properties"]["mirror"]["properties"]["enabled"]["default"] is True
    assert fields["status"]["properties"]["mirror"]["properties"]["cursor"]["type"] == "string"


def test_the_kind_has_one_deployment() -> None:
    child = deployment()
    assert child["metadata"]["name"] == "one-mirror"
    assert child["metadata"]["labels"]["sluice.dev/mirror"] == "one"
    assert child["metadata"]["ownerReferences"][0]["kind"] == "Mirror"
    assert child["spec"]["replicas"] == 1
    assert deployment(mirror={"enabled": False})["spec"]["replicas"] == 0


def test_the_kind_is_watched_and_its_children_are_mapped_to_it() -> None:
    watched = THREE_KINDS.watched
    assert MIRROR.resource in watched.all
    cache = Cache(watched)
    cache.put(MIRROR.resource, body())
    child = {**deployment(), "kind": "Deployment"}
    child["metadata"] |= {"uid": "d-1", "resourceVersion": "2"}
    cache.put(DEPLOYMENTS, child)
    assert cache.owners_of(child) == [KEY]
    assert [item["metadata"]["uid"] for item in cache.children(DEPLOYMENTS, KEY)] == ["d-1"]
    assert cache.source(KEY) == body()


def test_the_status_has_conditions_and_numbers() -> None:
    mirror = Mirror.parse(body())
    status = MIRROR.source_status([replace(facts(), component=STREAM)], mirror.status).dump()
    assert status["mirror"]["state"] == "streaming"
    assert {item["type"]: item["status"] for item in status["conditions"]}["Ready"] == "True"


def test_the_kind_has_metrics() -> None:
    async def page() -> str:
        cache, queue = Cache(THREE_KINDS.watched), WorkQueue[SourceKey]()
        cache.put(MIRROR.resource, {**body(), "status": {"mirror": {"lagSeconds": 7, "streamLength": 3}}})
        namespaces = ServedNamespaces(ServedKinds(THREE_KINDS.watched.sources.values()))
        metrics = Metrics(kinds=THREE_KINDS, cache=cache, namespaces=namespaces, queue=queue, is_leader=lambda: True)
        return generate_latest(metrics.registry).decode()

    text = asyncio.run(page())
    assert 'sluice_reconcile_total{kind="Mirror",result="error"} 0.0' in text
    assert 'sluice_resource_lag_seconds{kind="Mirror",name="one",namespace="events"} 7.0' in text
    assert 'sluice_resource_stream_entries{kind="Mirror",name="one",namespace="events",stream="mirror"} 3.0' in text


def test_the_kind_has_rights_in_the_chart_and_scripts_for_argo_cd() -> None:
    template = render_kinds_template(THREE_KINDS)
    for names in ("relays, labelers, mirrors", "mirrors/status", "mirrors.sluice.dev"):
        assert names in template
    data = yaml.safe_load(render_config_map(THREE_KINDS, SCRIPTS))["data"]
    health = "resource.customizations.health.sluice.dev"
    assert data[f"{health}_Mirror"] == data[f"{health}_Relay"]


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (RELAY, "the same kind: Relay"),
        (replace(MIRROR, plural="relays"), "the same name for kubectl: relays"),
        (replace(MIRROR, short_names=("rly",)), "the same name for kubectl: rly"),
        (replace(MIRROR, ingesters=RELAY.ingesters[:1]), "the same component: firehose"),
        (
            replace(
                MIRROR,
                ingesters=(replace(MIRROR.ingesters[0], component=replace(STREAM, field="firehose")),),
            ),
            "the same field of a component: firehose",
        ),
    ],
)
def test_kinds_share_no_names(second: Kind, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Kinds(*KINDS, second)


async def test_the_reconciler_handles_the_kind() -> None:
    server, clock = FakeApiServer(), SteppedClock()
    server.restore_kind(MIRROR.resource)
    server.edit(MIRROR.resource, "events", "one", lambda mirror: mirror.update(spec={"host": "relay.example"}))
    cache = Cache(THREE_KINDS.watched)
    reconciler = build_reconciler(
        ReconcileOptions(
            ingester_defaults=IngesterDefaults(image="sluice:test", default_redis_url="redis://redis.data"),
            status_interval_seconds=30,
            observe_interval_seconds=3,
            deletion_deadline_seconds=60,
        ),
        client=server.client,
        cache=cache,
        kinds=THREE_KINDS,
        namespaces=served_namespaces(),
        redis=FakeRedis(),
        objects=ObjectPoller(server.client, interval_seconds=3, clock=clock),
        recorder=EventRecorder(server.client, reasons=EVENT_REASONS, instance="test", clock=clock),
        clock=clock,
    )
    listed = await server.client.list(MIRROR.resource, None)
    cache.replace(MIRROR.resource, listed.items, resource_version=listed.resource_version)
    await reconciler.reconcile(KEY)
    child = server.get(DEPLOYMENTS, "events", "one-mirror")
    mirror = server.get(MIRROR.resource, "events", "one")
    assert child is not None
    assert mirror is not None
    assert child["metadata"]["ownerReferences"][0]["uid"] == mirror["metadata"]["uid"]
    assert mirror["status"]["observedGeneration"] == 1
    assert "Ready" in {item["type"] for item in mirror["status"]["conditions"]}
