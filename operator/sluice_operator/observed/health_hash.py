"""The health hash of an ingester (`contract.Health`), turned into facts. Pure, and lenient: what can't be
read counts as not written, since an ingester may be of another version than the operator.
"""

import re
from collections.abc import Mapping
from typing import Final

from sluice_common.times import parse_time
from sluice_operator.observed.facts import HealthFacts, LostFacts, ResetFacts
from sluice_redis.contract import Health, State

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,127}")
_MOST_DIGITS: Final = 18  # the API has 64 bits


def health_facts(
    fields: Mapping[str, str], *, silent_seconds: float | None, watched_seconds: float | None = None
) -> HealthFacts | None:
    """The facts of the fields of one hash, or None if it has none."""
    if not fields:
        return None
    return HealthFacts(
        pod=fields.get(Health.POD, ""),
        state=_state(fields.get(Health.STATE)),
        reason=_word(fields.get(Health.REASON, "")),
        message=fields.get(Health.MESSAGE, ""),
        seq=fields.get(Health.SEQ),
        event_time=parse_time(fields.get(Health.EVENT_TIME)),
        stored=parse_time(fields.get(Health.STORED)),
        beat=parse_time(fields.get(Health.BEAT)),
        silent_seconds=silent_seconds,
        watched_seconds=watched_seconds,
        started=parse_time(fields.get(Health.STARTED)),
        events=_count(fields.get(Health.EVENTS)),
        dead_letters=_count(fields.get(Health.DEADLETTERS)),
        rate=_rate(fields.get(Health.RATE)),
        reconnects=_count(fields.get(Health.RECONNECTS)),
        fenced=_count(fields.get(Health.FENCED)),
        errors=_count(fields.get(Health.ERRORS)),
        last_error=fields.get(Health.LAST_ERROR, ""),
        last_error_time=parse_time(fields.get(Health.LAST_ERROR_TIME)),
        version=fields.get(Health.VERSION, ""),
        lost=_lost(fields),
        reset=_reset(fields),
    )


def _lost(fields: Mapping[str, str]) -> LostFacts | None:
    if not (fields.get(Health.LOST_FROM) or fields.get(Health.LOST_REASON)):
        return None
    return LostFacts(
        from_seq=fields.get(Health.LOST_FROM) or None,
        to_seq=fields.get(Health.LOST_TO) or None,
        from_time=parse_time(fields.get(Health.LOST_FROM_TIME)),
        to_time=parse_time(fields.get(Health.LOST_TO_TIME)),
        at=parse_time(fields.get(Health.LOST_AT)),
        reason=fields.get(Health.LOST_REASON, ""),
    )


def _reset(fields: Mapping[str, str]) -> ResetFacts | None:
    nonce = fields.get(Health.RESET_NONCE)
    if not nonce:
        return None
    return ResetFacts(
        nonce=nonce,
        before=fields.get(Health.RESET_FROM) or None,
        after=fields.get(Health.RESET_TO, ""),
        at=parse_time(fields.get(Health.RESET_AT)),
    )


def _state(text: str | None) -> State | None:
    try:
        return State(text or "")
    except ValueError:
        return None


def _word(text: str) -> str:
    """A reason must be one word, else the API server refuses the whole status."""
    return text if _WORD.fullmatch(text) else ""


def _count(text: str | None) -> int | None:
    if text is None or len(text) > _MOST_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return int(text)


def _rate(text: str | None) -> float | None:
    try:
        rate = float(text or "")
    except ValueError:
        return None
    return rate if 0 <= rate < float("inf") else None
