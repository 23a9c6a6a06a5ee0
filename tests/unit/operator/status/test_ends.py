"""The status of a duplicate source, whose cursor another source owns, and of a source that is being deleted."""

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
DELETION_MESSAGE = "The cursor is to be deleted with the resource: Redis does not delete it: no answer in time"


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
    """Also if the owner is being deleted: the operator cannot observe when it is gone."""
    for terminating in (False, True):
        status = after(replace(DUPLICATE, owner_unobserved=True, owner_terminating=terminating))
        assert conditions(status)["Stalled"] == ("True", "DuplicateSource")
        assert "Reconciling" not in conditions(status)
        message = next(item.message for item in status.conditions or () if item.type == "Stalled")
        assert message.startswith(
            f"{OWNER} owned this cursor when it was last seen, and the operator may no longer read"
        )
        assert "watchNamespaces" in message


def test_becoming_a_duplicate_counts_no_restart() -> None:
    ending = replace(DUPLICATE, pods=(pod(terminating=True),))
    status = after(facts(now=ago(60)), replace(ending, now=ago(30)), DUPLICATE, facts(pods=(pod(uid="uid-2"),)))
    assert status.restarts is not None
    assert status.restarts.count == 0
    assert conditions(status)["Ready"] == ("True", "Streaming")


def test_a_suspended_duplicate_is_suspended() -> None:
    status = after(replace(DUPLICATE, suspended=True))
    assert conditions(status)["Ready"] == ("True", "Suspended")
    assert "Stalled" not in conditions(status)


def test_a_relay_whose_backfill_is_a_duplicate_is_stalled() -> None:
    both = [facts(), replace(DUPLICATE, component=BACKFILL)]
    status = source_status(both, after(facts(now=ago(60))))
    assert conditions(status)["Stalled"] == ("True", "DuplicateSource")
    assert conditions(status)["Connected"] == ("True", "Streaming")
    assert (status.conditions or ())[0].message.startswith(f"backfill: {OWNER} is older and streams from")


def test_a_stream_that_is_not_enabled_is_no_duplicate() -> None:
    status = after(replace(DUPLICATE, enabled=False))
    assert conditions(status)["Ready"] == ("True", "NothingToRun")


def test_events_of_becoming_a_duplicate_and_of_taking_over_the_cursor() -> None:
    streaming, duplicate = after(facts(now=ago(60))), after(facts(now=ago(60)), DUPLICATE)
    assert [(event.type, event.reason) for event in transition_events(streaming, duplicate)] == [("Warning", "Stalled")]
    took_over = source_status([facts(sink=reporting(SourceState.STREAMING))], duplicate)
    assert {event.reason for event in transition_events(duplicate, took_over)} == {"Recovered", "Connected", "Ready"}


def test_a_terminating_source_reports_only_what_it_waits_for() -> None:
    for before in (after(facts()), after(DUPLICATE), after(facts(suspended=True, pods=()))):
        status = terminating_status(before, generation=4, now=NOW, message=DELETION_MESSAGE)
        assert conditions(status) == {"Ready": ("False", "Terminating"), "Reconciling": ("True", "Terminating")}
        assert {item.message for item in status.conditions or ()} == {DELETION_MESSAGE}
        assert {item.observed_generation for item in status.conditions or ()} == {status.observed_generation} == {4}
        assert (status.firehose, status.restarts) == (
            before.firehose and without_current_numbers(before.firehose),
            before.restarts,
        )
        assert is_urgent(before, status)
        assert transition_events(before, status) == []
