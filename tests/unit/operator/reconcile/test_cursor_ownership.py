"""Who owns a cursor when all sources use the operator's default Redis, so that no Secret is read."""

from typing import Any, cast

import pytest

from sluice_operator.api.relay import Relay
from sluice_operator.api.source import Source
from sluice_operator.desired.naming import COMPONENT_LABEL, REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_secret import redis_url_hash
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from tests.fakes.served import served_namespaces
from tests.fakes.stepped_clock import SteppedClock

RELAYS = RELAY.resource
NO_CLIENT = cast("KubernetesClient", None)  # any request fails
URL = "redis://redis.data"


def body(name: str, created: int, *, version: int = 1) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "n",
        "uid": f"uid-of-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": f"2026-11-25T00:00:{created:02}Z",
    }
    return {"kind": "Relay", "metadata": metadata, "spec": {"host": "relay.example"}}


def source(name: str, created: int) -> Source:
    return Relay.parse(body(name, created))


def deployment(of: str) -> dict[str, Any]:
    labels, digest = {"sluice.dev/relay": of}, redis_url_hash(URL.encode())
    template = {"labels": {COMPONENT_LABEL: "firehose"}, "annotations": {REDIS_HASH_ANNOTATION: digest}}
    metadata = {"name": f"{of}-firehose", "namespace": "n", "uid": "d", "resourceVersion": "1", "labels": labels}
    return {"metadata": metadata, "spec": {"template": {"metadata": template}}}


def pod(of: str) -> dict[str, Any]:
    labels = {"sluice.dev/relay": of}
    return {"metadata": {"name": f"{of}-1", "namespace": "n", "uid": "p", "resourceVersion": "1", "labels": labels}}


EVERYWHERE = served_namespaces()


def ownership_of(cache: Cache, namespaces: ServedNamespaces = EVERYWHERE) -> CursorOwnership:
    return CursorOwnership(
        client=NO_CLIENT,
        cache=cache,
        kinds=KINDS,
        clock=SteppedClock(),
        namespaces=namespaces,
        default_redis_url=URL,
    )


async def owner(ownership: CursorOwnership, of: Source) -> tuple[str, bool] | None:
    claim = await ownership.find_owner(of, KINDS[type(of).__name__].desired_streams(of)[0])
    return (claim.name, claim.is_terminating) if claim else None


async def test_without_another_source_of_the_host_there_is_no_owner() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, body("a", 1))
    assert await owner(ownership_of(cache), source("a", 1)) is None


async def test_the_older_source_owns_even_if_the_younger_is_not_in_the_cache() -> None:
    """A reconcile may begin before the deletion of its source ends. It must not delete the cursor of the older one."""
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, body("a", 1))
    assert await owner(ownership_of(cache), source("b", 2)) == ("Relay n/a", False)


async def test_a_source_of_another_release_with_its_own_default_redis_is_no_conflict() -> None:
    cache, younger = Cache(KINDS.watched), source("b", 2)
    cache.put(RELAYS, body("a", 1))
    for is_other in (False, True):
        ownership = CursorOwnership(
            client=NO_CLIENT,
            kinds=KINDS,
            clock=SteppedClock(),
            cache=cache,
            namespaces=EVERYWHERE,
            default_redis_url=URL,
            is_of_another_release=lambda _, answer=is_other: answer,
        )
        assert await owner(ownership, younger) == (None if is_other else ("Relay n/a", False))


async def test_a_deleted_source_owns_its_cursor_until_its_pods_have_ended() -> None:
    cache = Cache(KINDS.watched)
    ownership, older, younger = ownership_of(cache), source("a", 1), source("b", 2)
    cache.put(RELAYS, body("a", 1))
    cache.put(RELAYS, body("b", 2))
    cache.put(PODS, pod("a"))
    ownership.record(older, URL.encode())
    cache.remove(RELAYS, body("a", 1, version=2))
    ownership.drop_source("uid-of-a")
    assert await owner(ownership, younger) == ("Relay n/a", True)
    assert await owner(ownership, source("c", 0)) is None  # a younger source does not count
    assert await owner(ownership, source("a", 3)) == ("Relay n/b", False)  # pods of its own former object do not count
    cache.put(
        PODS,
        {**pod("a"), "status": {"phase": "Succeeded"}, "metadata": {**pod("a")["metadata"], "resourceVersion": "2"}},
    )
    assert await owner(ownership, younger) is None


async def test_a_deleted_source_without_pods_owns_nothing() -> None:
    cache = Cache(KINDS.watched)
    ownership = ownership_of(cache)
    ownership.record(source("a", 1), URL.encode())
    ownership.drop_source("uid-of-a")
    assert await owner(ownership, source("b", 2)) is None


@pytest.mark.parametrize("spec", [{"host": "relay.example"}, {"host": "relay.example", "firehose": "invalid"}])
async def test_an_unobserved_source_still_owns_its_cursor(spec: dict[str, Any]) -> None:
    """Its ingester may still run. It may also be deleted without notice, so the claim is marked as unobserved."""
    cache, namespaces = Cache(KINDS.watched), served_namespaces("n")
    ownership, younger = ownership_of(cache, namespaces), source("b", 2)
    cache.put(RELAYS, {**body("a", 1), "spec": spec})
    cache.put(DEPLOYMENTS, deployment("a"))  # it names the Redis of a source with an invalid spec
    for refusals in (dict[str, str](), {"n": "forbidden"}, dict[str, str]()):
        namespaces.record_refusals(refusals)
        claim = await ownership.find_owner(younger, KINDS[type(younger).__name__].desired_streams(younger)[0])
        assert claim is not None
        assert (claim.name, claim.is_unobserved) == ("Relay n/a", bool(refusals))
