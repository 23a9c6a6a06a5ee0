"""With nothing happening nothing is written but the Leases of the namespaces, by the API server's own account: its
audit log.

The interval of the numbers is short here, so that whatever is written needlessly is written soon; and ingesters go
on telling that they live.
"""

import secrets
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from sluice_operator.kubernetes.namespace_lease import RENEW_SECONDS
from sluice_redis.contract import BACKFILL_DONE, HealthField, SourceState
from tests.integration.operator.audit import AuditLog, Request
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ControlPlane, Manifest
from tests.integration.operator.deletion import without_validation
from tests.integration.operator.kinds import BackfillSituation, LabelerSituation
from tests.integration.operator.situation import ERROR, NAME, Situation, eventually
from tests.integration.redis_server import RedisServer

INTERVAL = 2
"""Seconds between two writes of the same status for numbers alone."""
LONG_AGO = "2026-01-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, sink: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    process = OperatorProcess(
        control_plane,
        tmp_path_factory.mktemp("operator") / "log",
        SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{sink.port}/0",
        SLUICE_STATUS_INTERVAL_SECONDS=str(INTERVAL),
        SLUICE_RESYNC_INTERVAL_SECONDS="5",
    )
    process.start()
    yield process
    assert process.stop() == 0, process.log[-3000:]


class World:
    """A source of each kind of rest, and one that streams."""

    def __init__(self, control_plane: ControlPlane, sink: RedisServer, other: RedisServer) -> None:
        def relay(kind: type[Situation] = Situation) -> Situation:
            return kind(control_plane, f"test-{secrets.token_hex(3)}", sink)

        self.busy, self.quiet, self.suspended = relay(), relay(LabelerSituation), relay()
        self.no_secret, self.crashing, self.invalid, self.new = relay(), relay(), relay(), relay()
        self.listed = relay()
        # Of its own, since the length of a stream is a number of all sources that share it.
        self.busy.sink = other
        self.listing = BackfillSituation(control_plane, self.listed.namespace, sink)
        self.places = (
            self.busy,
            self.quiet,
            self.suspended,
            self.no_secret,
            self.crashing,
            self.invalid,
            self.new,
            self.listed,
        )
        self.pods: list[tuple[Situation, Manifest, SourceState]] = []
        self.seq = 1000

    def settle(self) -> None:
        self.no_secret.apply_relay(redis={"secretRef": {"name": "none"}}, health={"stalledAfterSeconds": 1})
        self.crashing.apply_relay()
        with without_validation(self.invalid.control_plane, "host"):
            eventually(self._apply_invalid)
        self.new.apply_relay(health={"stableWindowSeconds": 1})
        for place in (self.quiet, self.suspended):
            place.apply_relay()
        self.busy.apply_secret("mine", url=self.busy.sink.url)
        self.busy.apply_relay(redis={"secretRef": {"name": "mine"}})
        self.listed.apply_relay(backfill={"enabled": True})
        for place in (self.busy, self.quiet, self.listed, self.suspended):
            self.pods.append((place, place.stream(self.seq), SourceState.STREAMING))
        self.pods.append((self.listing, self.listing.run_pod(), SourceState.DONE))
        self.listing.list_page(BACKFILL_DONE, 3)
        self.listing.report(SourceState.DONE)
        self.suspended.apply_relay(suspend=True)
        self.suspended.wait_condition("Ready", "True", "Suspended")
        self.pods = [pod for pod in self.pods if pod[0] is not self.suspended]
        quiet = {HealthField.STORED: LONG_AGO, HealthField.EVENT_TIME: LONG_AGO}
        for place in (self.quiet, self.listed):
            place.redis.hset(place.keys.health, mapping=quiet)
            # A consumer that has taken an event and died: its age is no news, however old it grows.
            place.redis.xgroup_create(place.keys.entries, "readers", id="0")
            place.redis.xreadgroup("readers", "dead", {place.keys.entries: ">"}, count=1)
        self.crashing.set_container(
            self.crashing.pod(), restarts=6, last=ERROR, waiting={"reason": "CrashLoopBackOff", "message": "back-off"}
        )
        self.invalid.wait_condition("Stalled", "True", "InvalidSpec")
        self.no_secret.wait_condition("Stalled", "True", "SecretMissing")
        self.crashing.wait_condition("Stalled", "True", "CrashLoop")
        self.listed.wait_condition("BackfillComplete", "True", "Listed")

    def _apply_invalid(self) -> bool:
        self.invalid.apply_relay(host="a.example/xrpc")
        return True

    def is_at_rest(self, log: AuditLog) -> bool:
        """Whether all is told of what has been brought about."""
        self.live(4 * INTERVAL)
        needless = {request.namespace for request in _but_leases(log)} - {self.busy.namespace}
        assert not needless
        return True

    def live(self, seconds: float) -> None:
        """Let ingesters go on for so long, and one of them store events."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.seq += 7
            self.busy.store(self.seq)
            for place, pod, state in self.pods:
                place.report(state, pod=pod)
            time.sleep(0.5)


@pytest.fixture(scope="module")
def world(
    control_plane: ControlPlane,
    operator: OperatorProcess,
    sink: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    assert operator.returncode is None
    other = RedisServer(tmp_path_factory.mktemp("other"))
    other.start()
    world = World(control_plane, sink, other)
    world.settle()
    eventually(lambda: world.is_at_rest(control_plane.audit.from_now()))
    yield world
    for place in world.places:
        place.remove()
    other.kill()


def needless(world: World, log: AuditLog, *, seconds: float) -> Counter[tuple[str, str, str]]:
    """The writes in so many seconds that were not the numbers of the one that streams, at their interval."""
    allowed = ("relays/status", world.busy.namespace, NAME)
    writes = Counter(map(_place, _but_leases(log)))
    assert 1 <= writes[allowed] <= seconds / INTERVAL + 1, writes
    del writes[allowed]
    return writes


def _but_leases(log: AuditLog) -> list[Request]:
    return [request for request in log.writes(OPERATOR) if request.resource != "leases"]


def _place(request: Request) -> tuple[str, str, str]:
    return request.resource, request.namespace, request.name


def test_a_steady_state_is_not_written_to(world: World, control_plane: ControlPlane) -> None:
    log, began = control_plane.audit.from_now(), time.monotonic()
    world.live(12)
    assert needless(world, log, seconds=time.monotonic() - began) == {}


def test_the_lease_of_each_namespace_is_renewed_slowly_and_nothing_else_is_done_to_it(
    world: World, control_plane: ControlPlane
) -> None:
    log, began = control_plane.audit.from_now(), time.monotonic()
    namespaces = {place.namespace for place in world.places}

    def renewals() -> Counter[str]:
        asked = [request for request in log.requests(OPERATOR) if request.resource == "leases"]
        assert {request.verb for request in asked} <= {"update"}
        return Counter(request.namespace for request in asked)

    while set(renewals()) != namespaces:
        assert time.monotonic() - began < 120
        world.live(2)
    most = (time.monotonic() - began) / RENEW_SECONDS + 2
    assert max(renewals().values()) <= most


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_an_operator_that_was_restarted_writes_nothing(
    world: World, control_plane: ControlPlane, operator: OperatorProcess, ending: signal.Signals
) -> None:
    log, began = control_plane.audit.from_now(), time.monotonic()
    operator.stop(ending)
    operator.start()
    world.live(6)
    # The one that was started does not know when the other wrote the numbers.
    assert needless(world, log, seconds=time.monotonic() - began + INTERVAL) == {}
