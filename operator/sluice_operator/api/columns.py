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
        PrinterColumn(name="Host", path=".spec.host", description="Host of the source."),
        PrinterColumn(
            name="Ready",
            path='.status.conditions[?(@.type=="Ready")].status',
            description="Whether the ingester does its work, or is suspended as requested.",
        ),
        PrinterColumn(
            name="Cursor",
            path=f".status.{status_field}.cursor",
            description="Sequence number of the newest stored message.",
        ),
        PrinterColumn(
            name="Lag",
            path=f".status.{status_field}.lag",
            description="How far the ingester is behind: the age of the newest event when it was stored.",
        ),
        PrinterColumn(
            name="Rate",
            path=f".status.{status_field}.rate",
            description="Events stored per second. Each operation of a commit is an event.",
        ),
        PrinterColumn(
            name="Restarts",
            path=".status.restarts.count",
            type="integer",
            description="Unplanned restarts of the ingester.",
        ),
        PrinterColumn(
            name="Age",
            path=".metadata.creationTimestamp",
            type="date",
            description="Age of the resource.",
        ),
        PrinterColumn(
            name="Reason",
            path='.status.conditions[?(@.type=="Ready")].reason',
            description="Reason of the Ready condition.",
        ),
        PrinterColumn(
            name="Length",
            path=f".status.{status_field}.streamLength",
            type="integer",
            wide=True,
            description="Number of entries in the Redis stream.",
        ),
        PrinterColumn(
            name="Consumers",
            path=f".status.{status_field}.consumersLag",
            type="integer",
            wide=True,
            description="Number of entries that were not delivered yet to the slowest consumer group.",
        ),
        *wide_columns,
        PrinterColumn(
            name="Last-Error",
            path=f".status.{status_field}.lastError",
            wide=True,
            description="Newest error of the ingester.",
        ),
        PrinterColumn(
            name="Message",
            path='.status.conditions[?(@.type=="Ready")].message',
            wide=True,
            description="Message of the Ready condition: what is wrong, and what to do.",
        ),
    )
