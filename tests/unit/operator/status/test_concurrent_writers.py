"""Several ingesters write one stream: whose report counts, and the SeveralWriters condition."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.facts.writers import ForeignWriter, WriterFacts
from sluice_operator.status.transitions import is_urgent, transition_events
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    after,
    ago,
    conditions,
    deployment,
    facts,
    failed_sink,
    health,
    pod,
    sink,
    source_status,
)

NAMES = ("p1", "p2", "p3")
PODS = tuple(
    pod(uid=name, name=name, created=ago(3000 - 10 * place), running_since=ago(2990 - 10 * place))
    for place, name in enumerate(NAMES)
)


def report(name: str) -> HealthFacts:
    place = NAMES.index(name)
    return health(pod=name, started=ago(2989 - 10 * place), fenced=3 * place, reconnects=place)


def scaled(writer: str, *, seen: tuple[str, ...] = (), pods: tuple[PodFacts, ...] = PODS, replicas: int = 3) -> Facts:
    """Three pods. `writer` has written last, the ones in `seen` before."""
    others = tuple(report(name) for name in seen if name != writer)
    return facts(
        pods=pods,
        deployment=deployment(replicas=replicas),
        sink=sink(health=report(writer)),
        writers=WriterFacts(reports=others),
        namespace="events",
        child="us-east-firehose",
    )


def message(status: RelayStatus, kind: str = "SeveralWriters") -> str:
    return next((item.message for item in status.conditions or () if item.type == kind), "")


@pytest.mark.parametrize("writer", NAMES)
def test_the_report_of_any_pod_counts(writer: str) -> None:
    assert conditions(after(scaled(writer)))["Ready"] == ("True", "Streaming")


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=12))
def test_alternating_writers_do_not_change_the_status(turns: list[str]) -> None:
    first = status = after(scaled("p1", seen=NAMES))
    for writer in turns:
        before, status = status, source_status([scaled(writer, seen=NAMES)], status)
        assert not is_urgent(before, status)
        assert transition_events(before, status) == []
    assert (status.firehose, status.restarts) == (first.firehose, first.restarts)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=12))
def test_fences_of_different_processes_are_not_added(turns: list[str]) -> None:
    status = after(scaled("p1"))
    for writer in turns:
        status = source_status([scaled(writer)], status)
    assert status.firehose is not None
    assert status.firehose.fenced == 0
    assert status.restarts is not None
    assert status.restarts.count == 0


def test_the_message_names_extra_pods_and_the_command() -> None:
    status = after(scaled("p2"))
    assert conditions(status)["SeveralWriters"] == ("True", "ExtraPods")
    assert "p2 p3" in message(status)
    assert "`kubectl scale deployment us-east-firehose --replicas=1 -n events`" in message(status)
    events = transition_events(after(facts()), status)
    assert [(one.type, one.message) for one in events if one.reason == "SeveralWriters"] == [
        ("Warning", message(status))
    ]


def test_the_message_about_unscaled_pods_has_the_command_to_delete_them() -> None:
    assert "`kubectl delete pod p2 p3 -n events`" in message(after(scaled("p1", replicas=1)))


def test_pods_may_overlap_for_a_while_during_a_rollout() -> None:
    old = pod(uid="old", name="old", template_hash="bbb")
    for age, is_reported in ((5.0, False), (29.0, False), (31.0, True)):
        new = pod(created=ago(age + 1), running_since=ago(age))
        status = after(facts(pods=(old, new), sink=sink(health=health(started=ago(age)))))
        assert ("SeveralWriters" in conditions(status)) is is_reported
        assert conditions(status)["Ready"][0] == "True"


@pytest.mark.parametrize(
    "third", [pod(running_since=None), pod(terminating=True)], ids=["not yet running", "terminating"]
)
def test_a_pod_that_does_not_run_is_no_other_writer(third: PodFacts) -> None:
    third = replace(third, uid="p3", name="p3", created=ago(1))
    status = after(scaled("p1", pods=(PODS[0], third)))
    assert conditions(status)["Ready"] == ("True", "Streaming")
    assert "SeveralWriters" not in conditions(status)


def foreign(*, wrote_for: float = 20.0, copies: tuple[str, ...] = ()) -> Facts:
    """A debug copy of the pod has written last, and the pod itself before."""
    writers = WriterFacts(reports=(health(),), foreign=(ForeignWriter(name="debug", writing_seconds=wrote_for),))
    other = health(pod="debug", state=SourceState.CONNECTING)
    return facts(sink=sink(health=other), writers=writers, copies=copies, namespace="events", child="us-east-firehose")


def test_a_foreign_ingester_is_named_and_not_trusted() -> None:
    status = after(foreign(copies=("debug",)))
    assert conditions(status)["Ready"] == ("True", "Streaming")
    assert conditions(status)["SeveralWriters"] == ("True", "OtherIngester")
    assert "The pod debug" in message(status)
    assert "`kubectl delete pod debug -n events`" in message(status)


def test_a_foreign_ingester_without_a_pod_is_named() -> None:
    text = message(after(foreign()))
    assert "calls itself debug" in text
    assert "spec.redis.keyPrefix" in text


def test_a_foreign_ingester_that_just_began_to_write_is_not_reported() -> None:
    assert "SeveralWriters" not in conditions(after(foreign(wrote_for=3.0)))


def test_the_condition_survives_a_restart_of_the_operator() -> None:
    assert "SeveralWriters" in conditions(after(foreign(), foreign(wrote_for=0.0)))


def test_a_foreign_ingester_of_a_suspended_source_is_named() -> None:
    status = after(replace(foreign(copies=("debug",)), suspended=True, pods=(), deployment=deployment(replicas=0)))
    assert conditions(status)["Suspended"] == ("True", "Suspended")
    assert conditions(status)["SeveralWriters"] == ("True", "OtherIngester")


def test_the_condition_ends_with_the_foreign_ingester() -> None:
    assert "SeveralWriters" not in conditions(after(foreign(), facts()))


def test_ready_stays_true_while_the_controller_has_not_observed_a_change() -> None:
    """This holds for a change of replicas, for example. A new generation of the source makes it not Ready."""
    unseen = facts(deployment=deployment(rolled_out=False, observed=False))
    assert conditions(after(facts(), unseen))["Ready"] == ("True", "Streaming")
    assert conditions(after(facts(), replace(unseen, generation=3)))["Ready"] == ("False", "Progressing")
    assert conditions(after(unseen))["Ready"] == ("False", "Progressing")


def test_the_reason_stays_while_the_controller_has_not_observed_a_change() -> None:
    changed = deployment(rolled_out=False, observed=False)
    unseen = facts(deployment=changed, sink=failed_sink(SinkReadFailure.UNAUTHORIZED))
    for times in (1, 2):
        assert conditions(after(facts(), *[unseen] * times))["Ready"] == ("False", "SinkUnauthorized")
