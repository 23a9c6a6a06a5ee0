"""Counting restarts: of containers, of replaced pods, and within the window."""

import pytest

from sluice_operator.api.health import HealthSpec
from sluice_operator.api.ingester_status import RestartsStatus
from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.status.restarts import count_restarts, exempt_all
from tests.unit.operator.status.situations import NOW, ago, ended, facts, pod, source_status

A1 = pod(uid="a1", name="a1", template_hash="aaa")
A2 = pod(uid="a2", name="a2", template_hash="aaa", created=ago(50), running_since=ago(45))
A3 = pod(uid="a3", name="a3", template_hash="aaa", created=ago(20), running_since=ago(15))
B1 = pod(uid="b1", name="b1", template_hash="bbb", created=ago(50), running_since=ago(45))


def terminating(old: PodFacts, reason: str = "") -> PodFacts:
    return pod(
        uid=old.uid,
        name=old.name,
        template_hash=old.template_hash,
        created=old.created,
        restart_count=old.restart_count,
        terminating=True,
        gone_reason=reason,
        running_since=None,
    )


def restarted(of: PodFacts, count: int, reason: str = "Error", exit_code: int = 1, *, at: float = 5) -> PodFacts:
    return pod(
        uid=of.uid,
        name=of.name,
        template_hash=of.template_hash,
        created=of.created,
        restart_count=count,
        last_termination=ended(reason, exit_code, seconds_ago=at),
    )


def count(*reconciles: tuple[PodFacts, ...] | None) -> RestartsStatus:
    """The restarts after reconciles with these pods. None stands for a suspended source without pods."""
    restarts: RestartsStatus | None = None
    for pods in reconciles:
        # Each reconcile runs twice: the second one must change nothing.
        for _ in range(2):
            restarts = count_restarts(restarts, pods or (), should_run=pods is not None, now=NOW)
    assert restarts is not None
    return RestartsStatus.model_validate(restarts.dump())  # as a new operator process reads it


def test_a_pod_stopped_by_suspension_counts_no_restart() -> None:
    """The source is suspended and resumed between two reconciles, and the operator restarts in between."""
    running = count_restarts(None, (restarted(A1, 1),), should_run=True, now=NOW)
    exempt = exempt_all(running)
    assert exempt is not None
    assert exempt.count == running.count
    assert exempt_all(exempt) is exempt
    assert count_restarts(exempt, (A2,), should_run=True, now=NOW).count == 1
    assert count_restarts(exempt, (restarted(A1, 3),), should_run=True, now=NOW).count == 3
    suspended = count_restarts(running, (restarted(A1, 1),), should_run=False, now=NOW)
    assert suspended == exempt
    assert count_restarts(suspended, (A2,), should_run=True, now=NOW).count == 1


RECONCILES = [
    ("the first pod is no restart", [(A1,)], 0, None, None),
    ("a container's restart", [(A1,), (restarted(A1, 1),)], 1, "Error", 1),
    ("out of memory", [(A1,), (restarted(A1, 1, "OOMKilled", 137),)], 1, "OOMKilled", 137),
    ("several restarts between two reconciles", [(A1,), (restarted(A1, 4),)], 4, "Error", 1),
    ("restarts before the first pods", [(restarted(A1, 2),)], 2, "Error", 1),
    ("a pod replaced, seen side by side", [(A1,), (terminating(A1), A2)], 1, "PodReplaced", None),
    ("a pod replaced, seen with a gap", [(A1,), (), (A2,)], 1, "PodReplaced", None),
    ("a pod replaced between two reconciles", [(A1,), (A2,)], 1, "PodReplaced", None),
    ("evicted", [(A1,), (terminating(A1, "Evicted"), A2)], 1, "Evicted", None),
    ("evicted, and gone before the next pod", [(A1,), (terminating(A1, "Evicted"),), (), (A2,)], 1, "Evicted", None),
    (
        "evicted, and the evicted pod still exists",
        [(A1,), (terminating(A1, "Evicted"), A2), (terminating(A1, "Evicted"), A2)],
        1,
        "Evicted",
        None,
    ),
    ("node lost", [(A1,), (terminating(A1, "NodeLost"),), (terminating(A1, "NodeLost"), A2)], 1, "NodeLost", None),
    ("replaced twice", [(A1,), (terminating(A1), A2), (terminating(A2), A3)], 2, "PodReplaced", None),
    ("replaced twice between two reconciles", [(A1,), (A3,)], 1, "PodReplaced", None),
    (
        "replaced and restarted",
        [(A1,), (terminating(A1), A2), (restarted(A2, 1, "OOMKilled", 137),)],
        2,
        "OOMKilled",
        137,
    ),
    (
        "restarted, then replaced",
        [(A1,), (restarted(A1, 2, at=60),), (terminating(restarted(A1, 2)), A2)],
        3,
        "PodReplaced",
        None,
    ),
    ("replaced by one that has restarted already", [(A1,), (terminating(A1), restarted(A2, 1))], 2, "Error", 1),
    ("a rollout", [(A1,), (terminating(A1),), (B1,)], 0, None, None),
    (
        "a rollout, then a replacement",
        [(A1,), (B1,), (pod(uid="b2", template_hash="bbb", created=ago(1)),)],
        1,
        "PodReplaced",
        None,
    ),
    ("a rollout and back", [(A1,), (B1,), (A3,)], 0, None, None),
    ("a restart counts through a rollout", [(A1,), (restarted(A1, 2),), (B1,)], 2, "Error", 1),
    ("suspended and resumed", [(A1,), None, (A2,)], 0, None, None),
    ("suspended after a restart", [(A1,), (restarted(A1, 1),), None, (A2,)], 1, "Error", 1),
    ("a second pod next to the first is no restart", [(A1,), (A1, A2)], 0, None, None),
    ("two pods replace one", [(A1,), (A2, A3)], 1, "PodReplaced", None),
    ("the first of two pods goes", [(A1,), (A1, A2), (A2,)], 0, None, None),
]


@pytest.mark.parametrize(
    ("reconciles", "total", "reason", "exit_code"),
    [pods[1:] for pods in RECONCILES],
    ids=[pods[0] for pods in RECONCILES],
)
def test_the_count_of_restarts(
    reconciles: list[tuple[PodFacts, ...] | None], total: int, reason: str | None, exit_code: int | None
) -> None:
    restarts = count(*reconciles)
    assert (restarts.count, restarts.last_reason, restarts.last_exit_code) == (total, reason, exit_code)
    assert (restarts.last_time is None) == (total == 0)


def test_no_restart_is_counted_twice_during_suspension() -> None:
    """The pods of a source that is being suspended still exist during some reconciles."""
    restarts = count_restarts(None, (restarted(A1, 2),), should_run=True, now=NOW)
    for pods in ((restarted(A1, 2),), (terminating(restarted(A1, 2)),), ()):
        restarts = count_restarts(restarts, pods, should_run=False, now=NOW)
    assert restarts.count == 2
    assert restarts.pods == ()


def test_suspended_and_resumed_before_the_pod_ended() -> None:
    restarts = count_restarts(None, (restarted(A1, 2),), should_run=True, now=NOW)
    restarts = count_restarts(restarts, (restarted(A1, 2),), should_run=False, now=NOW)
    restarts = count_restarts(restarts, (restarted(A1, 2),), should_run=True, now=NOW)
    assert restarts.count == 2


def test_only_current_pods_are_remembered() -> None:
    restarts = count((A1,), (terminating(A1), A2))
    assert [item.uid for item in restarts.pods or ()] == ["a2"]


def in_window(*reconciles: tuple[float, int], window: int = 900) -> tuple[int, list[float]]:
    """The number of recent restarts and their ages, after reconciles given as (seconds ago, restarts)."""
    status = RelayStatus()
    for age, restarts in [*reconciles, (0, reconciles[-1][1])]:
        last = ended(seconds_ago=age) if restarts else None
        situation = facts(
            now=ago(age),
            windows=HealthSpec(stable_window_seconds=window),
            pods=(pod(restart_count=restarts, last_termination=last if age else ended(seconds_ago=reconciles[-1][0])),),
        )
        status = RelayStatus.model_validate(source_status([situation], status).dump())
    assert status.restarts is not None
    assert status.restarts.count == reconciles[-1][1]
    return status.restarts.in_window, [(NOW - time).total_seconds() for time in status.restarts.recent_times or ()]


RECENT = [
    ("none", [(60.0, 0)], 0, []),
    ("one", [(1000, 0), (60, 1)], 1, [60.0]),
    ("some recent, one long ago", [(5000, 1), (800, 2), (60, 3)], 2, [800.0, 60.0]),
    ("all long ago", [(5000, 1), (900, 3)], 0, []),
    ("several at once have the time of the last one", [(1000, 0), (60, 3)], 3, [60.0, 60.0, 60.0]),
    ("more than are remembered", [(1000, 0), (80, 500), (60, 501)], 20, [80.0] * 19 + [60.0]),
]


@pytest.mark.parametrize(("reconciles", "recent", "ages"), [row[1:] for row in RECENT], ids=[row[0] for row in RECENT])
def test_recent_restarts(reconciles: list[tuple[float, int]], recent: int, ages: list[float]) -> None:
    assert in_window(*reconciles) == (recent, ages)


def test_the_window_comes_from_the_spec() -> None:
    assert in_window((1000, 0), (60, 1), window=50) == (0, [])
    assert in_window((5000, 1), (60, 2), window=10_000) == (2, [5000.0, 60.0])


def test_a_restart_observed_late_does_not_replace_a_newer_one() -> None:
    restarts = count((A1,), (restarted(A1, 1, at=5),), (restarted(A1, 2, "OOMKilled", 137, at=60),))
    assert (restarts.count, restarts.last_time, restarts.last_reason) == (2, ago(5), "OOMKilled")
