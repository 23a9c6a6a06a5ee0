"""Facts for tests of the status. Each situation is written as its difference from a source that streams."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sluice_operator.api.health import HealthSpec
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.api.relay import RelayStatus
from sluice_operator.desired.relay_streams import FIREHOSE
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.relay import RELAY
from sluice_operator.observed.facts.deployment import DeploymentFacts
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.pod import PodFacts, Termination
from sluice_operator.observed.facts.redis import ConsumerGroupFacts, RedisStreamFacts, SinkFacts, SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status import source_status as status_module
from sluice_redis.contract import SourceState

StatusT = TypeVar("StatusT", bound=SourceStatus)

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
HOST = "relay1.us-east.bsky.network"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def pod(**changes: Any) -> PodFacts:
    streaming = PodFacts(
        uid="uid-1",
        name="us-east-firehose-1",
        template_hash="aaa",
        created=ago(3605),
        terminating=False,
        gone_reason="",
        running_since=ago(3600),
        restart_count=0,
        last_termination=None,
        waiting_reason="",
        waiting_message="",
        unschedulable="",
        image="sluice:1",
    )
    return replace(streaming, **changes)


def waiting_pod(reason: str, *, age: float, **changes: Any) -> PodFacts:
    return pod(running_since=None, waiting_reason=reason, waiting_message="as it is", created=ago(age), **changes)


def ended(reason: str = "Error", exit_code: int = 1, *, seconds_ago: float = 5) -> Termination:
    return Termination(reason=reason, exit_code=exit_code, time=ago(seconds_ago))


def deployment(**changes: Any) -> DeploymentFacts:
    rolled_out = DeploymentFacts(
        replicas=1, rolled_out=True, deadline_message="", failure_message="", failing_since=None
    )
    return replace(rolled_out, **changes)


def health(**changes: Any) -> HealthFacts:
    streaming = HealthFacts(
        pod="us-east-firehose-1",
        state=SourceState.STREAMING,
        reason="",
        message="",
        seq="6322875501",
        event_time=ago(3),
        stored=ago(1),
        heartbeat=ago(2),
        silent_seconds=2.0,
        started=ago(3599),
        events=1000,
        dead_letters=0,
        rate=412.3,
        reconnects=0,
        fenced=0,
        errors=0,
        last_error="",
        last_error_time=None,
        version="0.1.0",
    )
    return replace(streaming, **changes)


def reporting(state: SourceState, reason: str = "", message: str = "", **changes: Any) -> SinkFacts:
    return sink(health=health(state=state, reason=reason, message=message, **changes))


def sink(**changes: Any) -> SinkFacts:
    return replace(SinkFacts(cursor="6322875501", length=1000, dead_letters=0, health=health()), **changes)


def group(name: str, **changes: Any) -> ConsumerGroupFacts:
    return replace(ConsumerGroupFacts(name=name, consumers=1, pending=0, lag=0), **changes)


def stream(*groups: ConsumerGroupFacts, bytes: int | None = 4096) -> RedisStreamFacts:  # noqa: A002 (the field's name)
    lags = [one.lag for one in groups if one.lag is not None]
    return RedisStreamFacts(bytes=bytes, groups=groups, consumers_lag=max(lags, default=None))


def failed_sink(kind: SinkReadFailure, message: str = "no answer in time") -> SinkFacts:
    return SinkFacts(failure=kind, failure_message=message)


def facts(**changes: Any) -> Facts:
    streaming = Facts(
        component=FIREHOSE,
        now=NOW,
        generation=2,
        host=HOST,
        suspended=False,
        enabled=True,
        windows=HealthSpec(),
        secret=SecretFacts(digest="abc"),
        refusal=None,
        deployment=deployment(),
        pods=(pod(),),
        sink=sink(),
    )
    return replace(streaming, **changes)


_STRATEGIES = {**RELAY.strategies, **LABELER.strategies}


def source_status(streams: Sequence[Facts], previous: StatusT) -> StatusT:
    """The status after a reconcile with these facts of each stream."""
    return status_module.source_status(streams, previous, strategies=_STRATEGIES)


def after(*situations: Facts) -> RelayStatus:
    """The status after one reconcile with each of `situations`, in order, since the creation of the source."""
    status = RelayStatus()
    for situation in situations:
        status = source_status([situation], status)
    return status


def conditions(status: RelayStatus) -> dict[str, tuple[str, str]]:
    return {item.type: (item.status.value, item.reason) for item in status.conditions or ()}
