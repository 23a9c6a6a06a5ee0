"""Reports of several ingesters that write one hash in turn."""

from sluice_operator.observed.health_writers import Writers
from tests.unit.operator.status.given import ago, health


def names(facts: object) -> list[str]:
    return sorted(report.pod for report in facts.reports)  # type: ignore[attr-defined]


def test_the_report_of_each_is_kept_for_as_long_as_it_is_believed() -> None:
    writers = Writers()
    writers.note("u", "k", health(pod="a", silent_seconds=1.0), ours={"a", "b"}, monotonic=100.0)
    facts = writers.note("u", "k", health(pod="b"), ours={"a", "b"}, monotonic=110.0)
    assert [(report.pod, report.silent_seconds) for report in facts.reports] == [("a", 11.0)]
    assert names(writers.note("u", "k", health(pod="b"), ours={"a", "b"}, monotonic=131.0)) == []


def test_one_alone_has_nobody_beside_it() -> None:
    writers = Writers()
    for moment in (100.0, 105.0, 110.0):
        facts = writers.note("u", "k", health(pod="a"), ours={"a"}, monotonic=moment)
        assert (facts.reports, facts.foreign) == ((), ())


def test_who_goes_on_writing_without_a_pod_is_told() -> None:
    writers = Writers()
    for step in range(8):
        writers.note("u", "k", health(pod="a", beat=ago(90 - step)), ours={"a"}, monotonic=100.0 + 3 * step)
        beat = ago(91 - step)
        facts = writers.note("u", "k", health(pod="x", beat=beat), ours={"a"}, monotonic=101.0 + 3 * step)
    assert [(one.name, one.wrote_for) for one in facts.foreign] == [("x", 21.0)]
    assert names(facts) == ["a"]


def test_a_pod_that_has_gone_wrote_until_then_and_no_longer() -> None:
    writers = Writers()
    writers.note("u", "k", health(pod="a", beat=ago(9)), ours={"a"}, monotonic=100.0)
    writers.note("u", "k", health(pod="a", beat=ago(8)), ours=set(), monotonic=103.0)
    for moment in (106.0, 109.0, 125.0):
        facts = writers.note("u", "k", health(pod="a", beat=ago(8)), ours=set(), monotonic=moment)
        assert [one.wrote_for for one in facts.foreign if one.wrote_for] == []


def test_a_dead_report_is_no_writer() -> None:
    facts = Writers().note("u", "k", health(pod="x", silent_seconds=31.0), ours={"a"}, monotonic=100.0)
    assert facts.foreign == ()


def test_what_is_forgotten_is_that_of_one_source() -> None:
    writers = Writers()
    for source in ("gone", "stays"):
        writers.note(source, "k", health(pod="a"), ours={"a"}, monotonic=100.0)
    writers.forget("gone")
    assert names(writers.note("gone", "k", health(pod="b"), ours={"b"}, monotonic=101.0)) == []
    assert names(writers.note("stays", "k", health(pod="b"), ours={"b"}, monotonic=101.0)) == ["a"]
