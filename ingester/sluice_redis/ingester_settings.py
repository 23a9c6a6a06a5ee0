"""The settings of an ingester, each declared once: variable, CRD field, default, limits, description. Pure.

The ingester reads its environment by these declarations. The operator takes limits and defaults of the CRD fields from
them, builds the environment of a container by them, and refuses their variables in `spec.podTemplate.env`.
`docs/settings.md` is made from them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from sluice_common.logs import LogFormat, LogLevel

T_co = TypeVar("T_co", covariant=True)

PREFIX: Final = "INGESTER_"
"""Variables with this prefix belong to the ingester, also those that it does not know yet."""


class Mode(StrEnum):
    """Which sources a process reads."""

    ALL = "all"
    FIREHOSE = "firehose"
    BACKFILL = "backfill"
    LABELER = "labeler"


class SyncEvents(StrEnum):
    """What becomes of a `#sync` message."""

    OMIT = "omit"
    EMIT = "emit"


class OnPageError(StrEnum):
    """What to do about a repository that the source cannot list."""

    RETRY = "retry"
    SKIP_REPO = "skip-repo"


class OnCursorLost(StrEnum):
    """What to do about a cursor that the source cannot continue from."""

    HALT = "halt"
    OLDEST = "oldest"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The lowest and the highest number that are allowed."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Generic[T_co]):
    """One setting.

    - `variable` is the environment variable.
    - `field` is the path of the CRD field that sets it, empty if there is none.
    - `default` is the value without the variable. `default_text` describes it where the value alone does not.
    - `minimum` and `maximum` are the limits of a number, both included.
    - `field_minimum` and `field_maximum` are those of the CRD field, where they are narrower.
    - `description` is for people, in Markdown.
    - `is_secret`: the value must not appear in messages.
    - `of_process`: it holds for the whole process. An entry of a source list can't set it.
    """

    variable: str
    default: T_co
    description: str
    field: str = ""
    default_text: str = ""
    minimum: int | None = None
    maximum: int | None = None
    field_minimum: int | None = None
    field_maximum: int | None = None
    is_secret: bool = False
    of_process: bool = False

    @property
    def shown_default(self) -> str:
        """The default as documentation shows it, in Markdown."""
        if self.default_text:
            return self.default_text
        if isinstance(self.default, bool):
            return f"`{str(self.default).lower()}`"
        if isinstance(self.default, tuple):
            return f"`{','.join(self.default)}`"
        return f"`{self.default}`" if self.default not in ("", None) else "empty"

    @property
    def field_limits(self) -> Limits:
        """The limits of the CRD field. ValueError if one is missing, because a number of a spec has both."""
        minimum = self.minimum if self.field_minimum is None else self.field_minimum
        maximum = self.maximum if self.field_maximum is None else self.field_maximum
        if minimum is None or maximum is None:
            raise ValueError(f"{self.variable}: declare a minimum and a maximum for {self.field}")
        return Limits(minimum=minimum, maximum=maximum)


REDIS_URL: Final = Setting(
    of_process=True,
    variable="REDIS_URL",
    field="spec.redis.secretRef",
    default="redis://localhost:6379",
    is_secret=True,
    description="The URL of one server, Sentinel or Cluster, with or without TLS. See [redis.md](redis.md).",
)
SSL_CERT_FILE: Final = Setting(
    of_process=True,
    variable="SSL_CERT_FILE",
    field="spec.caBundle",
    default="",
    default_text="the system's",
    description="A file with PEM certificates of CAs to trust instead of the system's.",
)
CA_BUNDLE: Final = Setting(
    of_process=True,
    variable="INGESTER_CA_BUNDLE",
    field="spec.caBundle",
    default="",
    description="A file with PEM certificates of CAs to trust in addition.",
)
RELAY_HOSTS: Final = Setting(
    variable="INGESTER_RELAY_HOSTS",
    field="spec.host",
    default="bsky.network",
    description="Relays, separated by commas. Each is a host with an optional port and an optional scheme.",
)
LABELER_HOSTS: Final = Setting(
    variable="INGESTER_LABELER_HOSTS",
    field="spec.host",
    default="",
    description="Labelers, in the same form. The mode `labeler` needs at least one.",
)
KEY_PREFIX: Final = Setting(
    of_process=True,
    variable="INGESTER_KEY_PREFIX",
    field="spec.redis.keyPrefix",
    default="",
    description=(
        "The prefix of every key in Redis. A Redis Cluster needs one with a hash tag, for example `{sluice}:`."
    ),
)
COLLECTIONS: Final = Setting(
    variable="INGESTER_COLLECTIONS",
    field="spec.firehose.collections",
    default=("app.bsky.*", "chat.bsky.*"),
    description="The collections to store, separated by commas: NSIDs, beginnings of NSIDs with `.*`, or `*` for all.",
)
SYNC_EVENTS: Final = Setting(
    variable="INGESTER_SYNC_EVENTS",
    field="spec.firehose.syncEvents",
    default=SyncEvents.OMIT,
    description=(
        "`omit`: a `#sync` message only moves the cursor. `emit`: it is stored as an event of the type `sync`, which "
        "the consumers of the Rust ingester cannot read."
    ),
)
RESYNC_TO_BACKFILL: Final = Setting(
    variable="INGESTER_RESYNC_TO_BACKFILL",
    field="spec.firehose.resyncToBackfill",
    default=False,
    description="`true`: a `#sync` message also adds its repository to `repo_backfill`, so that it is fetched again.",
)
DEDUPLICATE_SECONDS: Final[Setting[int | None]] = Setting(
    variable="INGESTER_DEDUPLICATE_SECONDS",
    field="spec.firehose.deduplicate",
    default=None,
    default_text="off",
    minimum=1,
    maximum=86_400,
    description="How long an event of one relay is recognised when another relay delivers it. It is then stored once.",
)
START_FROM: Final = Setting(
    variable="INGESTER_START_FROM",
    field="startFrom of the stream",
    default="oldest",
    description=(
        "Where to begin without a cursor: `oldest` (for a labeler: its whole history), `live`, or the first seq to "
        "read."
    ),
)
BACKFILL_RESCAN_SECONDS: Final = Setting(
    variable="INGESTER_BACKFILL_RESCAN_SECONDS",
    field="spec.backfill.rescanIntervalSeconds",
    default=0,
    minimum=0,
    field_minimum=60,
    field_maximum=31_536_000,
    description=(
        "How long after its end a listing begins again. Each repository is then stored once more. `0`: never."
    ),
)
ON_PAGE_ERROR: Final = Setting(
    variable="INGESTER_ON_PAGE_ERROR",
    field="spec.backfill.onPageError",
    default=OnPageError.RETRY,
    description=(
        "What to do about a repository that the source cannot list. `retry`: try again until it succeeds. "
        "`skip-repo`: after five attempts for it alone, store a dead letter and continue behind it."
    ),
)
ON_CURSOR_LOST: Final[Setting[OnCursorLost | None]] = Setting(
    variable="INGESTER_ON_CURSOR_LOST",
    field="spec.onCursorLost",
    default=None,
    default_text="see meaning",
    description=(
        "What to do if the source cannot continue from the cursor: `halt`, or set the cursor to `oldest` or `live`. By "
        "default the ingester continues with the oldest event if the cursor is outdated. It halts if the cursor is in "
        "the future, or if the sequence has moved back."
    ),
)
TRIM_CONSUMED: Final = Setting(
    variable="INGESTER_TRIM_CONSUMED",
    field="spec.retention.trimConsumed",
    default=False,
    description="`true`: remove entries that every consumer group of the stream has acknowledged.",
)
HIGH_WATER_MARK: Final = Setting(
    variable="INGESTER_HIGH_WATER_MARK",
    field="spec.backpressure.highWaterMark",
    default=100_000,
    minimum=1,
    field_maximum=1_000_000_000,
    description="The number of entries in the stream at which the ingester stops reading.",
)
BATCH_SIZE: Final = Setting(
    variable="INGESTER_BATCH_SIZE",
    field="spec.batch.size",
    default=500,
    minimum=1,
    maximum=10_000,
    description="The number of events at which a batch is written.",
)
BATCH_TIMEOUT_MS: Final = Setting(
    variable="INGESTER_BATCH_TIMEOUT_MS",
    field="spec.batch.timeoutMilliseconds",
    default=1000,
    minimum=10,
    maximum=60_000,
    description="The age in milliseconds at which a batch is written.",
)
SOURCE_LIST: Final = Setting(
    variable="INGESTER_SOURCE_LIST",
    of_process=True,
    default="",
    description=(
        "The key of a hash in Redis that lists the sources of this process, instead of the variables that name hosts. "
        "A change is followed without a restart. See [redis-contract.md](redis-contract.md#the-source-list)."
    ),
)
MODE: Final = Setting(
    variable="INGESTER_MODE",
    default=Mode.ALL,
    description="What to read: `firehose`, `backfill`, `labeler`, or `all` of them in one process.",
)
METRICS_PORT: Final = Setting(
    of_process=True,
    variable="METRICS_PORT",
    default=4100,
    minimum=0,
    maximum=65_535,
    description="The port of `/healthz`, `/readyz` and `/metrics`. `0` takes a free one.",
)
LOG_FORMAT: Final[Setting[LogFormat | None]] = Setting(
    of_process=True,
    variable="LOG_FORMAT",
    default=None,
    default_text="`json`; on a terminal `plain`",
    description="`json`: one object a line. `plain`: lines for terminals.",
)
LOG_LEVEL: Final = Setting(
    of_process=True,
    variable="LOG_LEVEL",
    default=LogLevel.INFO,
    description="The lowest level that is logged: `debug`, `info`, `warning` or `error`.",
)
POD_NAME: Final[Setting[str | None]] = Setting(
    of_process=True,
    variable="POD_NAME",
    default=None,
    default_text="the host's name",
    description="The name of this process in the health hash.",
)

SETTINGS: Final[tuple[Setting[object], ...]] = tuple(
    declared for declared in tuple(globals().values()) if isinstance(declared, Setting)
)
"""All settings of this module, in their order."""

RESERVED: Final = (POD_NAME.variable, METRICS_PORT.variable)
"""Variables without INGESTER_ that the operator sets by itself, with no field for them."""


def fields_by_variable() -> dict[str, str]:
    """For each variable that a CRD field sets: the path of that field."""
    return {setting.variable: setting.field for setting in SETTINGS if setting.field}
