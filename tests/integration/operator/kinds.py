"""The situations of other sources: a Labeler, and the half of a Relay that is its backfill."""

import json

from sluice_redis.contract import HealthField, Stream
from tests.integration.operator.situation import NAME, Situation, now


class LabelerSituation(Situation):
    """One namespace with one Labeler."""

    kind = "Labeler"
    redis_stream = Stream.LABELS
    component = "labeler"
    child = f"{NAME}-labels"


class BackfillSituation(Situation):
    """The half of a Relay's namespace that is its backfill."""

    redis_stream = Stream.BACKFILL
    component = "backfill"
    child = f"{NAME}-backfill"

    def list_page(self, cursor: str, repos: int) -> None:
        """Store a page, as the append does."""
        for number in range(repos):
            self.redis.xadd(self.keys.entries, {"repo": json.dumps({"did": f"did:plc:{cursor}{number}"})})
        self.redis.set(self.keys.cursor, cursor)
        stored = int(self.redis.hget(self.keys.health, HealthField.EVENTS) or 0)
        self.redis.hset(
            self.keys.health,
            mapping={HealthField.SEQ: cursor, HealthField.STORED: now(), HealthField.EVENTS: str(stored + repos)},
        )
