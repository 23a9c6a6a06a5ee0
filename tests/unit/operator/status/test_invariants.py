"""Invariants of every status, after any facts in any order."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.api.health import HealthSpec
from sluice_operator.api.relay import RelayStatus
from sluice_operator.desired.component import Component
from sluice_operator.desired.relay_streams import BACKFILL, FIREHOSE
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.observed.facts.deployment import DeploymentFacts
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.pod import BlockerFacts, PodFacts, Termination
from sluice_operator.observed.facts.redis import RedisStreamFacts, SinkFacts, SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.observed.facts.startup import PodEvent, StartupFacts
from sluice_operator.observed.facts.writers import ForeignWriter, WriterFacts
from sluice_operator.status.transitions import is_unchanged, is_urgent, transition_events
from sluice_redis.contract import BACKFILL_DONE, SourceState
from tests.unit.operator.status.situations import HOST, NOW, ago, health, source_status

WORDS = st.sampled_from(["", "ConnectionLost", "HighWaterMark", "RedisRefused"])
TEXTS = st.sampled_from(["", "as it is", "x" * 5000, "\x00\n"])
WAITING = ["", "CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "InvalidImageName"]
AGES = st.sampled_from([-3700.0, -1.0, 0.0, 1.0, 29.0, 31.0, 61.0, 299.0, 301.0, 899.0, 901.0, 1e6])
TIMES = st.none() | AGES.map(ago)
COUNTS = st.none() | st.integers(0, 10)
NAMES = st.sampled_from(["p1", "p2", "p3"])


POD_EVENTS = st.none() | st.builds(
    PodEvent,
    reason=st.sampled_from(["FailedMount", "FailedCreatePodSandBox"]),
    message=TEXTS,
    first=AGES.map(ago),
    last=AGES.map(ago),
)
BLOCKERS = st.none() | st.builds(
    BlockerFacts, name=st.just("mesh"), is_failing=st.booleans(), description=st.just("mesh")
)


def healths() -> st.SearchStrategy[HealthFacts]:
    return st.builds(
        replace,
        st.just(health()),
        pod=NAMES,
        state=st.none() | st.sampled_from(SourceState),
        reason=WORDS,
        message=TEXTS,
        event_time=TIMES,
        stored=TIMES,
        silent_seconds=st.sampled_from([None, 0.0, 29.0, 31.0, 1e6]),
        watched_seconds=st.sampled_from([None, None, 0.0, 31.0]),
        started=TIMES,
        events=COUNTS,
        dead_letters=COUNTS,
        rate=st.none() | st.floats(0, 1e6),
        reconnects=COUNTS,
        fenced=COUNTS,
        last_error=TEXTS,
        last_error_time=TIMES,
    )


def sinks() -> st.SearchStrategy[SinkFacts]:
    troubles = st.builds(SinkFacts, failure=st.sampled_from(SinkReadFailure), failure_message=st.just("it is away"))
    read = st.builds(
        SinkFacts,
        cursor=st.sampled_from([None, "", "0", "12", "abc", "!live", BACKFILL_DONE, "9" * 5000]),
        length=COUNTS,
        stream=st.none() | st.just(RedisStreamFacts(bytes=None, groups=(), consumers_lag=None)),
        dead_letters=COUNTS,
        health=st.none() | healths(),
        recovered_seconds=st.sampled_from([None, 0.0, 31.0]),
    )
    return st.none() | troubles | read


def pods() -> st.SearchStrategy[PodFacts]:
    return st.builds(
        PodFacts,
        uid=NAMES,
        name=NAMES,
        template_hash=st.sampled_from(["a", "b"]),
        created=AGES.map(ago),
        terminating=st.booleans(),
        gone_reason=st.sampled_from(["", "Evicted"]),
        running_since=TIMES,
        restart_count=st.integers(0, 5),
        last_termination=st.none()
        | st.builds(Termination, reason=st.sampled_from(["", "OOMKilled"]), exit_code=COUNTS, time=TIMES),
        waiting_reason=st.sampled_from(WAITING),
        waiting_message=TEXTS,
        unschedulable=TEXTS,
        image=st.just("sluice:1"),
        blocker=BLOCKERS,
    )


def streams(component: Component) -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        component=st.just(component),
        now=st.just(NOW),
        generation=st.integers(1, 3),
        host=st.just(HOST),
        suspended=st.booleans(),
        enabled=st.booleans(),
        owner=st.sampled_from(["", "", "Relay default/other"]),
        owner_terminating=st.booleans(),
        owner_unobserved=st.booleans(),
        windows=st.just(HealthSpec()),
        secret=st.just(SecretFacts(problem="There is no Secret redis")),
        refusal=st.none()
        | st.builds(
            Refusal,
            reason=st.sampled_from(["Progressing", "ChildRefused", "ApiServerUnavailable"]),
            message=st.just("x"),
            is_transient=st.booleans(),
            stalls_if_persistent=st.booleans(),
        ),
        deployment=st.none()
        | st.builds(
            DeploymentFacts,
            replicas=st.integers(0, 1),
            rolled_out=st.booleans(),
            observed=st.booleans(),
            deadline_message=st.sampled_from(["", "late"]),
            failure_message=st.sampled_from(["", "quota"]),
            failing_since=TIMES,
        ),
        pods=st.lists(pods(), max_size=3, unique_by=lambda one: one.uid).map(tuple),
        sink=sinks(),
        start=st.builds(StartupFacts, missing=st.sampled_from([(), ("There is no ConfigMap c",)]), event=POD_EVENTS),
        copies=st.sampled_from([(), ("p1",)]),
        writers=st.builds(
            WriterFacts,
            reports=st.lists(healths(), max_size=2).map(tuple),
            foreign=st.lists(
                st.builds(
                    ForeignWriter,
                    name=st.sampled_from([f"{component}-x1", f"{component}-x2"]),
                    writing_seconds=st.sampled_from([0.0, 20.0]),
                ),
                max_size=2,
                unique_by=lambda one: one.name,
            ).map(tuple),
        ),
        namespace=st.just("events"),
        child=st.just("us-east-firehose"),
    )


def observations() -> st.SearchStrategy[list[Facts]]:
    def same_source(first: Facts, second: Facts) -> list[Facts]:
        shared = {name: getattr(first, name) for name in ("generation", "suspended", "secret", "refusal")}
        return [first, replace(second, **shared)]

    return st.builds(same_source, streams(FIREHOSE), streams(BACKFILL))


@settings(max_examples=200)
@given(st.lists(observations(), min_size=1, max_size=4))
def test_invariants(reconciles: list[list[Facts]]) -> None:
    before = RelayStatus()
    for step, streams_now in enumerate(reconciles):
        now = NOW + timedelta(seconds=3 * step)
        seen = [replace(facts, now=now) for facts in streams_now]
        status = source_status(seen, before)
        _is_well_formed(status, generation=streams_now[0].generation)
        _is_consistent_with(before, status, now=now)
        read = RelayStatus.model_validate(status.dump())
        again = source_status(seen, read)
        assert is_unchanged(read, again), "a second reconcile changes nothing"
        assert not transition_events(read, again)
        if transition_events(before, status):
            assert is_urgent(before, status), "a transition with an Event is urgent"
        before = read


def _is_well_formed(status: RelayStatus, *, generation: int) -> None:
    found = {item.type: item for item in status.conditions or ()}
    assert len(found) == len(status.conditions or ()), "each type exists once"
    assert "Ready" in found
    assert not {"Reconciling", "Stalled"} <= set(found)
    for kind in ("Reconciling", "Stalled", "Suspended", "SeveralWriters", "ChildrenOutdated"):
        assert kind not in found or found[kind].status == "True"
    if found["Ready"].status == "True":
        assert not {"Reconciling", "Stalled"} & set(found)
    assert status.observed_generation == generation
    for item in found.values():
        assert item.observed_generation == generation
        assert item.reason, item
        assert item.message, item
    for part in status.streams.values():
        for number in (part.lag_seconds, part.newest_event_age_seconds, part.fenced):
            assert number is None or number >= 0


def _is_consistent_with(before: RelayStatus, status: RelayStatus, *, now: object) -> None:
    old = {item.type: item for item in before.conditions or ()}
    for item in status.conditions or ():
        kept = item.type in old and old[item.type].status == item.status
        assert item.last_transition_time == (old[item.type].last_transition_time if kept else now), item.type
    assert status.restarts is not None
    if before.restarts is not None:
        assert status.restarts.count >= before.restarts.count
        assert not (before.restarts.last_time and status.restarts.last_time) or (
            status.restarts.last_time >= before.restarts.last_time
        )
    assert status.restarts.in_window <= status.restarts.count
