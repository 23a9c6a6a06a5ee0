"""How long a problem can last before the status reports it. Every such time is a field."""

from typing import Annotated

from pydantic import Field

from sluice_operator.api.base import Model


class HealthSpec(Model):
    """How long a problem can last before the status reports it."""

    degraded_after_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Number of seconds that the source or Redis can be unreachable before the resource is no longer Ready. The
    resource stays Ready during a shorter interruption.
    """

    stalled_after_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Number of seconds that a problem that only a person can fix, such as a missing Secret or a wrong password, can
    last before the resource is Stalled. Deployment tools give up when a resource is Stalled, and people often fix such
    a problem in two steps.
    """

    quiet_after_seconds: Annotated[int, Field(ge=0, le=604_800)] = 300
    """Number of seconds that a connected source can send nothing to store before EventsFlowing is False. 0 means no
    limit, for a source that can be quiet for a long time, such as a PDS with few accounts.
    """

    stable_window_seconds: Annotated[int, Field(ge=1, le=604_800)] = 900
    """Number of seconds without a restart after which Stable is True, and without an error after which ErrorFree is
    True.
    """


class LabelerHealthSpec(HealthSpec):
    """The same for a Labeler. Labelers can be quiet for hours, so quietAfterSeconds has another default."""

    quiet_after_seconds: Annotated[int, Field(ge=0, le=604_800)] = 0
    """Number of seconds that a connected labeler can send nothing to store before EventsFlowing is False. 0 means no
    limit, since labelers can be quiet for hours.
    """
