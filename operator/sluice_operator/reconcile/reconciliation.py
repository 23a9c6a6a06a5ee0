"""One look at a source, while it goes on: what was found, what could not be done, and what is to be told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.desired.cursor_claim import Claim
from sluice_operator.desired.naming import Component
from sluice_operator.kubernetes.client import KubeError, Manifest
from sluice_operator.observed.facts import Contest, Refusal, SecretFacts
from sluice_operator.reconcile.child_applier import Outcome
from sluice_operator.status.children_applied import is_applied
from sluice_operator.status.transitions import Tell

_STEP_SECONDS: Final = 15.0
"""For how long one step may wait for the API server: an admission webhook has 10 s by default."""
_LOOK_SECONDS: Final = 45.0
"""For how long all steps together may: the status is to be written all the same, and soon."""


@dataclass(slots=True)
class Look:
    """What one look at a source has come to so far."""

    source: Source
    news: list[Tell]
    hold: Refusal | None = None
    """Why no child may be written at this look, if something that must come before could not be done."""
    errors: list[KubeError] = field(default_factory=list)
    """What the API server could not do at this look."""
    due: float | None = None
    """In how many seconds something is to be tried again that failed before."""
    refusals: dict[Component | None, Refusal] = field(default_factory=dict)
    """Why a child could not be written, by the stream that it is for; None is what all streams need."""
    contests: tuple[Contest, ...] = ()
    """The fields of children that are left as somebody else has them."""
    are_compared: bool = True
    """Whether all children were compared with what they should be."""
    url: bytes | None = field(default=None, repr=False)
    secret: SecretFacts = field(default_factory=SecretFacts)
    own_url: bytes | None = field(default=None, repr=False)
    """The same as the operator itself can use it: see `client_files`."""
    hashes: dict[str, str | None] = field(default_factory=dict)
    """Of what the ingester reads at its start, by annotation: see `hashes`."""
    authorities: str = field(default="", repr=False)
    owners: dict[Component, Claim | None] = field(default_factory=dict)
    """By stream, the claim of the source to which its cursor belongs if it is another one. A stream of which that is
    not known is missing.
    """
    until: float = field(default_factory=lambda: time.monotonic() + _LOOK_SECONDS)

    def note(self, outcome: Outcome, component: Component | None = None) -> Manifest | None:
        """Take in what has become of a child, of one stream or of all. The child."""
        self.news += outcome.tells
        self.contests += outcome.contests
        if outcome.refusal is not None:
            self.refuse(outcome.refusal, component)
        return outcome.live

    @property
    def known_contests(self) -> tuple[Contest, ...] | None:
        """The contests, None if they were not looked for."""
        return self.contests if self.contests or self.are_compared else None

    def refuse(self, refusal: Refusal, component: Component | None = None) -> None:
        """Take in why a child could not be written: the first reason is told."""
        self.refusals.setdefault(component, refusal)

    def refusal(self, component: Component) -> Refusal | None:
        """Why a child that this stream needs could not be written."""
        return self.refusals.get(component) or self.refusals.get(None) or self.hold

    def wait(self, seconds: float | None) -> None:
        """Look again in so many seconds, or before."""
        self.due = seconds if self.due is None else self.due if seconds is None else min(self.due, seconds)

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """A step that asks the API server. What it raises is a KubeError, and comes before long."""
        seconds = max(0.0, min(_STEP_SECONDS, self.until - time.monotonic()))
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise KubeError(0, "Timeout", f"no answer in {seconds:.0f} s") from error

    @property
    def is_applied(self) -> bool:
        """Whether the children were last written for this generation of the spec."""
        return is_applied(self.source.status, generation=self.source.metadata.generation)
