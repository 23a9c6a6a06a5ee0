"""What the watches have brought themselves, and so whether one of them has gone blind.

The store can't tell: lists and the operator's own writes keep it fresh beside a watch that is dead. Here only
watches write, and each list is held against it: a change that a watch has not brought for a while after a list
has shown it will not come any more.

That a watch has missed the end of an object proves nothing. One that had to list anew never tells of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.kubernetes.client import ApiResource, ObjectList

GRACE_SECONDS: Final = 30.0
"""For how long a watch may be behind a list."""


class StaleWatchError(RuntimeError):
    """A watch has not brought what a list has shown: the process must end and begin anew."""


@dataclass(frozen=True, slots=True)
class _MissingUpdate:
    resource_version: int
    """What the watch has not brought."""
    since: float


class WatchFreshness:
    """The newest resource version of each object that a watch has brought, by kind and uid."""

    def __init__(self) -> None:
        self._newest: dict[ApiResource, dict[str, int]] = {}
        self._missing: dict[ApiResource, dict[str, _MissingUpdate]] = {}

    @property
    def is_behind(self) -> bool:
        """Whether a watch is behind at this moment, as every watch is now and then."""
        return any(self._missing.values())

    def record(self, api: ApiResource, item: Mapping[str, Any]) -> None:
        """A watch has brought `item`, alive or gone."""
        seen, uid = self._newest.setdefault(api, {}), item["metadata"]["uid"]
        seen[uid] = max(seen.get(uid, 0), _resource_version(item))

    def compare(self, api: ApiResource, listed: ObjectList) -> None:
        """Hold what is there against what the watch has brought. Raises WatchBlindError."""
        seen, before, now = self._newest.get(api, {}), self._missing.get(api, {}), time.monotonic()
        moment = int(listed.resource_version) if listed.resource_version.isdecimal() else 0
        kept = {uid: version for uid, version in seen.items() if version > moment}
        suspects: dict[str, _MissingUpdate] = {}
        for item in listed.items:
            uid, version = item["metadata"]["uid"], _resource_version(item)
            kept[uid] = newest = seen.get(uid, 0)
            if newest >= version:
                continue
            suspect = before.get(uid)
            if suspect is None or newest >= suspect.resource_version:
                suspect = _MissingUpdate(version, now)
            elif now - suspect.since >= GRACE_SECONDS:
                place = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
                raise StaleWatchError(f"the watch of {api.plural} has missed a change of {place}")
            suspects[uid] = suspect
        self._newest[api], self._missing[api] = kept, suspects


def _resource_version(item: Mapping[str, Any]) -> int:
    version = str(item["metadata"].get("resourceVersion", ""))
    return int(version) if version.isdecimal() else 0
