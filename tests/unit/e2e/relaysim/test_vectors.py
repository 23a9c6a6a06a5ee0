"""The encoders against the published vectors of the protocol."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import cbor2
import pytest

from e2e.relaysim import car, dagcbor, datamodel, keys, mst
from e2e.relaysim.cid import Cid
from tests.unit.e2e.relaysim import reading

VECTORS = Path(__file__).parents[3] / "vectors"


def load(name: str) -> list[Any]:
    cases: list[Any] = json.loads((VECTORS / name).read_text())
    assert cases
    return cases


def unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


def tree_of(paths: list[str], leaf: str) -> mst.Node:
    tree = mst.EMPTY
    for path in random.Random(len(paths)).sample(paths, len(paths)):
        tree = mst.put(tree, path.encode(), Cid.parse(leaf))
    return tree


@pytest.mark.parametrize("case", load("data-model/data-model-fixtures.json"))
def test_data_model(case: Any) -> None:
    data = dagcbor.encode(datamodel.from_json(case["json"]))
    assert data == unbase64(case["cbor_base64"])
    assert str(Cid.of(data)) == case["cid"] == datamodel.record_cid(case["json"])


@pytest.mark.parametrize("case", load("car/car-file-fixtures.json"))
def test_car(case: Any) -> None:
    blocks = [(Cid.parse(block["cid"]), unbase64(block["bytes"])) for block in case["blocks"]]
    assert car.encode(Cid.parse(case["root"]), blocks) == unbase64(case["car"])


@pytest.mark.parametrize("case", load("mst/key_heights.json"))
def test_key_height(case: Any) -> None:
    assert mst.key_layer(case["key"].encode()) == case["height"]


@pytest.mark.parametrize("key", (VECTORS / "mst/example_keys.txt").read_text().split())
def test_example_key_names_its_height(key: str) -> None:
    assert mst.key_layer(key.encode()) == int(key[1])


@pytest.mark.parametrize("case", load("mst/common_prefix.json"))
def test_common_prefix(case: Any) -> None:
    assert mst.common_prefix(case["left"].encode(), case["right"].encode()) == case["len"]


@pytest.mark.parametrize("case", load("mst/known_trees.json"), ids=lambda case: case["comment"])
def test_known_tree(case: Any) -> None:
    tree = tree_of(case["keys"], case["leafValue"])
    assert str(tree.cid) == case["root"]
    for step in case["steps"]:
        for key in step.get("adds", ()):
            tree = mst.put(tree, key.encode(), Cid.parse(case["leafValue"]))
        for key in step.get("dels", ()):
            tree = mst.delete(tree, key.encode())
        assert str(tree.cid) == step["root"]


@pytest.mark.parametrize("case", load("mst/commit-proof-fixtures.json"), ids=lambda case: case["comment"])
def test_commit_proof(case: Any) -> None:
    before = tree_of(case["keys"], case["leafValue"])
    assert str(before.cid) == case["rootBeforeCommit"]
    after = before
    for key in case["adds"]:
        after = mst.put(after, key.encode(), Cid.parse(case["leafValue"]))
    for key in case["dels"]:
        after = mst.delete(after, key.encode())
    assert str(after.cid) == case["rootAfterCommit"]
    carried = {str(node.cid) for node in mst.new_nodes(after, before)}
    for key in case["adds"] + case["dels"]:
        carried |= {str(node.cid) for node in mst.proof(after, key.encode())}
    assert carried == set(case["blocksInProof"])


@pytest.mark.parametrize("case", load("crypto/signature-fixtures.json"), ids=lambda case: case["comment"])
def test_signature(case: Any) -> None:
    message, signature = unbase64(case["messageBase64"]), unbase64(case["signatureBase64"])
    assert keys.verify(case["publicKeyDid"], message, signature) is case["validSignature"]


@pytest.mark.parametrize("case", load("crypto/w3c_didkey_K256.json"))
def test_k256_did_key(case: Any) -> None:
    assert keys.Key(keys.K256, int(case["privateKeyBytesHex"], 16)).did_key == case["publicDidKey"]


@pytest.mark.parametrize("case", load("crypto/w3c_didkey_P256.json"))
def test_p256_did_key(case: Any) -> None:
    secret = int.from_bytes(keys.base58_decode(case["privateKeyBytesBase58"]))
    assert keys.Key(keys.P256, secret).did_key == case["publicDidKey"]


def test_the_signature_of_a_real_sync_message_is_valid() -> None:
    capture = json.loads((VECTORS / "firehose/account_lifecycle.json").read_text())
    key = capture["accounts"][0]["identity"]["keys"]["atproto"]["publicKeyMultibase"]
    body = next(m["frame"]["body"] for m in capture["messages"] if m["frame"]["header"]["t"] == "#sync")
    root, blocks = reading.car(unbase64(body["blocks"]["$bytes"]))
    assert reading.signed_commit(blocks[root], f"did:key:{key}")["rev"] == body["rev"]


@pytest.mark.parametrize("path", sorted((VECTORS / "firehose").glob("firehose_commit_*.json")))
def test_blocks_of_a_real_commit_are_encoded_identically(path: Path) -> None:
    """Decoded and encoded again, each block of a real commit and its archive have the same bytes."""
    archive = unbase64(json.loads(path.read_text())["blocks"]["$bytes"])
    root, blocks = reading.car(archive)
    assert len(blocks) >= 2
    for block in blocks.values():
        assert dagcbor.encode(_with_cids(cbor2.loads(block))) == block
    assert car.encode(root, blocks.items()) == archive


def _with_cids(value: Any) -> Any:
    if isinstance(value, cbor2.CBORTag):
        return reading.cid(value)
    if isinstance(value, dict):
        return {key: _with_cids(item) for key, item in value.items()}
    return [_with_cids(item) for item in value] if isinstance(value, list) else value
