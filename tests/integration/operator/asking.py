"""The request to look at a resource at once, by its user, and the answer to it."""

from tests.integration.operator.situation import NAME, Situation, eventually

ANNOTATION = "sluice.dev/reconcile-requested-at"


def ask(situation: Situation, word: str) -> None:
    situation.kubectl("annotate", "--overwrite", situation.kind.lower(), NAME, f"{ANNOTATION}={word}")


def answer(situation: Situation) -> str | None:
    found: str | None = situation.status().get("lastHandledReconcileAt")
    return found


def looked_at(situation: Situation, word: str) -> None:
    """Wait for the answer to `word`."""
    ask(situation, word)
    eventually(lambda: answer(situation) == word)


def settled(situation: Situation) -> None:
    """Wait until all is written that has come of what has happened until now to a Relay that streams."""
    key = situation.keys.entries
    # Which is asked for less often than all else.
    eventually(lambda: situation.status()["firehose"]["streamBytes"] == situation.redis.memory_usage(key, samples=5))
    # What a look tells comes after its status, and before the next look.
    for word in ("once", "again"):
        looked_at(situation, word)
