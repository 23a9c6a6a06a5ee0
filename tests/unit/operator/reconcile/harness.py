"""A reconciler for tests, with an API server, a Redis and a clock in memory."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, EVENTS, PODS, SECRETS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.build import ReconcileOptions, build_reconciler
from sluice_operator.status.event_reasons import EVENT_REASONS
from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys
from tests.fakes.api_server import FakeApiServer
from tests.fakes.redis import FakeRedis, FakeServer
from tests.fakes.served import served_namespaces
from tests.fakes.stepped_clock import SteppedClock

RELAYS = RELAY.resource

NAMESPACE = "events"
HOST = "relay.example"
DEFAULT_URL = "redis://redis.data"
KEYS = StreamKeys(stream=Stream.FIREHOSE, host=HOST)
OBSERVE_SECONDS = 3.0
STATUS_SECONDS = 30.0
DEADLINE_SECONDS = 60.0


class Situation:
    """An operator, its API server and its Redis."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.server = FakeApiServer()
        self.redis = FakeRedis(self.clock)
        self.later: dict[SourceKey, float] = {}
        """The sources that are to be reconciled in so many seconds, according to `poll`."""
        self.is_write_allowed = True
        """Whether this operator holds the Lease of the namespace."""
        self.start_operator()

    @property
    def sink(self) -> FakeServer:
        """The operator's default Redis."""
        return self.redis.server(DEFAULT_URL.encode())

    def start_operator(self) -> None:
        """Start a new operator process, without any memory."""
        client = self.server.client
        client.set_write_guard(self._check_write)
        self._cache = Cache(KINDS.watched)
        self._objects = ObjectPoller(client, interval_seconds=0, clock=self.clock)
        self.added: list[SourceKey] = []
        """The sources that were added to the work queue."""
        self._reconciler = build_reconciler(
            ReconcileOptions(
                ingester_defaults=IngesterDefaults(image="sluice:test", default_redis_url=DEFAULT_URL),
                status_interval_seconds=STATUS_SECONDS,
                observe_interval_seconds=OBSERVE_SECONDS,
                deletion_deadline_seconds=DEADLINE_SECONDS,
            ),
            client=client,
            cache=self._cache,
            kinds=KINDS,
            namespaces=served_namespaces(),
            redis=self.redis,
            objects=self._objects,
            add=self.added.append,
            recorder=EventRecorder(client, reasons=EVENT_REASONS, instance="test", clock=self.clock),
            clock=self.clock,
        )

    async def start_streaming(self) -> None:
        """Create a Relay, whose ingester then streams."""
        self.apply()
        await self.reconcile()
        self.run_pod()
        self.report(seq="7")
        self.sink.set(KEYS.cursor, "7")
        await self.reconcile()

    async def reconcile(self, name: str = "a") -> float | None:
        """List all watched kinds, ask for changes, then reconcile the Relay `name`. The seconds until the next
        reconcile.
        """
        await self.list_all()
        await self.poll()
        return await self.reconcile_cached(name)

    async def list_all(self) -> None:
        """Fill the cache with all watched kinds."""
        for resource in (RELAYS, DEPLOYMENTS, PODS):
            listed = await self.server.client.list(resource, None)
            self._cache.replace(resource, listed.items, resource_version=listed.resource_version)

    async def reconcile_cached(self, name: str = "a") -> float | None:
        """Reconcile the Relay `name` as the cache has it. The seconds until the next reconcile."""
        self.server.requests.clear()
        return await self._reconciler.reconcile(SourceKey("Relay", NAMESPACE, name))

    def _check_write(self, _: str) -> None:
        if not self.is_write_allowed:
            raise ApiError(0, "NotHeld", "another operator holds the Lease")

    def apply(self, name: str = "a", *, created: int = 0, **spec: Any) -> Manifest:
        """Create a Relay, or change its spec. A Relay with a lower `created` is older."""

        def change(relay: Manifest) -> None:
            relay.setdefault("spec", {"host": HOST}).update(spec)
            relay["metadata"]["creationTimestamp"] = f"2026-11-24T11:{created:02}:00Z"

        return self.server.edit(RELAYS, NAMESPACE, name, change)

    def annotate(self, name: str, **annotations: str) -> None:
        def change(relay: Manifest) -> None:
            relay["metadata"]["annotations"] = annotations

        self.server.edit(RELAYS, NAMESPACE, name, change)

    def delete(self, name: str = "a", *, at: datetime | None = None) -> None:
        """Delete a Relay. `at` is the time of the request."""
        self.server.delete(RELAYS, NAMESPACE, name)
        if at is not None and self.server.get(RELAYS, NAMESPACE, name) is not None:

            def change(relay: Manifest) -> None:
                relay["metadata"]["deletionTimestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")

            self.server.edit(RELAYS, NAMESPACE, name, change)

    def relay(self, name: str = "a") -> Manifest | None:
        return self.server.get(RELAYS, NAMESPACE, name)

    def deployment(self, name: str = "a") -> Manifest:
        found = self.server.get(DEPLOYMENTS, NAMESPACE, f"{name}-firehose")
        assert found is not None
        return found

    def edit_deployment(self, change: Callable[[Manifest], None], name: str = "a") -> None:
        self.server.edit(DEPLOYMENTS, NAMESPACE, f"{name}-firehose", change, manager="somebody")

    def secret(self) -> Manifest | None:
        """The Secret with the default URL."""
        return self.server.get(SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET)

    async def poll(self) -> list[SourceKey]:
        """Ask Redis, and for Secrets and ConfigMaps. The sources that are to be reconciled at once."""
        self.added.clear()
        await self.redis.poll(self.added.append, self.later.__setitem__)
        await self._objects.poll(self.added.append)
        return list(dict.fromkeys(self.added))

    def run_pod(self, name: str = "a") -> None:
        """Do what the controllers of a cluster do for a Deployment: run a pod of a ReplicaSet."""
        labels = self.deployment(name)["spec"]["template"]["metadata"]["labels"]
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-firehose-1", "uid": "r"}

        def change(pod: Manifest) -> None:
            pod["metadata"] |= {
                "labels": {**labels, "pod-template-hash": "1"},
                "ownerReferences": [{**owner, "controller": True}],
            }
            pod["spec"] = {"nodeName": "node", "containers": [{"name": "ingester", "image": "sluice:test"}]}
            state = {"running": {"startedAt": "2026-11-24T12:00:00Z"}}
            container = {"name": "ingester", "image": "sluice:test", "restartCount": 0, "state": state}
            pod["status"] = {"phase": "Running", "containerStatuses": [container]}

        self.server.edit(PODS, NAMESPACE, f"{name}-firehose-1-x", change)

    def end_pod(self, name: str = "a") -> None:
        self.server.delete(PODS, NAMESPACE, f"{name}-firehose-1-x")

    def collect_garbage(self) -> None:
        """Do what the garbage collector does: delete children without an owner, and end foreground deletions."""
        relays = {relay["metadata"]["uid"] for relay in self.server.all(RELAYS)}
        for resource in (DEPLOYMENTS, SECRETS):
            for child in self.server.all(resource):
                metadata = child["metadata"]
                owners = {owner["uid"] for owner in metadata.get("ownerReferences") or ()}
                if "deletionTimestamp" in metadata or owners.isdisjoint(relays):
                    self.server.edit(resource, NAMESPACE, metadata["name"], _without_finalizers)
                    if self.server.get(resource, NAMESPACE, metadata["name"]) is not None:
                        self.server.delete(resource, NAMESPACE, metadata["name"])

    def report(self, name: str = "a", **fields: str) -> None:
        """Write the health hash as the ingester in the pod does."""
        now = self.clock.now().isoformat()
        report = {
            HealthField.STATE: SourceState.STREAMING,
            HealthField.BEAT: now,
            HealthField.POD: f"{name}-firehose-1-x",
        }
        self.sink.hset(KEYS.health, {str(key): str(value) for key, value in {**report, **fields}.items()})

    def condition(self, kind: str, name: str = "a") -> tuple[str, str] | None:
        """Status and reason of the condition `kind`."""
        for item in self.status(name).get("conditions", ()):
            if item["type"] == kind:
                return item["status"], item["reason"]
        return None

    def status(self, name: str = "a") -> Manifest:
        relay = self.relay(name)
        assert relay is not None
        status: Manifest = relay.get("status", {})
        return status

    def events(self, reason: str) -> list[str]:
        """The messages of the Events of that reason."""
        return [event["message"] for event in self.server.all(EVENTS) if event["reason"] == reason]

    def event_counts(self, reason: str) -> list[int]:
        """How often each Event of that reason was recorded."""
        return [event["count"] for event in self.server.all(EVENTS) if event["reason"] == reason]

    def writes(self) -> list[str]:
        """The writes of the last reconcile without Events, as method and plural: `PATCH deployments`."""
        writes = [request for request in self.server.writes if request.plural != "events" and not request.is_dry_run]
        return [f"{one.method} {one.plural}" + (f"/{one.subresource}" if one.subresource else "") for one in writes]


def _without_finalizers(manifest: Manifest) -> None:
    manifest["metadata"].pop("finalizers", None)
