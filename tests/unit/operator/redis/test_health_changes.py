"""Which changes of a health hash matter, and how soon."""

import pytest

from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_operator.redis.health_changes import FIELDS, Change, SeenHealth, named_fields
from sluice_redis.contract import HealthField, ResumeField, SourceState

STREAMING = {
    HealthField.STATE: SourceState.STREAMING,
    HealthField.POD: "p",
    HealthField.BEAT: "2026-11-24T12:00:00.000Z",
    HealthField.SEQ: "7",
    HealthField.RATE: "1.0",
}


def hash_of(**changes: str) -> dict[bytes, bytes]:
    fields = {**STREAMING, **{HealthField[name.upper()]: value for name, value in changes.items()}}
    return {name.encode(): value.encode() for name, value in fields.items()}


@pytest.fixture
def seen() -> SeenHealth:
    seen = SeenHealth()
    assert seen.update(hash_of(), None, monotonic=0) is Change.STATE
    return seen


def test_the_same_hash_is_no_change(seen: SeenHealth) -> None:
    assert seen.update(hash_of(), None, monotonic=1) is Change.NONE


def test_a_heartbeat_is_no_change(seen: SeenHealth) -> None:
    assert seen.update(hash_of(beat="2026-11-24T12:00:05.000Z"), None, monotonic=5) is Change.NONE
    assert seen.heartbeat is not None
    assert seen.heartbeat.second == 5


@pytest.mark.parametrize("name", ["seq", "event_time", "stored", "events", "deadletters", "batch", "rate"])
def test_a_number_is_a_change_of_numbers(seen: SeenHealth, name: str) -> None:
    assert seen.update(hash_of(**{name: "99"}), None, monotonic=1) is Change.NUMBERS
    assert seen.update(hash_of(**{name: "99"}), None, monotonic=2) is Change.NONE


def test_what_only_ingesters_use_is_no_change_and_is_not_kept(seen: SeenHealth) -> None:
    found = {**hash_of(), ResumeField.FRAMES.encode(): b"x"}
    assert seen.update(found, None, monotonic=1) is Change.NONE
    assert ResumeField.FRAMES.encode() not in seen.fields


def test_another_cursor_is_a_change_of_numbers(seen: SeenHealth) -> None:
    assert seen.update(hash_of(), b"7", monotonic=1) is Change.NUMBERS
    assert seen.update(hash_of(), b"7", monotonic=2) is Change.NONE
    assert seen.update(hash_of(state="halted"), b"8", monotonic=3) is Change.STATE


def test_fields_are_read_by_name() -> None:
    values = [hash_of().get(name) for name in FIELDS]
    assert named_fields(values) == hash_of()


OTHERS = (
    "state reason message since started pod version reconnects fenced errors last_error last_error_time "
    "lost_from lost_to lost_at lost_reason reset_nonce reset_to"
)


@pytest.mark.parametrize("name", OTHERS.split())
def test_everything_else_is_a_change_of_the_state(seen: SeenHealth, name: str) -> None:
    assert seen.update(hash_of(**{name: "other"}), None, monotonic=1) is Change.STATE


def test_a_hash_that_is_deleted_or_appears_has_changed(seen: SeenHealth) -> None:
    assert seen.update({}, None, monotonic=1) is Change.STATE
    assert seen.update({}, None, monotonic=100) is Change.NONE, "nobody is expected to report"
    assert seen.update(hash_of(), None, monotonic=101) is Change.STATE


def test_silence_is_a_change_once_and_so_is_its_end(seen: SeenHealth) -> None:
    assert seen.update(hash_of(), None, monotonic=FRESH_SECONDS) is Change.NONE
    assert seen.update(hash_of(), None, monotonic=FRESH_SECONDS + 1) is Change.STATE
    assert seen.update(hash_of(), None, monotonic=FRESH_SECONDS + 3) is Change.NONE
    assert seen.update(hash_of(beat="2026-11-24T12:05:00.000Z"), None, monotonic=FRESH_SECONDS + 4) is Change.STATE
    assert seen.update(hash_of(beat="2026-11-24T12:05:05.000Z"), None, monotonic=FRESH_SECONDS + 9) is Change.NONE


def test_a_failure_is_a_change_once_and_so_is_its_end(seen: SeenHealth) -> None:
    assert seen.fail(SinkReadFailure.UNREACHABLE) is Change.STATE
    assert seen.fail(SinkReadFailure.UNREACHABLE) is Change.NONE
    assert seen.fail(SinkReadFailure.UNAUTHORIZED) is Change.STATE
    assert seen.update(hash_of(), None, monotonic=1) is Change.STATE
    assert seen.update(hash_of(), None, monotonic=2) is Change.NONE
