"""How long things may take before the status calls them wrong: every window and deadline is a field."""

from typing import Annotated

from pydantic import Field

from sluice_operator.api.base import Model


class HealthSpec(Model):
    """How long things may take before the status calls them wrong."""

    degraded_after_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """For how many seconds the source or Redis may be away before the resource is no longer Ready. Shorter
    interruptions heal by themselves and leave it Ready.
    """

    stalled_after_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """For how many seconds something that only a person can mend may last, such as a missing Secret or a wrong
    password, before the resource is Stalled. People mend such things in two steps, and what is Stalled ends
    their releases.
    """

    quiet_after_seconds: Annotated[int, Field(ge=0, le=604_800)] = 300
    """For how many seconds a connected source may give nothing to store before EventsFlowing is False. 0 is for
    a source that may be quiet for as long as it likes, such as a PDS with few accounts.
    """

    stable_window_seconds: Annotated[int, Field(ge=1, le=604_800)] = 900
    """How many seconds without a restart make the ingester Stable, and without an error ErrorFree."""


class LabelerHealthSpec(HealthSpec):
    """The same for labelers, which are quiet for long: labels are given by people, a few an hour."""

    quiet_after_seconds: Annotated[int, Field(ge=0, le=604_800)] = 0
    """For how many seconds a connected labeler may give nothing to store before EventsFlowing is False. 0 is for
    one that may be quiet for as long as it likes, as labelers are.
    """
