"""The model of the Relay: a source of com.atproto.sync, such as a relay or a PDS."""

from typing import Annotated, Literal

from pydantic import Field

from sluice_common.collection_patterns import COLLECTION_PATTERN, MAX_COLLECTION_PATTERN_LENGTH
from sluice_operator.api.backfill import BackfillSpec, BackfillStatus
from sluice_operator.api.base import Model
from sluice_operator.api.cursor import CursorPosition
from sluice_operator.api.deduplicate import DeduplicateSpec
from sluice_operator.api.ingester_status import SourceStatus, StreamStatus
from sluice_operator.api.rules import Rule
from sluice_operator.api.source import Source
from sluice_operator.api.source_spec import SourceSpec
from sluice_redis import ingester_settings

Collection = Annotated[
    str,
    Field(max_length=MAX_COLLECTION_PATTERN_LENGTH),
    Rule.matches(
        COLLECTION_PATTERN,
        message="give a collection (app.bsky.feed.post), all that start alike (app.bsky.*), or all (*)",
    ),
]


class FirehoseSpec(Model):
    """The stream of events (com.atproto.sync.subscribeRepos)."""

    enabled: bool = True
    """Whether to stream the events of the source into Redis."""

    start_from: CursorPosition = ingester_settings.START_FROM.default
    """Where to start if Redis holds no cursor for this host: oldest (all events that the source still has), live (only
    new events), or the first sequence number to read. A stored cursor takes precedence.
    """

    collections: Annotated[tuple[Collection, ...], Field(min_length=1, max_length=100)] = (
        ingester_settings.COLLECTIONS.default
    )
    """Collections whose records are streamed: an NSID such as app.bsky.feed.post, a prefix such as app.bsky.*, or * for
    all. Events about accounts and identities are always streamed.
    """

    sync_events: Literal["Omit", "Emit"] = "Omit"
    """What to do with a #sync message, which says that the state of a repository was set anew. Omit does not store it.
    Emit stores it as an event of type sync. Consumers that were written for the Rust ingester cannot read this type and
    stop at it: use Omit with them.
    """

    resync_to_backfill: bool = ingester_settings.RESYNC_TO_BACKFILL.default
    """Whether a #sync message also writes its repository to the stream repo_backfill, so that a backfiller fetches the
    repository again. It does not depend on syncEvents.
    """

    deduplicate: DeduplicateSpec | None = None
    """Stores an event once when several relays that write to the same stream send it. Every Relay of that stream needs
    this field. If not set, the events of each relay are stored.
    """


class RelaySpec(SourceSpec):
    """The desired state of a Relay."""

    firehose: FirehoseSpec = FirehoseSpec()
    """The stream of events (com.atproto.sync.subscribeRepos), written to the Redis stream firehose_live."""

    backfill: BackfillSpec = BackfillSpec()
    """The listing of all repositories (com.atproto.sync.listRepos), written to the Redis stream repo_backfill."""


class RelayStatus(SourceStatus):
    """The observed state of a Relay."""

    firehose: StreamStatus | None = None
    """The state and the progress of the ingester of the firehose."""

    backfill: BackfillStatus | None = None
    """The state and the progress of the ingester of the backfill. Absent if the backfill is not enabled."""


class Relay(Source):
    """Relay is a source of AT Protocol events, such as a relay or a PDS. The operator runs an ingester that streams its
    events into Redis, and reports the state in status.
    """

    spec: RelaySpec
    """Desired state of the Relay."""

    status: RelayStatus = RelayStatus()
    """Observed state of the Relay. Only the operator writes it."""
