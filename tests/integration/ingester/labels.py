"""What stands in label_live, and a consumer of it as the Rust indexer's label half is one."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from e2e.relaysim.journal import Note

STREAM = "label_live"
GROUP = "firehose_group"  # INDEXER_GROUP: the Rust indexer's two halves share the word

State = dict[tuple[str, str, str], str]
"""By src, uri and val: the cts of the label that holds."""


def should(notes: Iterable[Note]) -> list[tuple[int, list[dict[str, Any]]]]:
    """What the labeler said, frame by frame, as the contract writes it."""
    return [(note.seq, [_entry(label) for label in note.facts["labels"]]) for note in notes]


def _entry(label: dict[str, Any]) -> dict[str, Any]:
    return {"cid": None, "neg": None, **label}


async def stands(client: Redis) -> list[tuple[int, list[dict[str, Any]]]]:
    """What is in the stream, entry by entry."""
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
    """Put labels into force and take them back, as an indexer does."""
    for label in labels:
        subject = label["src"], label["uri"], label["val"]
        if label.get("neg"):
            state.pop(subject, None)
        else:
            state[subject] = label["cts"]


class LabelIndexer:
    """Group and field as rsky-indexer's: reads what it left pending, then what is new; XACK and XDEL."""

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
        """Take one batch of pending entries, or else of new ones. How many; with `then_die` none is acknowledged."""
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
        """Strict where rsky's structs are: the one field, and the types of what they require."""
        assert fields.keys() == {b"labels"}
        event = json.loads(fields[b"labels"])
        assert type(event["seq"]) is int
        for label in event["labels"]:
            assert all(type(label[name]) is str for name in ("src", "uri", "val", "cts"))
            assert label["cid"] is None or type(label["cid"]) is str
            assert label["neg"] is None or type(label["neg"]) is bool
        self.seqs.append(event["seq"])
        apply(self.state, event["labels"])
