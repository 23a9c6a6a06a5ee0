"""Sources that move between pools, or between a pool and a pod of their own."""

import pytest

from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, SECRETS
from sluice_operator.reconcile.pool_members import Members, PoolMembers
from sluice_redis.contract import Stream, StreamKeys, applied_key
from tests.unit.operator.reconcile.harness import NAMESPACE
from tests.unit.operator.reconcile.pool_harness import NAME, POD, SHARED, Pool, pod_of


async def test_a_source_moves_from_its_own_pod_to_the_pool(pool: Pool) -> None:
    pool.apply("c", created=3, host="c.example")
    await pool.reconcile("c")
    pool.run_pod("c")
    await pool.reconcile("c")
    pool.apply("c", **SHARED)
    await pool.reconcile("c")
    assert pool.server.get(DEPLOYMENTS, NAMESPACE, "c-firehose") is None
    assert "c" not in pool.entries(), "its own pod still runs"
    pool.end_pod("c")
    await pool.settle("c")
    assert "c" in pool.entries()
    assert pool.ready("c") == ("True", "Streaming")
    assert pool.status("c")["restarts"]["count"] == 0


async def test_a_source_moves_from_the_pool_to_its_own_pod(pool: Pool) -> None:
    pool.apply("b", pooling={"mode": "Dedicated"})
    await pool.reconcile("b")
    assert pool.deployment("b")["spec"]["replicas"] == 0, "the shared pod still runs it"
    await pool.reconcile("a")
    assert set(pool.entries()) == {"a"}
    await pool.reconcile("b")
    assert pool.deployment("b")["spec"]["replicas"] == 0, "the ingester has not followed yet"
    pool.follow()
    pool.clock.advance(3)
    await pool.reconcile("a")
    await pool.reconcile("b")
    assert pool.deployment("b")["spec"]["replicas"] == 1


async def test_the_last_source_that_moves_away_deletes_the_deployment_and_its_list(pool: Pool) -> None:
    list_key = pool.list_key
    for name in ("a", "b"):
        pool.apply(name, pooling={"mode": "Dedicated"})
    for name in ("a", "b"):
        await pool.reconcile(name)
    pool.collect_garbage()
    assert pool.server.get(DEPLOYMENTS, NAMESPACE, NAME) is None
    pool.server.delete(PODS, NAMESPACE, POD)
    for name in ("a", "b"):
        await pool.reconcile(name)
        assert pool.deployment(name)["spec"]["replicas"] == 1
    assert list_key not in pool.sink.hashes


async def test_a_list_that_redis_refuses_is_reported_and_written_when_it_may_be(pool: Pool) -> None:
    pool.sink.write_problem = "NOPERM No permissions to access a key"
    pool.create("c", created=3)
    await pool.settle("c")
    assert pool.condition("SinkWritable", "c") == ("False", "SinkUnauthorized")
    assert pool.ready("c") == ("False", "SinkUnauthorized")
    messages = [one["message"] for one in pool.status("c")["conditions"] if one["type"] == "SinkWritable"]
    assert "NOPERM" in messages[0]
    pool.sink.write_problem = ""
    await pool.settle("c")
    assert pool.ready("c") == ("True", "Streaming")


async def test_a_foreign_secret_with_the_name_of_the_default_one_is_not_used(pool: Pool) -> None:
    for name in ("a", "b"):
        pool.delete(name)
        await pool.reconcile(name)
    pool.collect_garbage()
    pool.server.edit(SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET, lambda one: one.update(data={"url": "eA=="}))
    pool.start_operator()
    pool.create("c", created=3)
    await pool.reconcile("c")
    assert pool.server.get(DEPLOYMENTS, NAMESPACE, NAME) is None
    assert pool.condition("Stalled", "c") == ("True", "ChildConflict")


async def test_the_cursor_is_deleted_when_the_ingester_has_left_the_source(pool: Pool) -> None:
    keys = StreamKeys(stream=Stream.FIREHOSE, host="b.example")
    pool.apply("b", deletionPolicy="DeleteCursor")
    await pool.reconcile("b")
    pool.delete("b")
    await pool.reconcile("b")
    assert pool.sink.get(keys.cursor) == "7", "the shared pod still runs it"
    await pool.reconcile("a")
    pool.follow()
    pool.clock.advance(3)
    await pool.reconcile("a")
    await pool.reconcile("b")
    assert pool.sink.get(keys.cursor) is None
    assert pool.relay("b") is None


async def test_a_cursor_is_deleted_only_when_the_pod_of_the_new_pool_has_ended(pool: Pool) -> None:
    keys, other = StreamKeys(stream=Stream.FIREHOSE, host="b.example"), "pool-other-0"
    pool.apply("b", deletionPolicy="DeleteCursor", pooling={"mode": "Shared", "pool": "other"})
    for _ in range(4):
        for name in ("b", "a"):
            await pool.reconcile(name)
        pool.follow()
        pool.clock.advance(3)
    pool.run_pool_pod(name=other)
    pool.delete("b")
    await pool.reconcile("b")
    assert pool.sink.get(keys.cursor) == "7"
    pool.server.delete(PODS, NAMESPACE, pod_of(other))
    pool.collect_garbage()
    await pool.reconcile("b")
    assert pool.sink.get(keys.cursor) is None


async def test_the_status_says_which_pod_still_runs_the_source(pool: Pool) -> None:
    pool.apply("b", pooling={"mode": "Dedicated"})
    await pool.reconcile("b")
    (message,) = [one["message"] for one in pool.status("b")["conditions"] if one["type"] == "Ready"]
    assert message.startswith(f"Waiting until pod {POD}, which other resources share, does not run this source")


async def test_a_source_leaves_a_pod_whose_other_sources_do_not_fit_after_a_restart_of_the_operator() -> None:
    pool, second = Pool(), "pool-quiet-1"
    pool.create("a", created=1)
    await pool.reconcile("a")
    for created, name in enumerate(("b", "c"), start=2):
        pool.create(name, created=created)
        status = {"pool": {"name": "quiet", "deployment": second}}
        pool.server.edit(RELAY.resource, NAMESPACE, name, lambda relay, status=status: relay.update(status=status))
        await pool.reconcile(name)
    pool.run_pool_pod(name=second)
    key = next(key for key in pool.sink.hashes if second in key)

    async def settle() -> None:
        for _ in range(3):
            for name in "abc":
                await pool.reconcile(name)
            pool.sink.set(applied_key(key), f"{pool.sink.hashes[key]['version']} {pod_of(second)}")
            pool.clock.advance(3)

    await settle()
    pool.apply("c", created=3, image="x:1")
    await settle()
    pool.start_operator()
    pool.apply("b", created=2, pooling={"mode": "Dedicated"})
    await settle()
    assert pool.deployment("b")["spec"]["replicas"] == 1


async def test_a_source_that_changes_its_pool_during_a_reconcile_gets_no_pod_of_its_own(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.create("c", created=3)
    await pool.list_all()
    nobody = Members(oldest=None, assigned={}, indices={})
    monkeypatch.setattr(PoolMembers, "of", lambda *_: nobody)  # the cache knows the new pool already
    await pool.reconcile_cached("c")
    assert {one["metadata"]["name"] for one in pool.server.all(DEPLOYMENTS)} == {NAME}
