"""The status of a source whose Deployment or Secret the API server refuses."""

from dataclasses import replace

import pytest

from sluice_operator.observed.facts.children import Refusal
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status.transitions import transition_events
from tests.unit.operator.status.situations import after, ago, conditions, deployment, facts

MESSAGE = "failed calling webhook"
PERMANENT = Refusal(reason="ChildRefused", message=MESSAGE)
WEBHOOK = Refusal(reason="ChildRefused", message=MESSAGE, is_transient=True, stalls_if_persistent=True)
UNAVAILABLE = Refusal(reason="ApiServerUnavailable", message=MESSAGE, is_transient=True)
ALL = [PERMANENT, WEBHOOK, UNAVAILABLE]


def earlier(seconds: float, situation: Facts) -> Facts:
    return replace(situation, now=ago(seconds))


def new(refusal: Refusal) -> Facts:
    return facts(refusal=refusal, deployment=None, pods=(), sink=SinkFacts())


@pytest.mark.parametrize("refusal", ALL)
def test_a_new_source_has_a_status_at_once(refusal: Refusal) -> None:
    status = after(new(refusal))
    found = conditions(status)
    assert found["Ready"] == ("False", refusal.reason)
    assert ("Stalled" in found, "Reconciling" in found) == (not refusal.is_transient, refusal.is_transient)
    assert found["ChildrenOutdated"] == ("True", "SpecNotApplied")
    assert {item.message for item in status.conditions or () if item.reason == refusal.reason} == {MESSAGE}
    assert status.observed_generation == 2


@pytest.mark.parametrize(
    ("refusal", "seconds", "severity"),
    [
        (WEBHOOK, 59, "Reconciling"),
        (WEBHOOK, 61, "Stalled"),
        (UNAVAILABLE, 299, "Reconciling"),
        (UNAVAILABLE, 301, None),
        (UNAVAILABLE, 9000, None),
    ],
)
def test_a_temporary_refusal_is_tolerated_for_a_while(refusal: Refusal, seconds: float, severity: str | None) -> None:
    found = conditions(after(earlier(seconds, new(refusal)), new(refusal)))
    assert found["Ready"] == ("False", refusal.reason)
    assert {"Reconciling", "Stalled"} & found.keys() == ({severity} if severity else set())


@pytest.mark.parametrize("refusal", [WEBHOOK, UNAVAILABLE])
def test_a_streaming_source_stays_ready_while_its_spec_is_unchanged(refusal: Refusal) -> None:
    status = after(facts(), *[facts(refusal=refusal)] * 3)
    assert conditions(status)["Ready"] == ("True", "Streaming")
    assert conditions(status)["ChildrenOutdated"] == ("True", refusal.reason)
    assert status.firehose is not None
    assert status.firehose.cursor == "6322875501"


def test_a_permanent_refusal_is_stalled_in_any_case() -> None:
    assert conditions(after(facts(), *[facts(refusal=PERMANENT)] * 3))["Stalled"] == ("True", "ChildRefused")


@pytest.mark.parametrize("refusal", ALL)
def test_a_new_spec_is_never_ready_before_it_is_applied(refusal: Refusal) -> None:
    status = after(facts(), *[facts(refusal=refusal, generation=3)] * 3)
    assert conditions(status)["Ready"] == ("False", refusal.reason)
    assert conditions(status)["Connected"] == ("True", "Streaming")
    assert conditions(after(facts(), facts(refusal=refusal, generation=3), facts(generation=3)))["Ready"][0] == "True"


@pytest.mark.parametrize("refusal", ALL)
def test_a_source_without_a_running_pod_is_not_ready(refusal: Refusal) -> None:
    status = after(facts(), facts(refusal=refusal, deployment=None, pods=()))
    assert conditions(status)["Ready"] == ("False", refusal.reason)
    resumed = facts(refusal=refusal, deployment=deployment(replicas=0), pods=())
    assert conditions(after(facts(), resumed))["Ready"] == ("False", refusal.reason)


def test_child_refused_is_recorded_unless_stalled_is() -> None:
    refused = after(facts(), facts(refusal=WEBHOOK))
    assert [event.reason for event in transition_events(after(facts()), refused)] == ["ChildRefused"]
    assert transition_events(refused, after(facts(), *[facts(refusal=WEBHOOK)] * 2)) == []
    assert "ChildRefused" not in [
        event.reason for event in transition_events(after(facts()), after(facts(), facts(refusal=UNAVAILABLE)))
    ]
    stalled = after(facts(), facts(refusal=PERMANENT, generation=3))
    assert [event.reason for event in transition_events(after(facts()), stalled)] == ["Stalled"]


def test_a_secret_that_cannot_be_read_is_not_reported_as_missing() -> None:
    unread = SinkFacts(failure=SinkReadFailure.SECRET_UNREAD, failure_message=MESSAGE)
    blind = facts(secret=SecretFacts(read_error=MESSAGE), sink=unread)
    found = conditions(after(facts(), blind))
    assert found["Ready"] == ("True", "ApiServerUnavailable")
    assert found["SinkWritable"] == ("Unknown", "ApiServerUnavailable")
    late = conditions(after(earlier(400, facts()), earlier(301, blind), blind))
    assert late["Ready"] == ("False", "ApiServerUnavailable")
    assert "Stalled" not in late
