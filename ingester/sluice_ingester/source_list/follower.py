"""Following the source list of a process: it starts and stops sources when the list changes."""

import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.text import sanitize
from sluice_ingester.running_sources import RunningSources
from sluice_ingester.source_list.difference import difference
from sluice_ingester.source_list.entries import SourceList
from sluice_redis.contract import SOURCE_LIST_VERSION
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.source_list import ListState

POLL_SECONDS: Final = 1.0
_MAX_MESSAGE: Final = 2000

_log = logging.getLogger("sluice_ingester.source_list")


class StoredList(Protocol):
    """A source list in Redis. `RedisSourceList` implements it. Every method raises SinkError if Redis fails."""

    key: str

    async def read_state(self) -> ListState:
        """The version of the list, and the version that somebody has applied."""

    async def read(self) -> dict[str, str]:
        """The whole list: its version and its entries. Empty if there is none."""

    async def write_applied(self, version: str, pod: str) -> None:
        """Say that `pod` has applied `version`."""


class SourceListFollower:
    """Applies a list whenever its version changes. Run `step` again and again.

    A list that does not exist says nothing: what runs continues.
    """

    def __init__(
        self,
        stored: StoredList,
        sources: RunningSources,
        *,
        parse: Callable[[Mapping[str, str]], SourceList],
        pod: str,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._stored = stored
        self._sources = sources
        self._parse = parse
        self._pod = pod
        self._clock = clock
        self._applied: str | None = None
        self._waits_for = ""
        self._rejected: Mapping[str, str] = {}

    @property
    def has_applied(self) -> bool:
        """Whether a list has been applied since the start of the process."""
        return self._applied is not None

    @property
    def status(self) -> str:
        """One line about the list, for people."""
        applied = f"version {self._applied} is applied" if self.has_applied else "waiting for it"
        problem = f"; {self._waits_for}" if self._waits_for else ""
        return sanitize(f"source list {self._stored.key}: {applied}{problem}", max_length=_MAX_MESSAGE)

    async def step(self) -> None:
        """Apply the list if it has changed, and wait until it must be read again."""
        try:
            await self._follow()
        except SinkError as error:
            self._set_waits_for(error.failure.message)
        await self._clock.sleep(POLL_SECONDS)

    async def _follow(self) -> None:
        state = await self._stored.read_state()
        if state.version is None:
            self._set_waits_for("it does not exist, or has no version")
        elif state.version != self._applied:
            await self._apply()
        else:
            self._set_waits_for("")
            if state.applied != self._applied:  # somebody has deleted it, or an older process has written it late
                await self._stored.write_applied(self._applied, self._pod)

    async def _apply(self) -> None:
        fields = await self._stored.read()
        version = fields.get(SOURCE_LIST_VERSION)
        if version is None:
            return  # it was deleted in between
        self._set_waits_for("")
        wanted = self._parse(fields)
        self._log_rejected(wanted.rejected)
        changes = difference(self._sources.specs, wanted.specs)
        _log.info(
            "source list %s: version %s has %d sources: stopping %d, starting %d",
            self._stored.key,
            sanitize(version, max_length=200),
            len(wanted.specs),
            len(changes.stop),
            len(changes.start),
        )
        await self._sources.change(stop=changes.stop, start=changes.start)
        self._applied = version
        await self._stored.write_applied(version, self._pod)

    def _log_rejected(self, rejected: Mapping[str, str]) -> None:
        for name, problem in rejected.items():
            if self._rejected.get(name) != problem:
                message = f"source list {self._stored.key}: the entry {name} is not valid, and is left out: {problem}"
                _log.error("%s", sanitize(message, max_length=_MAX_MESSAGE))
        self._rejected = rejected

    def _set_waits_for(self, problem: str) -> None:
        """Log a new problem, and its end."""
        if problem != self._waits_for:
            self._waits_for = problem
            _log.log(logging.WARNING if problem else logging.INFO, "%s", self.status)
