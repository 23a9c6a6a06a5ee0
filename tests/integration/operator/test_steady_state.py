"""While nothing changes, the operator writes only the Leases of its namespaces, according to the audit log.

The interval of the numbers is short here, so that a needless write comes soon. Ingesters still write heartbeats.
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
"""Seconds between two writes of one status that only change numbers."""
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


class Sources:
    """Sources in each stable state, and one that streams."""

    def __init__(self, control_plane: ControlPlane, sink: RedisServer, other: RedisServer) -> None:
        def relay(kind: type[Situation] = Situation) -> Situation:
            return kind(control_plane, f"test-{secrets.token_hex(3)}", sink)

        self.busy, self.quiet, self.suspended = relay(), relay(LabelerSituation), relay()
        self.no_secret, self.crashing, self.invalid, self.new = relay(), relay(), relay(), relay()
        self.listed = relay()
        # It has its own Redis, since the length of a stream is a number of all sources that share it.
        self.busy.sink = other
        self.listing = BackfillSituation(control_plane, self.listed.namespace, sink)
        self.situations = (
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
            # A consumer that read an event and died. The growing age of the event is not written.
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
        """Whether the status of every quiet source is up to date."""
        self.keep_alive(4 * INTERVAL)
        needless = {request.namespace for request in _but_leases(log)} - {self.busy.namespace}
        assert not needless
        return True

    def keep_alive(self, seconds: float) -> None:
        """Write heartbeats of all ingesters, and store events of one, for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.seq += 7
            self.busy.store(self.seq)
            for place, pod, state in self.pods:
                place.report(state, pod=pod)
            time.sleep(0.5)


@pytest.fixture(scope="module")
def sources(
    control_plane: ControlPlane,
    operator: OperatorProcess,
    sink: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sources]:
    assert operator.returncode is None
    other = RedisServer(tmp_path_factory.mktemp("other"))
    other.start()
    sources = Sources(control_plane, sink, other)
    sources.settle()
    eventually(lambda: sources.is_at_rest(control_plane.audit.from_now()))
    yield sources
    for place in sources.situations:
        place.remove()
    other.kill()


def needless(sources: Sources, log: AuditLog, *, seconds: float) -> Counter[tuple[str, str, str]]:
    """The writes during `seconds`, except the numbers of the streaming source at their interval."""
    allowed = ("relays/status", sources.busy.namespace, NAME)
    writes = Counter(map(_place, _but_leases(log)))
    assert 1 <= writes[allowed] <= seconds / INTERVAL + 1, writes
    del writes[allowed]
    return writes


def _but_leases(log: AuditLog) -> list[Request]:
    return [request for request in log.writes(OPERATOR) if request.resource != "leases"]


def _place(request: Request) -> tuple[str, str, str]:
    return request.resource, request.namespace, request.name


def test_nothing_is_written_in_the_steady_state(sources: Sources, control_plane: ControlPlane) -> None:
    log, began = control_plane.audit.from_now(), time.monotonic()
    sources.keep_alive(12)
    assert needless(sources, log, seconds=time.monotonic() - began) == {}


def test_the_lease_of_each_namespace_is_only_renewed_and_slowly(sources: Sources, control_plane: ControlPlane) -> None:
    log, began = control_plane.audit.from_now(), time.monotonic()
    namespaces = {place.namespace for place in sources.situations}

    def renewals() -> Counter[str]:
        requests = [request for request in log.requests(OPERATOR) if request.resource == "leases"]
        assert {request.verb for request in requests} <= {"update"}
        return Counter(request.namespace for request in requests)

    while set(renewals()) != namespaces:
        assert time.monotonic() - began < 120
        sources.keep_alive(2)
    most = (time.monotonic() - began) / RENEW_SECONDS + 2
    assert max(renewals().values()) <= most


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_operator_writes_nothing(
    sources: Sources, control_plane: ControlPlane, operator: OperatorProcess, ending: signal.Signals
) -> None:
    log, began = control_plane.audit.from_now(), time.monotonic()
    operator.stop(ending)
    operator.start()
    sources.keep_alive(6)
    # The new operator does not know when the former one wrote the numbers.
    assert needless(sources, log, seconds=time.monotonic() - began + INTERVAL) == {}
