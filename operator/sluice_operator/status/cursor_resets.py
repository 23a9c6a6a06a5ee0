"""The parts of the status about cursors: resets by spec.cursor, and gaps (events that a source no longer had)."""

from typing import Final

from sluice_operator.api.cursor import CursorResetStatus, GapStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts

_MAX_DIGITS: Final = 19  # of a signed 64-bit integer


def is_seq(text: str) -> bool:
    """Whether `text` is a sequence number."""
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS


def cursor_reset(facts: Facts, previous: CursorResetStatus | None) -> CursorResetStatus | None:
    """The newest reset: the one in Redis, or `previous` if Redis has none, or an older one.

    If a source returns to an earlier Redis or key prefix, it finds an older reset there.
    """
    health = facts.sink.health if facts.sink else None
    if health is None or health.cursor_reset is None:
        return previous
    done = health.cursor_reset
    if previous is not None and previous.at is not None and done.at is not None and done.at < previous.at:
        return previous
    return CursorResetStatus(nonce=done.nonce, from_=done.before, to=done.after, at=done.at)


def last_gap(health: HealthFacts | None) -> GapStatus | None:
    """The newest range that the source could not deliver."""
    if health is None or health.gap is None:
        return None
    lost = health.gap
    return GapStatus(
        from_seq=lost.from_seq,
        to_seq=lost.to_seq,
        from_time=lost.from_time,
        to_time=lost.to_time,
        at=lost.at,
        reason=lost.reason or None,
    )
