"""The sources of a pool, as the cache has them."""

from typing import Any

from sluice_operator.desired.pools import PoolKey
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.reconcile.pool_members import PoolMembers

POOL = PoolKey("n", "quiet")


def relay(name: str, *, version: int, generation: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "n",
        "name": name,
        "uid": f"uid-of-{name}",
        "resourceVersion": str(version),
        "generation": generation,
        "creationTimestamp": "2026-11-24T12:00:00Z",
    }
    spec = {"host": f"{name}.example", "pooling": {"mode": "Shared", "pool": POOL.name}}
    return {"apiVersion": RELAY.resource.api_version, "kind": "Relay", "metadata": metadata, "spec": spec, **more}


def names(members: PoolMembers) -> list[str]:
    return [source.metadata.name for source in members.of(POOL).assigned.get(0, ())]


def test_a_status_does_not_cause_another_look_at_all_sources_of_the_pool() -> None:
    cache = Cache(KINDS.watched)
    members = PoolMembers(cache=cache, kinds=KINDS)
    cache.put(RELAY.resource, relay("a", version=1))
    before = members.of(POOL)
    cache.put(RELAY.resource, relay("a", version=2, status={"pool": {"name": "quiet", "deployment": "pool-quiet-0"}}))
    assert members.of(POOL) is before


def test_sources_come_leave_and_go() -> None:
    cache = Cache(KINDS.watched)
    members = PoolMembers(cache=cache, kinds=KINDS)
    assert members.of(POOL).oldest is None
    for number, name in enumerate("abc", 1):
        cache.put(RELAY.resource, relay(name, version=number))
    assert names(members) == ["a", "b", "c"]
    cache.put(RELAY.resource, relay("b", version=4, generation=2, spec={"host": "b.example"}))
    assert names(members) == ["a", "c"]
    cache.remove(RELAY.resource, relay("a", version=5))
    assert names(members) == ["c"]
    cache.replace(RELAY.resource, [], resource_version="6")
    assert names(members) == []
