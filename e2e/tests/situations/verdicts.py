"""The verdicts, and the word of each of the four readers for them.

`docs/gitops.md` has the same table; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

MET, WAITS, GONE = "met", "waits", "gone"


@dataclass(frozen=True)
class Words:
    """The words of the readers for one state of a resource."""

    wait: str
    """`kubectl wait --for=condition=Ready`: met or waits."""
    kstatus: str
    argo: str
    ready: str
    """The column of `kubectl get`, empty before the operator has seen the resource."""

    def __str__(self) -> str:
        return f"{self.wait:5} {self.kstatus:11} {self.argo:11} {self.ready or '-':5}"


class Verdict(Enum):
    """A state of a resource, by the words of the readers for it."""

    UNOBSERVED = Words(WAITS, "InProgress", "Progressing", "")
    """The operator has not reconciled it yet."""
    PROGRESSING = Words(WAITS, "InProgress", "Progressing", "False")
    """The operator or Kubernetes is still at work."""
    READY = Words(MET, "Current", "Healthy", "True")
    """It is as the spec wants it."""
    SUSPENDED = Words(MET, "Current", "Suspended", "True")
    """The spec suspends it."""
    DEGRADED = Words(WAITS, "InProgress", "Degraded", "False")
    """It is broken for longer than the deadline, and may still recover by itself."""
    STALLED = Words(WAITS, "Failed", "Degraded", "False")
    """A person must act."""
    OUTDATED = Words(WAITS, "InProgress", "Progressing", "True")
    """It was Ready before the newest edit, which the operator has not reconciled yet. Only the column, which can't
    compare generations, still says True.
    """
    TERMINATING = Words(WAITS, "Terminating", "Progressing", "False")
    """It is being deleted, and the operator keeps it until its cursor is gone."""
    DELETED = Words(WAITS, "Terminating", "Progressing", "True")
    """It was Ready and is being deleted; finalizers of others keep it for a moment. Deletion is a new generation."""
    GONE = Words(GONE, "NotFound", "Missing", "gone")
    """There is no such resource."""


BY_WORDS: Final[Mapping[Words, Verdict]] = {verdict.value: verdict for verdict in Verdict}


@dataclass(frozen=True)
class Reading:
    """The words of the four readers for one version, and the reason in the table."""

    words: Words
    reason: str

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that has these words, or None if the readers disagree."""
        return BY_WORDS.get(self.words)

    def __str__(self) -> str:
        return f"{self.words} {self.reason or '-'}"


NOT_THERE: Final = Reading(Verdict.GONE.value, "")


def condition(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a resource, empty if it is not there."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == kind), {})


def waits_for_ready(body: Mapping[str, Any]) -> str:
    """What `kubectl wait --for=condition=Ready` would find in one version, by the rule of kubectl.

    The recorder uses it for versions that are past; at the end of a step kubectl itself runs.
    """
    ready = condition(body, "Ready")
    observed = ready.get("observedGeneration", body.get("status", {}).get("observedGeneration"))
    if not ready or (observed is not None and observed < body["metadata"]["generation"]):
        return WAITS
    return MET if ready["status"] == "True" else WAITS
