"""The request to look at a resource at once, by its user, and the answer to it."""

from tests.integration.operator.situation import NAME, Situation, eventually

ANNOTATION = "sluice.dev/reconcile-requested-at"


def request_reconcile(situation: Situation, word: str) -> None:
    situation.kubectl("annotate", "--overwrite", situation.kind.lower(), NAME, f"{ANNOTATION}={word}")


def handled_request(situation: Situation) -> str | None:
    found: str | None = situation.status().get("lastHandledReconcileAt")
    return found


def wait_handled(situation: Situation, word: str) -> None:
    """Wait for the answer to `word`."""
    request_reconcile(situation, word)
    eventually(lambda: handled_request(situation) == word)


def wait_status_current(situation: Situation) -> None:
    """Wait until all is written that has come of what has happened until now to a Relay that streams."""
    key = situation.keys.entries
    # Which is asked for less often than all else.
    eventually(lambda: situation.status()["firehose"]["streamBytes"] == situation.redis.memory_usage(key, samples=5))
    # What a look tells comes after its status, and before the next look.
    for word in ("once", "again"):
        wait_handled(situation, word)
