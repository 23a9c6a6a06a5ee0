"""Computes the CID of a record from its JSON, to check that the record arrived complete.

Spec: https://atproto.com/specs/data-model#representation
"""

import base64
from typing import Any

from e2e.relaysim import dagcbor
from e2e.relaysim.cid import Cid


def from_json(value: Any) -> Any:
    """The value of a JSON form: ``$link`` is a CID, ``$bytes`` are bytes, with or without padding."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$link"}:
        return Cid.parse(value["$link"])
    if value.keys() == {"$bytes"}:
        text = value["$bytes"]
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    return {key: from_json(item) for key, item in value.items()}


def record_cid(record: Any) -> str:
    """The CID of the record whose JSON form this is."""
    return str(Cid.of(dagcbor.encode(from_json(record))))
