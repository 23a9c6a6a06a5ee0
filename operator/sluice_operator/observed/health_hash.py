"""Turns the health hash of an ingester in Redis into facts. Pure.

An ingester may be of another version than the operator. So a field that can't be read counts as absent.
"""

import re
from collections.abc import Mapping
from typing import Final

from sluice_common.times import parse_time
from sluice_operator.observed.facts.health import CursorResetFacts, GapFacts, HealthFacts
from sluice_redis.contract import HealthField, SourceState

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,127}")
_MAX_DIGITS: Final = 18  # the API has 64 bits


def health_facts(
    fields: Mapping[str, str], *, silent_seconds: float | None, watched_seconds: float | None = None
) -> HealthFacts | None:
    """The facts of one hash. None if it has no fields."""
    if not fields:
        return None
    return HealthFacts(
        pod=fields.get(HealthField.POD, ""),
        state=_state(fields.get(HealthField.STATE)),
        reason=_word(fields.get(HealthField.REASON, "")),
        message=fields.get(HealthField.MESSAGE, ""),
        seq=fields.get(HealthField.SEQ),
        event_time=parse_time(fields.get(HealthField.EVENT_TIME)),
        stored=parse_time(fields.get(HealthField.STORED)),
        heartbeat=parse_time(fields.get(HealthField.BEAT)),
        silent_seconds=silent_seconds,
        watched_seconds=watched_seconds,
        started=parse_time(fields.get(HealthField.STARTED)),
        events=_count(fields.get(HealthField.EVENTS)),
        dead_letters=_count(fields.get(HealthField.DEADLETTERS)),
        rate=_rate(fields.get(HealthField.RATE)),
        reconnects=_count(fields.get(HealthField.RECONNECTS)),
        fenced=_count(fields.get(HealthField.FENCED)),
        errors=_count(fields.get(HealthField.ERRORS)),
        last_error=fields.get(HealthField.LAST_ERROR, ""),
        last_error_time=parse_time(fields.get(HealthField.LAST_ERROR_TIME)),
        version=fields.get(HealthField.VERSION, ""),
        gap=_gap(fields),
        cursor_reset=_cursor_reset(fields),
    )


def _gap(fields: Mapping[str, str]) -> GapFacts | None:
    if not (fields.get(HealthField.LOST_FROM) or fields.get(HealthField.LOST_REASON)):
        return None
    return GapFacts(
        from_seq=fields.get(HealthField.LOST_FROM) or None,
        to_seq=fields.get(HealthField.LOST_TO) or None,
        from_time=parse_time(fields.get(HealthField.LOST_FROM_TIME)),
        to_time=parse_time(fields.get(HealthField.LOST_TO_TIME)),
        at=parse_time(fields.get(HealthField.LOST_AT)),
        reason=fields.get(HealthField.LOST_REASON, ""),
    )


def _cursor_reset(fields: Mapping[str, str]) -> CursorResetFacts | None:
    nonce = fields.get(HealthField.RESET_NONCE)
    if not nonce:
        return None
    return CursorResetFacts(
        nonce=nonce,
        before=fields.get(HealthField.RESET_FROM) or None,
        after=fields.get(HealthField.RESET_TO, ""),
        at=parse_time(fields.get(HealthField.RESET_AT)),
    )


def _state(text: str | None) -> SourceState | None:
    try:
        return SourceState(text or "")
    except ValueError:
        return None


def _word(text: str) -> str:
    """`text` if it is one word, else empty: the API server refuses a status with any other reason."""
    return text if _WORD.fullmatch(text) else ""


def _count(text: str | None) -> int | None:
    if text is None or len(text) > _MAX_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return int(text)


def _rate(text: str | None) -> float | None:
    try:
        rate = float(text or "")
    except ValueError:
        return None
    return rate if 0 <= rate < float("inf") else None
