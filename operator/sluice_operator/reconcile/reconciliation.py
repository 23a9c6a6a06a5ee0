"""One look at a source, while it goes on: what was found, what could not be done, and what is to be told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim
from sluice_operator.kubernetes.client import ApiError, Manifest
from sluice_operator.observed.facts import Contest, Refusal, SecretFacts
from sluice_operator.reconcile.child_applier import ApplyResult
from sluice_operator.status.children_applied import is_applied
from sluice_operator.status.transitions import Event

_STEP_SECONDS: Final = 15.0
"""For how long one step may wait for the API server: an admission webhook has 10 s by default."""
_TOTAL_SECONDS: Final = 45.0
"""For how long all steps together may: the status is to be written all the same, and soon."""


@dataclass(slots=True)
class Reconciliation:
    """What one look at a source has come to so far."""

    source: Source
    events: list[Event]
    blocked_by: Refusal | None = None
    """Why no child may be written at this look, if something that must come before could not be done."""
    errors: list[ApiError] = field(default_factory=list)
    """What the API server could not do at this look."""
    retry_in: float | None = None
    """In how many seconds something is to be tried again that failed before."""
    refusals: dict[Component | None, Refusal] = field(default_factory=dict)
    """Why a child could not be written, by the stream that it is for; None is what all streams need."""
    contests: tuple[Contest, ...] = ()
    """The fields of children that are left as somebody else has them."""
    all_compared: bool = True
    """Whether all children were compared with what they should be."""
    url: bytes | None = field(default=None, repr=False)
    secret: SecretFacts = field(default_factory=SecretFacts)
    operator_url: bytes | None = field(default=None, repr=False)
    """The same as the operator itself can use it: see `client_files`."""
    hashes: dict[str, str | None] = field(default_factory=dict)
    """Of what the ingester reads at its start, by annotation: see `hashes`."""
    ca_bundle: str = field(default="", repr=False)
    owners: dict[Component, CursorClaim | None] = field(default_factory=dict)
    """By stream, the claim of the source to which its cursor belongs if it is another one. A stream of which that is
    not known is missing.
    """
    deadline: float = field(default_factory=lambda: time.monotonic() + _TOTAL_SECONDS)

    def add_result(self, outcome: ApplyResult, component: Component | None = None) -> Manifest | None:
        """Take in what has become of a child, of one stream or of all. The child."""
        self.events += outcome.events
        self.contests += outcome.contests
        if outcome.refusal is not None:
            self.add_refusal(outcome.refusal, component)
        return outcome.live

    @property
    def observed_contests(self) -> tuple[Contest, ...] | None:
        """The contests, None if they were not looked for."""
        return self.contests if self.contests or self.all_compared else None

    def add_refusal(self, refusal: Refusal, component: Component | None = None) -> None:
        """Take in why a child could not be written: the first reason is told."""
        self.refusals.setdefault(component, refusal)

    def refusal_for(self, component: Component) -> Refusal | None:
        """Why a child that this stream needs could not be written."""
        return self.refusals.get(component) or self.refusals.get(None) or self.blocked_by

    def retry_within(self, seconds: float | None) -> None:
        """Look again in so many seconds, or before."""
        self.retry_in = (
            seconds if self.retry_in is None else self.retry_in if seconds is None else min(self.retry_in, seconds)
        )

    @asynccontextmanager
    async def api_timeout(self) -> AsyncIterator[None]:
        """A step that asks the API server. What it raises is a KubeError, and comes before long."""
        seconds = max(0.0, min(_STEP_SECONDS, self.deadline - time.monotonic()))
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise ApiError(0, "Timeout", f"no answer in {seconds:.0f} s") from error

    @property
    def is_applied(self) -> bool:
        """Whether the children were last written for this generation of the spec."""
        return is_applied(self.source.status, generation=self.source.metadata.generation)
