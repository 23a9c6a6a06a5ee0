"""The user's request to reconcile a resource at once, and its acknowledgement in the status."""

from tests.integration.operator.situation import NAME, Situation, eventually

ANNOTATION = "sluice.dev/reconcile-requested-at"


def request_reconcile(situation: Situation, value: str) -> None:
    situation.kubectl("annotate", "--overwrite", situation.kind.lower(), NAME, f"{ANNOTATION}={value}")


def handled_request(situation: Situation) -> str | None:
    found: str | None = situation.status().get("lastHandledReconcileAt")
    return found


def wait_handled(situation: Situation, value: str) -> None:
    """Request a reconciliation with the value `value`, and wait until it is acknowledged."""
    request_reconcile(situation, value)
    eventually(lambda: handled_request(situation) == value)


def wait_status_current(situation: Situation) -> None:
    """Wait until the status of a streaming Relay shows everything that has happened so far."""
    key = situation.keys.entries
    # The operator reads the bytes less often than anything else.
    eventually(lambda: situation.status()["firehose"]["streamBytes"] == situation.redis.memory_usage(key, samples=5))
    # Events of a reconciliation follow its status, and precede the next reconciliation.
    for value in ("once", "again"):
        wait_handled(situation, value)
