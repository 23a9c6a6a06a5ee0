"""The status of a source whose cursor another source owns, and of one that is being deleted."""

from dataclasses import replace

from sluice_operator.desired.relay_streams import BACKFILL
from sluice_operator.status.source_status import terminating_status
from sluice_operator.status.stream_numbers import without_current_numbers
from sluice_operator.status.transitions import is_urgent, transition_events
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    NOW,
    after,
    ago,
    conditions,
    deployment,
    facts,
    pod,
    reporting,
    source_status,
)

OWNER = "Relay events/older"
DUPLICATE = facts(owner=OWNER, sink=None, pods=(), deployment=deployment(replicas=0))
LEAVING = "The cursor is to be deleted with the resource: Redis does not delete it: no answer in time"


def test_a_duplicate_is_stalled_and_reports_no_number_of_the_owner() -> None:
    status = after(DUPLICATE)
    assert conditions(status) == {
        "Ready": ("False", "DuplicateSource"),
        "Stalled": ("True", "DuplicateSource"),
        "Connected": ("False", "DuplicateSource"),
        "EventsFlowing": ("False", "DuplicateSource"),
        "CursorValid": ("Unknown", "DuplicateSource"),
        "SinkWritable": ("Unknown", "DuplicateSource"),
        "Stable": ("Unknown", "DuplicateSource"),
        "ErrorFree": ("Unknown", "DuplicateSource"),
    }
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"].startswith(
        f"{OWNER} is older and streams from relay1.us-east.bsky.network into the same keys"
    )
    assert "spec.redis.keyPrefix" in messages["Stalled"]
    assert status.firehose is None


def test_a_duplicate_of_a_terminating_owner_is_progressing() -> None:
    status = after(replace(DUPLICATE, owner_terminating=True))
    assert conditions(status)["Reconciling"] == ("True", "DuplicateSource")
    assert "Stalled" not in conditions(status)
    assert f"{OWNER} still owns the cursor and is being deleted" in (status.conditions or ())[0].message


def test_a_duplicate_of_an_unobserved_owner_is_stalled() -> None:
    """Even if the owner was being deleted: nobody would observe its end."""
    for leaves in (False, True):
        status = after(replace(DUPLICATE, owner_unobserved=True, owner_terminating=leaves))
        assert conditions(status)["Stalled"] == ("True", "DuplicateSource")
        assert "Reconciling" not in conditions(status)
        message = next(item.message for item in status.conditions or () if item.type == "Stalled")
        assert message.startswith(
            f"{OWNER} owned this cursor when it was last seen, and the operator may no longer read"
        )
        assert "watchNamespaces" in message


def test_the_pod_of_one_that_became_a_duplicate_is_no_restart() -> None:
    going = replace(DUPLICATE, pods=(pod(terminating=True),))
    status = after(facts(now=ago(60)), replace(going, now=ago(30)), DUPLICATE, facts(pods=(pod(uid="uid-2"),)))
    assert status.restarts is not None
    assert status.restarts.count == 0
    assert conditions(status)["Ready"] == ("True", "Streaming")


def test_a_suspended_duplicate_is_suspended() -> None:
    status = after(replace(DUPLICATE, suspended=True))
    assert conditions(status)["Ready"] == ("True", "Suspended")
    assert "Stalled" not in conditions(status)


def test_a_backfill_that_is_another_s_stalls_the_relay_that_streams() -> None:
    both = [facts(), replace(DUPLICATE, component=BACKFILL)]
    status = source_status(both, after(facts(now=ago(60))))
    assert conditions(status)["Stalled"] == ("True", "DuplicateSource")
    assert conditions(status)["Connected"] == ("True", "Streaming")
    assert (status.conditions or ())[0].message.startswith(f"backfill: {OWNER} is older and streams from")


def test_a_stream_that_is_another_s_and_not_enabled_is_no_duplicate() -> None:
    status = after(replace(DUPLICATE, enabled=False))
    assert conditions(status)["Ready"] == ("True", "NothingToRun")


def test_events_of_becoming_a_duplicate_and_of_taking_over() -> None:
    streaming, duplicate = after(facts(now=ago(60))), after(facts(now=ago(60)), DUPLICATE)
    assert [(event.type, event.reason) for event in transition_events(streaming, duplicate)] == [("Warning", "Stalled")]
    took_over = source_status([facts(sink=reporting(SourceState.STREAMING))], duplicate)
    assert {event.reason for event in transition_events(duplicate, took_over)} == {"Recovered", "Connected", "Ready"}


def test_a_terminating_resource_says_only_what_it_waits_for() -> None:
    for before in (after(facts()), after(DUPLICATE), after(facts(suspended=True, pods=()))):
        status = terminating_status(before, generation=4, now=NOW, message=LEAVING)
        assert conditions(status) == {"Ready": ("False", "Terminating"), "Reconciling": ("True", "Terminating")}
        assert {item.message for item in status.conditions or ()} == {LEAVING}
        assert {item.observed_generation for item in status.conditions or ()} == {status.observed_generation} == {4}
        assert (status.firehose, status.restarts) == (
            before.firehose and without_current_numbers(before.firehose),
            before.restarts,
        )
        assert is_urgent(before, status)
        assert transition_events(before, status) == []
