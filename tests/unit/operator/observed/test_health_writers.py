"""Reports of several ingesters that alternate in one health hash."""

from sluice_operator.observed.health_writers import HealthWriters
from tests.unit.operator.status.situations import ago, health


def names(facts: object) -> list[str]:
    return sorted(report.pod for report in facts.reports)  # type: ignore[attr-defined]


def test_each_report_is_kept_until_it_is_stale() -> None:
    writers = HealthWriters()
    writers.record("k", health(pod="a", silent_seconds=1.0), own_pods={"a", "b"}, monotonic=100.0)
    facts = writers.record("k", health(pod="b"), own_pods={"a", "b"}, monotonic=110.0)
    assert [(report.pod, report.silent_seconds) for report in facts.reports] == [("a", 11.0)]
    assert names(writers.record("k", health(pod="b"), own_pods={"a", "b"}, monotonic=131.0)) == []


def test_a_single_ingester_has_no_other_writers() -> None:
    writers = HealthWriters()
    for moment in (100.0, 105.0, 110.0):
        facts = writers.record("k", health(pod="a"), own_pods={"a"}, monotonic=moment)
        assert (facts.reports, facts.foreign) == ((), ())


def test_a_writer_without_a_pod_is_foreign() -> None:
    writers = HealthWriters()
    for step in range(8):
        writers.record("k", health(pod="a", heartbeat=ago(90 - step)), own_pods={"a"}, monotonic=100.0 + 3 * step)
        beat = ago(91 - step)
        facts = writers.record("k", health(pod="x", heartbeat=beat), own_pods={"a"}, monotonic=101.0 + 3 * step)
    assert [(one.name, one.writing_seconds) for one in facts.foreign] == [("x", 21.0)]
    assert names(facts) == ["a"]


def test_a_deleted_pod_is_no_foreign_writer() -> None:
    writers = HealthWriters()
    writers.record("k", health(pod="a", heartbeat=ago(9)), own_pods={"a"}, monotonic=100.0)
    writers.record("k", health(pod="a", heartbeat=ago(8)), own_pods=set(), monotonic=103.0)
    for moment in (106.0, 109.0, 125.0):
        facts = writers.record("k", health(pod="a", heartbeat=ago(8)), own_pods=set(), monotonic=moment)
        assert [one.writing_seconds for one in facts.foreign if one.writing_seconds] == []


def test_a_stale_report_is_no_writer() -> None:
    facts = HealthWriters().record("k", health(pod="x", silent_seconds=31.0), own_pods={"a"}, monotonic=100.0)
    assert facts.foreign == ()
