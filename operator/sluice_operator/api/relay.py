"""The Relay: a source of com.atproto.sync, such as a relay or a PDS."""

from typing import Annotated, Final, Literal

from pydantic import Field

from sluice_operator.api.backfill import BackfillSpec, BackfillStatus
from sluice_operator.api.base import Model
from sluice_operator.api.cursor import CursorPosition
from sluice_operator.api.deduplicate import DeduplicateSpec
from sluice_operator.api.ingester_status import SourceStatus, StreamStatus
from sluice_operator.api.rules import Rule
from sluice_operator.api.source import Source
from sluice_operator.api.source_spec import SourceSpec

_FIRST: Final = r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SEGMENT: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NSID: Final = rf"{_FIRST}(?:\.{_SEGMENT})+\.[A-Za-z][A-Za-z0-9]{{0,62}}"
_PREFIX: Final = rf"(?:{_FIRST}(?:\.{_SEGMENT})*\.)?\*"

Collection = Annotated[
    str,
    Field(max_length=317),
    Rule.matches(
        rf"{_NSID}|{_PREFIX}",
        message="give a collection (app.bsky.feed.post), all that start alike (app.bsky.*), or all (*)",
    ),
]


class FirehoseSpec(Model):
    """The stream of events (com.atproto.sync.subscribeRepos)."""

    enabled: bool = True
    """Whether the events of this source are streamed into Redis."""

    start_from: CursorPosition = "oldest"
    """Where to start when Redis holds no cursor for this host: oldest (all that the source still has), live
    (only what comes from now on), or the first sequence number that is wanted. A stored cursor always wins.
    """

    collections: Annotated[tuple[Collection, ...], Field(min_length=1, max_length=100)] = (
        "app.bsky.*",
        "chat.bsky.*",
    )
    """The collections whose records are streamed: an NSID such as app.bsky.feed.post, a prefix such as
    app.bsky.*, or * for all. Events about accounts and identities are always streamed.
    """

    sync_events: Literal["Omit", "Emit"] = "Omit"
    """Whether a #sync message, which says that the state of a repo was set anew, becomes an event of the type
    sync. Omit leaves it out of the stream; Emit stores it. The consumers of the Rust ingester can't read that
    type and stop at it: with them, leave it at Omit.
    """

    resync_to_backfill: bool = False
    """Whether a #sync message, which says that the state of a repo was set anew, also puts that repo into the
    stream repo_backfill, so that a backfiller fetches it again, whatever syncEvents says.
    """

    deduplicate: DeduplicateSpec | None = None
    """Stores an event once that several relays tell of, if they write to one stream. Every Relay of that stream
    needs it. Without it each relay's events are stored.
    """


class RelaySpec(SourceSpec):
    """What should be."""

    firehose: FirehoseSpec = FirehoseSpec()
    """The stream of events (com.atproto.sync.subscribeRepos), written to the Redis stream firehose_live."""

    backfill: BackfillSpec = BackfillSpec()
    """The listing of all repositories (com.atproto.sync.listRepos), written to the Redis stream repo_backfill."""


class RelayStatus(SourceStatus):
    """What is."""

    firehose: StreamStatus | None = None
    """What the ingester of the firehose is doing and how far it has come."""

    backfill: BackfillStatus | None = None
    """What the ingester of the backfill is doing and how far it has come. Absent without a backfill."""


class Relay(Source):
    """A Relay is a source of AT Protocol events, such as a relay or a PDS. The operator keeps an ingester
    running for it, which streams its events into Redis, and tells here how it fares.
    """

    spec: RelaySpec
    """What the operator should bring about for this source."""

    status: RelayStatus = RelayStatus()
    """What the operator observes. It is written by the operator alone."""
