"""Cursor resets by spec.cursor, and sources that wait for the owner of their cursor."""

from typing import Any

import pytest

from sluice_operator.kubernetes.api_resource import SECRETS
from tests.unit.operator.reconcile.harness import KEYS, Situation


@pytest.fixture
async def situation() -> Situation:
    situation = Situation()
    situation.apply(created=1)
    await situation.reconcile()
    situation.run_pod()
    situation.report()
    situation.sink.set(KEYS.cursor, "7")
    return situation


def reset(position: str | int, nonce: str) -> dict[str, object]:
    return {"position": position, "nonce": nonce}


async def test_a_reset_is_done_once_for_each_nonce(situation: Situation) -> None:
    for nonce, expected in (("one", "3"), ("one", "9"), ("two", "3")):
        situation.apply(created=1, cursor=reset(3, nonce))
        await situation.reconcile()
        assert situation.sink.get(KEYS.cursor) == expected
        assert situation.status()["cursorReset"]["nonce"] == nonce
        situation.sink.set(KEYS.cursor, "9")
    assert len(situation.events("CursorReset")) == 2


async def test_a_reset_recorded_in_the_status_is_not_repeated(situation: Situation) -> None:
    situation.apply(created=1, cursor=reset(3, "one"))
    await situation.reconcile()
    situation.redis.servers.clear()  # Redis has lost its data
    situation.sink.set(KEYS.cursor, "9")
    situation.start_operator()
    await situation.reconcile()
    assert situation.sink.get(KEYS.cursor) == "9"


async def test_a_problem_is_reported_rarely(situation: Situation) -> None:
    situation.apply(created=1, cursor=reset(3, "one"))
    situation.sink.write_problem = "READONLY You can't write against a read only replica."
    for _ in range(5):
        situation.clock.advance(3)
        await situation.reconcile()
    assert situation.event_counts("CursorResetFailed") == [1]
    situation.sink.write_problem = ""
    await situation.reconcile()
    assert situation.sink.get(KEYS.cursor) == "3"


async def test_the_younger_of_two_sources_waits_without_a_pod(situation: Situation) -> None:
    situation.apply("b", created=2)
    await situation.reconcile("b")
    assert situation.condition("Stalled", "b") == ("True", "DuplicateSource")
    assert situation.deployment("b")["spec"]["replicas"] == 0
    await situation.reconcile("a")
    assert situation.deployment("a")["spec"]["replicas"] == 1


async def test_the_younger_takes_over_when_the_pods_of_the_older_have_ended(situation: Situation) -> None:
    await situation.reconcile("a")
    situation.apply("b", created=2)
    await situation.reconcile("b")
    situation.delete("a")
    await situation.reconcile("a")
    situation.collect_garbage()
    await situation.reconcile("b")
    assert situation.deployment("b")["spec"]["replicas"] == 0, "the pod of the older still runs"
    situation.end_pod("a")
    await situation.reconcile("b")
    assert situation.deployment("b")["spec"]["replicas"] == 1


async def test_the_wait_for_pods_of_a_lost_node_is_limited(situation: Situation) -> None:
    await situation.reconcile("a")
    situation.apply("b", created=2)
    situation.delete("a")
    await situation.reconcile("a")
    situation.collect_garbage()
    await situation.reconcile("b")
    assert situation.deployment("b")["spec"]["replicas"] == 0
    situation.clock.advance(61)
    await situation.reconcile("b")
    assert situation.deployment("b")["spec"]["replicas"] == 1


async def test_sources_with_different_redis_do_not_conflict(situation: Situation) -> None:
    def add(secret: dict[str, Any]) -> None:
        secret["data"] = {"url": "cmVkaXM6Ly9vdGhlci5kYXRh"}  # redis://other.data

    situation.server.edit(SECRETS, "events", "other", add)
    situation.apply("b", created=2, redis={"secretRef": {"name": "other"}})
    await situation.reconcile("b")
    assert situation.deployment("b")["spec"]["replicas"] == 1
