"""The columns of `kubectl get`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterColumn:
    """A column of `kubectl get`. A `wide` column is shown only with `-o wide`."""

    name: str
    path: str
    """The JSON path of its value."""
    description: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


def stream_columns(status_field: str, *wide_columns: PrinterColumn) -> tuple[PrinterColumn, ...]:
    """The columns of a source whose main stream has its status in `status_field`. `wide_columns` are added for `-o
    wide`.

    The columns that are always shown fit into a terminal of a hundred characters. The reason can be long, so it is the
    last one.
    """
    return (
        PrinterColumn(name="Host", path=".spec.host", description="The host of the source."),
        PrinterColumn(
            name="Ready",
            path='.status.conditions[?(@.type=="Ready")].status',
            description="Whether the source is streamed, or suspended as asked.",
        ),
        PrinterColumn(
            name="Cursor",
            path=f".status.{status_field}.cursor",
            description="The sequence number of the newest message stored.",
        ),
        PrinterColumn(
            name="Lag",
            path=f".status.{status_field}.lag",
            description="How far the ingester is behind: the age of the newest event when it was stored.",
        ),
        PrinterColumn(
            name="Rate",
            path=f".status.{status_field}.rate",
            description="Events stored per second. Each operation of a commit is one: a relay sends fewer messages.",
        ),
        PrinterColumn(
            name="Restarts",
            path=".status.restarts.count",
            type="integer",
            description="Restarts of the ingester that nobody asked for.",
        ),
        PrinterColumn(
            name="Age",
            path=".metadata.creationTimestamp",
            type="date",
            description="The age of the resource.",
        ),
        PrinterColumn(
            name="Reason",
            path='.status.conditions[?(@.type=="Ready")].reason',
            description="Why the resource is Ready or not, in one word.",
        ),
        PrinterColumn(
            name="Length",
            path=f".status.{status_field}.streamLength",
            type="integer",
            wide=True,
            description="How many entries the Redis stream holds.",
        ),
        PrinterColumn(
            name="Consumers",
            path=f".status.{status_field}.consumersLag",
            type="integer",
            wide=True,
            description="How many entries the slowest consumer group has not been given yet.",
        ),
        *wide_columns,
        PrinterColumn(
            name="Last-Error",
            path=f".status.{status_field}.lastError",
            wide=True,
            description="The newest error that the ingester met.",
        ),
        PrinterColumn(
            name="Message",
            path='.status.conditions[?(@.type=="Ready")].message',
            wide=True,
            description="Why the resource is Ready or not, and what to do.",
        ),
    )
