"""The field that stores an event once if several relays send it."""

import re
from typing import Annotated, Final

from pydantic import Field

from sluice_operator.api.base import Model
from sluice_operator.api.rules import Rule
from sluice_redis.ingester_settings import DEDUPLICATE_SECONDS

_LIMITS: Final = DEDUPLICATE_SECONDS.field_limits
_SHORTEST: Final = f"{_LIMITS.minimum}s"
_LONGEST: Final = f"{_LIMITS.maximum // 3600}h"
_DURATION: Final = re.compile(r"(?:([0-9]{1,2})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})s)?")


def parse_duration_seconds(duration: str) -> int:
    """The seconds of a duration such as 1h30m, or 0 if it is not a duration."""
    found = _DURATION.fullmatch(duration)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return hours * 3600 + minutes * 60 + seconds


class DeduplicateSpec(Model):
    """How long to remember events, so that an event that several relays send is stored once."""

    window: Annotated[
        str,
        Field(max_length=16),
        Rule(
            cel=(
                "self.matches('^([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$') && "
                f"duration(self) >= duration('{_SHORTEST}') && duration(self) <= duration('{_LONGEST}')"
            ),
            message=f"give a duration from {_SHORTEST} to {_LONGEST}, such as 1h or 90m",
            holds=lambda duration: _LIMITS.minimum <= parse_duration_seconds(duration) <= _LIMITS.maximum,
        ),
    ] = "1h"
    """How long an event is remembered, as a duration from 1s to 24h, such as 90m. Redis needs memory for each event in
    the window.
    """
