"""The state of one running reconcile of one source: its inputs, and its results so far."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.desired.component import Component
from sluice_operator.desired.reconcile_request import is_pending
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event import Event
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.reconcile.source_memory import SourceMemory
from sluice_operator.status.children_applied import is_applied

_REQUEST_SECONDS: Final = 15.0
"""The time limit for one request. An admission webhook has 10 s by default."""
_TOTAL_SECONDS: Final = 45.0
"""The time limit for all requests together, so that the status is written soon in any case."""


@dataclass(kw_only=True, slots=True)
class Reconciliation:
    """The data that the steps of one reconcile share. Each step adds events, errors and refusals."""

    found: Manifest
    """The object of the source as it was cached."""
    source: Source
    """The same, parsed."""
    streams: tuple[DesiredStream, ...]
    """The streams that the source should have, the most important first."""
    memory: SourceMemory
    events: list[Event] = field(default_factory=list)
    errors: list[ApiError] = field(default_factory=list)
    """The requests to the API server that failed."""
    retry_in: float | None = None
    """The seconds until the next reconcile, if a step needs one by then. None if no step does."""
    blocked_by: Refusal | None = None
    """Why no child may be written in this reconcile, if an earlier step has failed."""
    still_in: str = ""
    """What still runs the source although it belongs elsewhere now. Empty if nothing does."""
    refusals: dict[Component | None, Refusal] = field(default_factory=dict)
    """Why a child is not up to date, by the stream that needs it; None for a child that all streams need."""
    deadline: float = field(default_factory=lambda: time.monotonic() + _TOTAL_SECONDS)

    @property
    def is_requested(self) -> bool:
        """Whether the annotation asks for a reconcile that the status does not acknowledge yet."""
        return is_pending(self.source.metadata.annotations, self.source.status)

    @property
    def is_applied(self) -> bool:
        """Whether the children were written for this generation of the spec before."""
        return is_applied(self.source.status, generation=self.source.metadata.generation)

    def add_refusal(self, refusal: Refusal, component: Component | None = None) -> None:
        """Add the reason why a child is not up to date. The first reason counts."""
        self.refusals.setdefault(component, refusal)

    def refusal_for(self, component: Component) -> Refusal | None:
        """Why a child that this stream needs is not up to date."""
        return self.refusals.get(component) or self.refusals.get(None) or self.blocked_by

    def retry_within(self, seconds: float | None) -> None:
        """Request another reconcile in `seconds` or sooner."""
        known = [one for one in (self.retry_in, seconds) if one is not None]
        self.retry_in = min(known, default=None)

    @asynccontextmanager
    async def api_timeout(self) -> AsyncIterator[None]:
        """Limit the time of one request to the API server. Raises ApiError after it."""
        seconds = max(0.0, min(_REQUEST_SECONDS, self.deadline - time.monotonic()))
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise ApiError(0, "Timeout", f"no answer in {seconds:.0f} s") from error
