"""The published test vectors, and frames made from the JSON of captured messages."""

import base64
import json
from pathlib import Path
from typing import Any

import cbor2

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


def lines(name: str) -> list[str]:
    text = (VECTORS / name).read_text()
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def uncid(text: str) -> bytes:
    assert text.startswith("b")
    return base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))


def from_json(value: Any) -> Any:
    """JSON of the data model as values that cbor2 encodes. This is the inverse of the code under test."""
    match value:
        case {"$link": str(cid), **rest} if not rest:
            return cbor2.CBORTag(42, b"\0" + uncid(cid))
        case {"$bytes": str(text), **rest} if not rest:
            return unbase64(text)
        case dict():
            return {key: from_json(item) for key, item in value.items()}
        case list():
            return [from_json(item) for item in value]
    return value


def frame_of(header: Any, body: Any) -> bytes:
    """The frame of a captured message."""
    return cbor2.dumps(header) + cbor2.dumps(from_json(body))


def captured_commits() -> dict[int, Any]:
    """The bodies of captured #commit messages, by seq."""
    return {seq: load(f"firehose/firehose_commit_{seq}.json") for seq in (4621317030, 4623075231)}


def captured_lifecycle() -> list[bytes]:
    """The frames of one account's life: #identity, #account, #sync, #account."""
    messages = [entry["frame"] for entry in load("firehose/account_lifecycle.json")["messages"]]
    return [frame_of(message["header"], message["body"]) for message in messages]
