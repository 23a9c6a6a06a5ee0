"""Storages that keep kopf from comparing objects, which takes most of its time.

kopf extracts the essence of each object that a watch delivers, with several deep copies of it, to find out what has
changed. It also remembers each object. The operator uses only raw events, so nobody needs that. These storages return
an empty essence and store nothing.
"""

from collections.abc import Iterable
from typing import Any

import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory


class NoDiffBase(kopf.DiffBaseStorage):
    """An object has no essence, and kopf has never handled it."""

    def build(self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None) -> kopf.BodyEssence:
        """An empty essence."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Nothing is stored."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """No handler has a progress."""

    def fetch(self, *, key: Any, body: kopf.Body) -> Any:
        """Nothing is stored."""
        return None

    def store(self, *, key: Any, record: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        """Store nothing."""

    def purge(self, *, key: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        """Nothing is stored."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Change nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """The essence as it is."""
        return essence


class NoMemories(ResourceMemories):
    """Nothing is remembered about an object between two events."""

    async def recall(self, raw_body: Any, *, noticed_by_listing: bool = False, **_: Any) -> ResourceMemory:
        """A new memory, which is not kept."""
        return ResourceMemory(noticed_by_listing=noticed_by_listing)
