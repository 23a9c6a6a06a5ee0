"""All situations."""

from typing import Final

from e2e.tests.situations.catalog import (
    cursors,
    lifetime,
    neighbours,
    operator,
    pods,
    pools,
    refusals,
    rollouts,
    sinks,
    sources,
)
from e2e.tests.situations.situation import Situation

UNDISTURBED: Final[tuple[Situation, ...]] = (
    *operator.SITUATIONS,
    *rollouts.SITUATIONS,
    *pods.SITUATIONS,
    *sources.SITUATIONS,
    *sinks.SITUATIONS,
    *cursors.SITUATIONS,
    *lifetime.SITUATIONS,
    *neighbours.SITUATIONS,
    *refusals.SITUATIONS,
    *pools.SITUATIONS,
)
"""Those that leave the operator alone, so that all can run at the same time."""

SITUATIONS: Final = (*operator.WITHOUT_OPERATOR, *UNDISTURBED)
