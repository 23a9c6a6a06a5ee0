"""The Relay: a source of com.atproto.sync, such as a relay or a PDS."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from sluice_operator.api.base import Model
from sluice_operator.api.common import SourceSpec
from sluice_operator.api.definition import Column, Definition
from sluice_operator.api.rules import Rule
from sluice_operator.api.source import Source
from sluice_operator.api.stream import SourceStatus, StreamStatus

_FIRST: Final = r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SEGMENT: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NSID: Final = rf"{_FIRST}(?:\.{_SEGMENT})+\.[A-Za-z][A-Za-z0-9]{{0,62}}"
_PREFIX: Final = rf"(?:{_FIRST}(?:\.{_SEGMENT})*\.)?\*"

Collection = Annotated[
    str,
    Field(min_length=1, max_length=317),
    Rule.matches(
        rf"{_NSID}|{_PREFIX}",
        message="give a collection (app.bsky.feed.post), all that start alike (app.bsky.*), or all (*)",
    ),
]


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


StartFrom = Annotated[
    str,
    BeforeValidator(_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 19,
            "x-kubernetes-int-or-string": True,
        }
    ),
    Rule(
        cel="type(self) == int ? self > 0 : self.matches('^(?:oldest|live|[1-9][0-9]{0,18})$')",
        message="give oldest, live, or the sequence number to start after, a whole number above 0",
        holds=lambda value: value in {"oldest", "live"} or (value.isdecimal() and value.isascii() and int(value) > 0),
    ),
]


class FirehoseSpec(Model):
    """The stream of events (com.atproto.sync.subscribeRepos)."""

    enabled: bool = True
    """Whether the events of this source are streamed into Redis."""

    start_from: StartFrom = "oldest"
    """Where to start when Redis holds no cursor for this host: oldest (all that the source still has), live
    (only what comes from now on), or a sequence number, to start with the message after it. A stored cursor
    always wins.
    """

    collections: Annotated[tuple[Collection, ...], Field(min_length=1, max_length=100)] = (
        "app.bsky.*",
        "chat.bsky.*",
    )
    """The collections whose records are streamed: an NSID such as app.bsky.feed.post, a prefix such as
    app.bsky.*, or * for all. Events about accounts and identities are always streamed.
    """

    resync_to_backfill: bool = False
    """Whether a #sync message, which says that the state of a repo was set anew, also puts that repo into the
    stream repo_backfill, so that a backfiller fetches it again.
    """


class RelaySpec(SourceSpec):
    """What should be."""

    firehose: FirehoseSpec = FirehoseSpec()
    """The stream of events (com.atproto.sync.subscribeRepos), written to the Redis stream firehose_live."""


class RelayStatus(SourceStatus):
    """What is."""

    firehose: StreamStatus | None = None
    """What the ingester of the firehose is doing and how far it has come."""


class Relay(Source):
    """A Relay is a source of AT Protocol events, such as a relay or a PDS. The operator keeps an ingester
    running for it, which streams its events into Redis, and tells here how it fares.
    """

    spec: RelaySpec
    """What the operator should bring about for this source."""

    status: RelayStatus = RelayStatus()
    """What the operator observes. It is written by the operator alone."""


RELAY: Final = Definition(
    model=Relay,
    plural="relays",
    short_names=("rly",),
    columns=(
        Column(name="Host", path=".spec.host", description="The host of the source."),
        Column(
            name="Ready",
            path='.status.conditions[?(@.type=="Ready")].status',
            description="Whether the source is streamed, or suspended as asked.",
        ),
        Column(
            name="Cursor",
            path=".status.firehose.cursor",
            description="The sequence number of the newest message stored.",
        ),
        Column(name="Lag", path=".status.firehose.lag", description="The age of the newest event stored."),
        Column(name="Rate", path=".status.firehose.rate", description="Events stored per second."),
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
            name="Length",
            path=".status.firehose.streamLength",
            type="integer",
            wide=True,
            description="How many entries the Redis stream holds.",
        ),
        Column(
            name="Reason",
            path='.status.conditions[?(@.type=="Ready")].reason',
            wide=True,
            description="Why the resource is Ready or not, in one word.",
        ),
        Column(
            name="Message",
            path='.status.conditions[?(@.type=="Ready")].message',
            wide=True,
            description="Why the resource is Ready or not, and what to do.",
        ),
    ),
)
