"""The simulated network: valid commits, events of every kind, and reproducible bytes."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from e2e.relaysim import tid
from e2e.relaysim.accounts import FIRST_DAY
from e2e.relaysim.cid import Cid
from e2e.relaysim.keys import K256, Key
from e2e.relaysim.network import Network
from e2e.relaysim.repo import Repo, Write
from tests.unit.e2e.relaysim import reading

TIME = "2026-11-24T12:00:00.000Z"
SEQ = 6_322_875_401


@pytest.fixture(scope="module")
def recorded() -> tuple[Network, list[tuple[Any, str, dict[str, Any]]]]:
    """A network and its first 2,000 events: event, type and body."""
    network = Network(seed="test", size=8)
    decoded = []
    for i, event in enumerate(islice(network, 2_000)):
        header, body = reading.frame(event.frame.stamp(SEQ + i, TIME))
        assert header == {"op": 1, "t": event.kind}
        assert (body["seq"], body["time"]) == (SEQ + i, TIME)
        decoded.append((event, header["t"], body))
    return network, decoded


def test_every_commit_is_valid_and_follows_the_one_before(recorded: Any) -> None:
    network, decoded = recorded
    keys = {account.did: account.repo.key.did_key for account in network.accounts}
    last: dict[str, reading.Verified] = {}
    actions: Counter[str] = Counter()
    for event, kind, body in decoded:
        if kind == "#commit":
            seen = reading.commit(body, keys[body["repo"]])
            before = last.get(seen.did)
            if before:
                assert seen.rev > before.rev
                assert (seen.since, seen.prev_data) == (before.rev, before.data)
            last[seen.did] = seen
            actions.update(op["action"] for op in body["ops"])
            assert event.facts["ops"] == [
                {
                    "action": op["action"],
                    "path": op["path"],
                    "cid": str(reading.cid(op["cid"])) if op["cid"] else None,
                }
                for op in body["ops"]
            ]
            for path, record in seen.records.items():
                assert record["$type"] == path.split("/")[0]
    assert min(actions[action] for action in ("create", "update", "delete")) > 25
    assert len(last) >= 8


def test_every_kind_of_event_occurs(recorded: Any) -> None:
    _, decoded = recorded
    kinds = Counter(kind for _, kind, _ in decoded)
    assert kinds.keys() == {"#commit", "#identity", "#account", "#sync"}
    assert any(kind == "#commit" and not body["ops"] for _, kind, body in decoded)
    assert any(kind == "#commit" and len(body["ops"]) > 3 for _, kind, body in decoded)
    assert {"handle" in body for _, kind, body in decoded if kind == "#identity"} == {True, False}
    statuses = {body.get("status") for _, kind, body in decoded if kind == "#account"}
    assert {None, "deactivated", "deleted"} <= statuses
    collections = {op["path"].split("/")[0] for _, kind, body in decoded if kind == "#commit" for op in body["ops"]}
    assert {"app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.graph.follow"} < collections
    assert {"chat.bsky.actor.declaration", "com.whtwnd.blog.entry"} < collections


def test_a_sync_carries_the_signed_commit_alone(recorded: Any) -> None:
    network, decoded = recorded
    keys = {account.did: account.repo.key.did_key for account in network.accounts}
    for _, kind, body in decoded:
        if kind == "#sync":
            root, blocks = reading.car(body["blocks"])
            assert list(blocks) == [root]
            assert reading.signed_commit(blocks[root], keys[body["did"]])["rev"] == body["rev"]


def test_an_inactive_account_does_not_write(recorded: Any) -> None:
    inactive: set[str] = set()
    deactivations = 0
    for _, kind, body in recorded[1]:
        if kind == "#account":
            deactivations += not body["active"]
            (inactive.discard if body["active"] else inactive.add)(body["did"])
        elif kind == "#commit":
            assert body["repo"] not in inactive
    assert deactivations > 3


def test_the_same_seed_gives_the_same_bytes() -> None:
    def frames(seed: str) -> list[bytes]:
        return [event.frame.stamp(SEQ, TIME) for event in islice(Network(seed=seed, size=5), 100)]

    assert frames("a") == frames("a")
    assert frames("a") != frames("b")


def test_memory_is_limited() -> None:
    network = Network(seed="long", size=2)
    for _ in islice(network, 1_000):
        pass
    assert all(len(account.paths) < 170 for account in network.accounts)


def test_a_write_that_does_not_fit_is_refused() -> None:
    repo = Repo("did:plc:abc", Key.derive(K256, "x"))
    repo.commit([Write("create", "com.example.record/1", {"a": 1})], rev="3a")
    for write in (
        Write("create", "com.example.record/1", {"a": 2}),
        Write("update", "com.example.record/2", {"a": 2}),
        Write("delete", "com.example.record/2"),
    ):
        with pytest.raises(ValueError, match="cannot"):
            repo.commit([write], rev="3b")
    with pytest.raises(ValueError, match="rev 3a"):
        repo.commit([], rev="3a")


def test_tids_are_those_of_the_specification() -> None:
    assert tid.encode(0) == "2222222222222"
    assert tid.encode(FIRST_DAY, 7) < tid.encode(FIRST_DAY + 1, 0)
    assert len(tid.encode(2**53 - 1, 1023)) == 13


def test_a_network_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Network(size=1)


def test_cids_are_read_in_base32_only() -> None:
    with pytest.raises(ValueError, match="base32"):
        Cid.parse("zQmf")
