"""The columns of `kubectl get`, the same for all kinds of source."""

from sluice_operator.api.definition import Column


def stream_columns(part: str, *wide: Column) -> tuple[Column, ...]:
    """The columns of a kind whose main stream is told of in that `part` of the status; those in `wide` are its own.

    What is always shown fits into a terminal of a hundred columns, but for a long reason: so that stands last.
    """
    return (
        Column(name="Host", path=".spec.host", description="The host of the source."),
        Column(
            name="Ready",
            path='.status.conditions[?(@.type=="Ready")].status',
            description="Whether the source is streamed, or suspended as asked.",
        ),
        Column(
            name="Cursor",
            path=f".status.{part}.cursor",
            description="The sequence number of the newest message stored.",
        ),
        Column(
            name="Lag",
            path=f".status.{part}.lag",
            description="How far the ingester is behind: the age of the newest event when it was stored.",
        ),
        Column(
            name="Rate",
            path=f".status.{part}.rate",
            description="Events stored per second. Each operation of a commit is one: a relay sends fewer messages.",
        ),
        Column(
            name="Restarts",
            path=".status.restarts.count",
            type="integer",
            description="Restarts of the ingester that nobody asked for.",
        ),
        Column(
            name="Age",
            path=".metadata.creationTimestamp",
            type="date",
            description="The age of the resource.",
        ),
        Column(
            name="Reason",
            path='.status.conditions[?(@.type=="Ready")].reason',
            description="Why the resource is Ready or not, in one word.",
        ),
        Column(
            name="Length",
            path=f".status.{part}.streamLength",
            type="integer",
            wide=True,
            description="How many entries the Redis stream holds.",
        ),
        Column(
            name="Consumers",
            path=f".status.{part}.consumersLag",
            type="integer",
            wide=True,
            description="How many entries the slowest consumer group has not been given yet.",
        ),
        *wide,
        Column(
            name="Last-Error",
            path=f".status.{part}.lastError",
            wide=True,
            description="The newest error that the ingester met.",
        ),
        Column(
            name="Message",
            path='.status.conditions[?(@.type=="Ready")].message',
            wide=True,
            description="Why the resource is Ready or not, and what to do.",
        ),
    )
