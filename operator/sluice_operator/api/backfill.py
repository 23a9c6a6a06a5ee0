"""What a Relay says of its backfill: the listing of all its repositories, once or again and again."""

from typing import Annotated, Literal

from pydantic import Field

from sluice_operator.api.base import Model
from sluice_operator.api.ingester_status import Count, IngesterStatus


class BackfillSpec(Model):
    """The listing of all repositories (com.atproto.sync.listRepos)."""

    enabled: bool = False
    """Whether the repositories of this source are listed in Redis, each of them once."""

    rescan_interval_seconds: Annotated[int | None, Field(ge=60, le=31_536_000)] = None
    """After how many seconds a listing that has come to its end begins anew, and lists every repository once
    more. Without it a listing is made once.
    """

    on_page_error: Literal["Retry", "SkipRepo"] = "Retry"
    """What to do about a repository that the source can't list: Retry, for as long as it takes; or SkipRepo,
    which goes on behind it after some tries and puts it into the dead-letter stream.
    """


class BackfillStatus(IngesterStatus):
    """What the ingester of the backfill is doing and how far it has come."""

    cursor: str | None = None
    """Where in the source's listing the newest page ends, in the source's own words; !ingester-done when
    all is listed.
    """

    done: bool | None = None
    """Whether the listing has come to its end."""

    progress: str | None = None
    """How far the listing has come, in short form for people: done, or how many repositories were stored, such as
    1250000 repos.
    """

    repos: Count | None = None
    """How many repositories were stored, over all restarts and all listings."""

    repos_per_second: Annotated[float | None, Field(ge=0)] = None
    """How many repositories were stored per second, as the mean of the last 60 seconds."""
