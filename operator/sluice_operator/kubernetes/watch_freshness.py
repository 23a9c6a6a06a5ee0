"""Detects watches that are open but no longer deliver changes.

The cache can't show that, because lists and the operator's own writes also update it. Only watches update the record
here, and each list is compared with it. If a list shows a change and the watch has not delivered it after a grace
period, the watch is stale.

Deletions are not compared: a watch that starts with a list does not report the deletions before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import ApiResource, ObjectList

GRACE_SECONDS: Final = 30.0
"""How long a watch may be behind a list."""


class StaleWatchError(RuntimeError):
    """A watch has not delivered a change that a list has shown: the process must be restarted."""


@dataclass(frozen=True, slots=True)
class _MissingUpdate:
    resource_version: int
    """The version that the watch has not delivered."""
    since: float


class WatchFreshness:
    """The newest resource version of each object that a watch has delivered, by kind and uid."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._newest: dict[ApiResource, dict[str, int]] = {}
        self._missing: dict[ApiResource, dict[str, _MissingUpdate]] = {}

    @property
    def is_behind(self) -> bool:
        """Whether a watch is behind the last list. Every watch is, for short times."""
        return any(self._missing.values())

    def record(self, api: ApiResource, item: Mapping[str, Any]) -> None:
        """Record that a watch has delivered `item`, whether it was changed or deleted."""
        newest, uid = self._newest.setdefault(api, {}), item["metadata"]["uid"]
        newest[uid] = max(newest.get(uid, 0), _resource_version(item))

    def compare(self, api: ApiResource, listed: ObjectList) -> None:
        """Compare a list with what the watch has delivered. Raises StaleWatchError."""
        newest, before, now = self._newest.get(api, {}), self._missing.get(api, {}), self._clock.monotonic()
        list_version = int(listed.resource_version) if listed.resource_version.isdecimal() else 0
        kept = {uid: version for uid, version in newest.items() if version > list_version}
        missing: dict[str, _MissingUpdate] = {}
        for item in listed.items:
            uid, version = item["metadata"]["uid"], _resource_version(item)
            kept[uid] = delivered = newest.get(uid, 0)
            if delivered >= version:
                continue
            update = before.get(uid)
            if update is None or delivered >= update.resource_version:
                update = _MissingUpdate(version, now)
            elif now - update.since >= GRACE_SECONDS:
                name = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
                raise StaleWatchError(f"the watch of {api.plural} has missed a change of {name}")
            missing[uid] = update
        self._newest[api], self._missing[api] = kept, missing


def _resource_version(item: Mapping[str, Any]) -> int:
    version = str(item["metadata"].get("resourceVersion", ""))
    return int(version) if version.isdecimal() else 0
