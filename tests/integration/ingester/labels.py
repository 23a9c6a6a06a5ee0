"""Reads the stream label_live, and a consumer of it that works as the label half of the Rust indexer does."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from e2e.relaysim.journal import JournalEntry

STREAM = "label_live"
GROUP = "firehose_group"  # INDEXER_GROUP: both halves of the Rust indexer use the same name

State = dict[tuple[str, str, str], str]
"""(src, uri, val) -> cts of the label in force."""


def expected_labels(notes: Iterable[JournalEntry]) -> list[tuple[int, list[dict[str, Any]]]]:
    """(seq, labels) of each frame that the labeler sent, in the form of the Redis contract."""
    return [(note.seq, [_entry(label) for label in note.facts["labels"]]) for note in notes]


def _entry(label: dict[str, Any]) -> dict[str, Any]:
    return {"cid": None, "neg": None, **label}


async def stored_labels(client: Redis) -> list[tuple[int, list[dict[str, Any]]]]:
    """(seq, labels) of each entry of the stream."""
    entries = cast("list[Any]", await client.xrange(STREAM))
    read = [json.loads(fields[b"labels"]) for _, fields in entries]
    return [(event["seq"], event["labels"]) for event in read]


async def cursor(client: Redis, host: str) -> int | None:
    stored = await client.get(f"{STREAM}:cursor:{host}")
    return None if stored is None else int(stored)


async def health(client: Redis, host: str) -> dict[str, str]:
    call = cast("Callable[[str], Awaitable[dict[bytes, bytes]]]", client.hgetall)
    fields = await call(f"{STREAM}:health:{host}")
    return {name.decode(): value.decode() for name, value in fields.items()}


def apply(state: State, labels: Iterable[dict[str, Any]]) -> None:
    """Apply labels and negations to `state`, as an indexer does."""
    for label in labels:
        subject = label["src"], label["uri"], label["val"]
        if label.get("neg"):
            state.pop(subject, None)
        else:
            state[subject] = label["cts"]


class LabelIndexer:
    """Uses the group and field of rsky-indexer. Reads pending entries first, then new ones; then XACK and XDEL."""

    def __init__(self, client: Redis, *, consumer: str = "indexer_1") -> None:
        self.state: State = {}
        self.seqs: list[int] = []
        self._client = client
        self._consumer = consumer

    async def start(self) -> None:
        try:
            await self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def read(self, *, then_die: bool = False) -> int:
        """Read a batch of pending entries, else of new ones. Returns their number. `then_die` acknowledges none."""
        for where in ("0", ">"):
            answer = cast(
                "list[Any]",
                await self._client.xreadgroup(GROUP, self._consumer, {STREAM: where}, count=500, block=100),
            )
            entries = [entry for _, found in answer or [] for entry in found]
            if not entries:
                continue
            for name, fields in entries:
                if then_die:
                    continue
                self._take(fields)
                await self._client.xack(STREAM, GROUP, name)
                await self._client.xdel(STREAM, name)
            return len(entries)
        return 0

    def _take(self, fields: dict[bytes, bytes]) -> None:
        """As strict as rsky's structs: exactly one field, and the types that they require."""
        assert fields.keys() == {b"labels"}
        event = json.loads(fields[b"labels"])
        assert type(event["seq"]) is int
        for label in event["labels"]:
            assert all(type(label[name]) is str for name in ("src", "uri", "val", "cts"))
            assert label["cid"] is None or type(label["cid"]) is str
            assert label["neg"] is None or type(label["neg"]) is bool
        self.seqs.append(event["seq"])
        apply(self.state, event["labels"])
