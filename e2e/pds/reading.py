"""Reads a firehose without any code of the ingester, so that the ingester can be checked against it.

It is as small as possible: it trusts the source and checks nothing.
"""

import asyncio
import base64
import io
from collections.abc import Iterator
from typing import Any, Final

import cbor2
from websockets.asyncio.client import connect

from e2e.pds.client import Json

MAX_FRAME_BYTES: Final = 5_000_000
QUIET_SECONDS: Final = 1.5
PATIENCE_SECONDS: Final = 60.0


async def read(websocket: str, *, at_least: int, cursor: int = 0) -> list[Json]:
    """All events after `cursor`, in the shape of the Redis contract, until the source is silent.

    `websocket` is the base, `ws://host:port`. A PDS checks for new events every second, on a busy machine less often.
    So silence counts only after `at_least` events, or if it lasts for a minute.
    """
    url = f"{websocket}/xrpc/com.atproto.sync.subscribeRepos?cursor={cursor}"
    events: list[Json] = []
    async with connect(url, max_size=MAX_FRAME_BYTES, proxy=None, open_timeout=PATIENCE_SECONDS) as connection:
        while True:
            seconds = QUIET_SECONDS if len(events) >= at_least else PATIENCE_SECONDS
            try:
                frame = await asyncio.wait_for(connection.recv(decode=False), seconds)
            except TimeoutError:
                return events
            events += _events(io.BytesIO(frame))


def _events(frame: io.BytesIO) -> Iterator[Json]:
    header, body = cbor2.load(frame), cbor2.load(frame)
    base = {"seq": body["seq"], "time": body["time"], "did": body.get("did") or body.get("repo")}
    match header["t"]:
        case "#commit":
            blocks = _blocks(body["blocks"])
            base |= {"commit": _cid(body["commit"]), "rev": body["rev"]}
            for op in body["ops"]:
                collection, rkey = op["path"].split("/")
                event = {"type": op["action"], **base, "collection": collection, "rkey": rkey}
                if op["cid"] is not None:
                    cid = _cid(op["cid"])
                    event |= {"cid": cid, "record": _json(cbor2.loads(blocks[cid]))}
                yield event
        case "#identity":
            yield {"type": "identity", **base, "handle": body.get("handle")}
        case "#account":
            yield {"type": "account", **base, "active": body["active"], "status": body.get("status")}
        case "#sync":
            root = next(iter(_blocks(body["blocks"])))
            yield {"type": "sync", **base, "commit": root, "rev": body["rev"]}


def _blocks(car: bytes) -> dict[str, bytes]:
    """The blocks of a CAR file by their CIDs, which are all of the same 36 bytes here."""
    stream = io.BytesIO(car)
    stream.seek(_varint(stream), io.SEEK_CUR)
    blocks = {}
    while stream.tell() < len(car):
        entry = stream.read(_varint(stream))
        blocks[_base32(entry[:36])] = entry[36:]
    return blocks


def _varint(stream: io.BytesIO) -> int:
    value = shift = 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def _cid(tag: cbor2.CBORTag) -> str:
    return _base32(tag.value[1:])


def _base32(cid: bytes) -> str:
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def _json(value: Any) -> Any:
    match value:
        case dict():
            return {key: _json(item) for key, item in value.items()}
        case list():
            return [_json(item) for item in value]
        case bytes():
            return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
        case cbor2.CBORTag(tag=42):
            return {"$link": _cid(value)}
        case _:
            return value
