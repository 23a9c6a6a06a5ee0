"""Situations with a Labeler, and with the backfill of a Relay."""

import json

from sluice_redis.contract import HealthField, Stream
from tests.integration.operator.situation import NAME, Situation, now


class LabelerSituation(Situation):
    """A namespace with one Labeler."""

    kind = "Labeler"
    redis_stream = Stream.LABELS
    component = "labeler"
    child = f"{NAME}-labels"


class BackfillSituation(Situation):
    """The backfill of the Relay in a namespace."""

    redis_stream = Stream.BACKFILL
    component = "backfill"
    child = f"{NAME}-backfill"

    def list_page(self, cursor: str, repos: int) -> None:
        """Store a page of the listing, as the append does."""
        for number in range(repos):
            self.redis.xadd(self.keys.entries, {"repo": json.dumps({"did": f"did:plc:{cursor}{number}"})})
        self.redis.set(self.keys.cursor, cursor)
        stored = int(self.redis.hget(self.keys.health, HealthField.EVENTS) or 0)
        self.redis.hset(
            self.keys.health,
            mapping={HealthField.SEQ: cursor, HealthField.STORED: now(), HealthField.EVENTS: str(stored + repos)},
        )
