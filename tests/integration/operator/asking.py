"""The request to look at a resource at once, by its user, and the answer to it."""

from tests.integration.operator.situation import NAME, Situation

ANNOTATION = "sluice.dev/reconcile-requested-at"


def ask(situation: Situation, word: str) -> None:
    situation.kubectl("annotate", "--overwrite", situation.kind.lower(), NAME, f"{ANNOTATION}={word}")


def answer(situation: Situation) -> str | None:
    found: str | None = situation.status().get("lastHandledReconcileAt")
    return found
