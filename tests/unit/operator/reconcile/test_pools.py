"""Sources that share a pod: their Deployment, their source list, and what each of them reports."""

from base64 import b64encode
from typing import Any

import pytest

from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, SECRETS
from tests.unit.operator.reconcile.harness import DEFAULT_URL, NAMESPACE
from tests.unit.operator.reconcile.pool_harness import NAME, POD, Pool


async def test_the_sources_share_a_deployment_that_none_of_them_controls(pool: Pool) -> None:
    deployments = [one["metadata"]["name"] for one in pool.server.all(DEPLOYMENTS)]
    assert deployments == [NAME]
    owners = pool.pool_deployment()["metadata"]["ownerReferences"]
    assert [owner["name"] for owner in owners] == ["a", "b"]
    assert not any(owner.get("controller") for owner in owners)
    for name in ("a", "b"):
        assert pool.status(name)["pool"] == {"name": "quiet", "deployment": NAME}


async def test_an_entry_has_the_variables_of_an_ingester_of_its_own(pool: Pool) -> None:
    pool.create("c", created=3, batch={"size": 7}, firehose={"startFrom": "live"})
    await pool.settle("c")
    entry = pool.entries()["c"]
    assert entry["INGESTER_MODE"] == "firehose"
    assert entry["INGESTER_RELAY_HOSTS"] == "c.example"
    assert (entry["INGESTER_BATCH_SIZE"], entry["INGESTER_START_FROM"]) == ("7", "live")
    assert "REDIS_URL" not in entry


async def test_a_source_that_comes_or_goes_changes_no_pod(pool: Pool) -> None:
    before = pool.pool_deployment()["spec"]["template"]
    pool.create("c", created=3)
    await pool.settle("c", "a", "b")
    assert pool.ready("c") == ("True", "Streaming")
    assert set(pool.entries()) == {"a", "b", "c"}
    pool.delete("b")
    await pool.settle("a", "c", "b")
    assert set(pool.entries()) == {"a", "c"}
    assert pool.pool_deployment()["spec"]["template"] == before
    assert [owner["name"] for owner in pool.pool_deployment()["metadata"]["ownerReferences"]][:1] == ["a"]


async def test_at_rest_nothing_is_requested_or_written(pool: Pool) -> None:
    versions = dict(pool.sink.hashes[pool.list_key])
    for name in ("a", "b"):
        await pool.reconcile(name)
        assert pool.server.requests == []
    assert pool.sink.hashes[pool.list_key] == versions


async def test_a_restarted_operator_writes_nothing_and_keeps_entries_that_it_does_not_know_yet(pool: Pool) -> None:
    before = dict(pool.sink.hashes[pool.list_key])
    pool.start_operator()
    for name in ("b", "a"):
        await pool.reconcile(name)
        assert pool.writes() == []
        assert pool.sink.hashes[pool.list_key] == before


async def test_a_list_that_redis_has_lost_is_written_again(pool: Pool) -> None:
    pool.sink.hashes.clear()
    pool.sink.strings.clear()
    pool.clock.advance(3)
    for name in ("a", "b"):
        await pool.reconcile(name)
    assert set(pool.entries()) == {"a", "b"}


async def test_a_suspended_source_leaves_the_list_and_is_suspended_when_that_is_applied(pool: Pool) -> None:
    pool.apply("b", suspend=True)
    await pool.reconcile("b")
    assert set(pool.entries()) == {"a"}
    assert pool.ready("b") == ("False", "Suspending")
    await pool.settle("b", "a")
    assert pool.ready("b") == ("True", "Suspended")
    assert pool.ready("a") == ("True", "Streaming")
    assert pool.pool_deployment()["spec"]["replicas"] == 1
    pool.apply("b", suspend=False)
    await pool.settle("b")
    assert pool.ready("b") == ("True", "Streaming")
    assert pool.status("b")["restarts"]["count"] == 0


async def test_without_a_running_source_there_is_no_pod(pool: Pool) -> None:
    for name in ("a", "b"):
        pool.apply(name, suspend=True)
    for name in ("a", "b"):
        await pool.reconcile(name)
    assert pool.pool_deployment()["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"image": "other:1"}, "spec.image"),
        ({"podTemplate": {"labels": {"team": "b"}}}, "spec.podTemplate"),
        ({"redis": {"keyPrefix": "b:"}}, "spec.redis"),
        ({"caBundle": {"configMapRef": {"name": "ca"}}}, "spec.caBundle"),
        ({"imagePullPolicy": "Always"}, "spec.imagePullPolicy"),
    ],
)
async def test_a_source_that_differs_from_the_oldest_is_stalled(pool: Pool, spec: dict[str, Any], field: str) -> None:
    pool.create("c", created=3, **spec)
    await pool.settle("c", "a", "b")
    assert pool.condition("Stalled", "c") == ("True", "PoolMismatch")
    (message,) = [one["message"] for one in pool.status("c")["conditions"] if one["type"] == "Stalled"]
    assert message.startswith(f"{field} differs from that of Relay {NAMESPACE}/a")
    assert set(pool.entries()) == {"a", "b"}
    assert pool.ready("a") == ("True", "Streaming")
    for name in spec:
        pool.server.edit(RELAY.resource, NAMESPACE, "c", lambda relay, name=name: relay["spec"].pop(name))
    await pool.settle("c")
    assert pool.ready("c") == ("True", "Streaming")


async def test_restarts_before_a_source_joined_are_not_its_own(pool: Pool) -> None:
    pool.run_pool_pod(restarts=5)
    await pool.settle("a")
    assert pool.status("a")["restarts"]["count"] == 5
    pool.create("c", created=3)
    await pool.settle("c")
    assert pool.status("c")["restarts"]["count"] == 0
    pool.run_pool_pod(restarts=6)
    await pool.settle("a", "c")
    assert [pool.status(name)["restarts"]["count"] for name in ("a", "c")] == [6, 1]


async def test_the_restarts_of_two_streams_in_one_pod_are_counted_once(pool: Pool) -> None:
    pool.create("c", created=3, backfill={"enabled": True})
    await pool.settle("c")
    pool.run_pool_pod(restarts=1)
    await pool.settle("c")
    restarts = pool.status("c")["restarts"]
    assert restarts["count"] == 1
    assert [one["name"] for one in restarts["pods"]] == [POD]


async def test_restarts_before_a_source_joined_are_not_its_own_if_the_operator_restarts(pool: Pool) -> None:
    pool.run_pool_pod(restarts=5)
    await pool.settle("a")
    pool.create("c", created=3)
    await pool.reconcile("c")
    assert pool.status("c")["pool"] == {"name": "quiet", "deployment": NAME}
    assert "c" not in pool.entries(), "the status names the Deployment before it runs the source"
    pool.start_operator()
    await pool.settle("c")
    assert pool.ready("c") == ("True", "Streaming")
    assert pool.status("c")["restarts"]["count"] == 0


async def test_another_key_prefix_is_that_of_the_list_too(pool: Pool) -> None:
    for name in ("a", "b"):
        pool.apply(name, redis={"keyPrefix": "p:"})
    await pool.settle("a", "b")
    assert pool.list_key.startswith("p:sluice_sources:")
    assert set(pool.entries()) == {"a", "b"}


async def test_an_empty_redis_setting_equals_none(pool: Pool) -> None:
    pool.create("c", created=3, redis={"keyPrefix": ""})
    await pool.settle("c")
    assert pool.ready("c") == ("True", "Streaming")


async def test_the_default_secret_stays_while_the_shared_deployment_cannot_be_written(pool: Pool) -> None:
    url = b64encode(DEFAULT_URL.encode()).decode()
    pool.server.edit(SECRETS, NAMESPACE, "mine", lambda one: one.update(data={"url": url}))
    for name in ("a", "b"):
        pool.apply(name, redis={"secretRef": {"name": "mine", "key": "url"}})
    with pool.server.faults.refuse(403, "Forbidden", "a quota", plural="deployments", method="PATCH"):
        for name in ("a", "b", "a"):
            await pool.reconcile(name)
        assert pool.secret() is not None, "the Deployment still references it"
    pool.clock.advance(600)
    for name in ("a", "b", "a", "b"):
        await pool.reconcile(name)
    assert pool.secret() is None


async def test_another_url_is_an_event_of_each_source(pool: Pool) -> None:
    def has_url(url: str) -> None:
        data = {"url": b64encode(url.encode()).decode()}
        pool.server.edit(SECRETS, NAMESPACE, "mine", lambda one: one.update(data=data))

    has_url("redis://one")
    for name in ("a", "b"):
        pool.apply(name, redis={"secretRef": {"name": "mine", "key": "url"}})
    await pool.settle("a", "b")
    has_url("redis://two")
    await pool.settle("a", "b")
    assert len(pool.events("SecretChanged")) == 2
