"""Finds out when a status would change if nothing happened but the passing of time. Pure.

So a source whose inputs are watched is not reconciled before that. The functions that compute the status do not say
which times they depend on: the status is computed for a later moment, and compared.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.status.transitions import is_unchanged, is_urgent

_PRECISION_SECONDS: Final = 0.5
_FAR: Final = 0.1
"""How much of the time until a change may be unknown. For a condition, the status is computed again before that, and
more precisely. Numbers are as much late.
"""
_NEAR_SECONDS: Final = 2.0
"""So soon another reconcile is cheaper than to compute when it is due."""

StatusAfter = Callable[[float], SourceStatus]
"""The status after so many seconds."""


def seconds_until_change(
    status_after: StatusAfter, now: SourceStatus, *, numbers_seconds: float, horizon: float
) -> float:
    """The seconds until the status `now` changes by itself, at most `horizon`.

    A change of numbers alone, such as a growing age, counts as due after `numbers_seconds` or later.
    """
    if horizon <= _NEAR_SECONDS:
        return horizon
    status = cache(status_after)
    if is_unchanged(now, status(horizon)):
        return horizon
    due = min(numbers_seconds, horizon)
    if is_unchanged(now, status(due)):
        _, due = _first(lambda after: not is_unchanged(now, status(after)), horizon)
    if not is_urgent(now, status(due)):
        return due
    unchanged, changed = _first(lambda after: is_urgent(now, status(after)), due)
    return changed if changed - unchanged <= _PRECISION_SECONDS else unchanged


def _first(is_changed: Callable[[float], bool], horizon: float) -> tuple[float, float]:
    """Two moments: not yet changed, and changed. They are close to each other, or both far from now. `is_changed` is
    true at `horizon`.
    """
    unchanged, changed = 0.0, horizon
    while changed - unchanged > max(_PRECISION_SECONDS, _FAR * unchanged):
        middle = (unchanged + changed) / 2
        if is_changed(middle):
            changed = middle
        else:
            unchanged = middle
    return unchanged, changed
