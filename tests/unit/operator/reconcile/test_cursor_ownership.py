"""Who else would write a cursor, where nothing has to be asked for: all write to the operator's default Redis."""

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

NO_KUBE = cast("KubernetesClient", None)  # a request would fail
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


def claims(store: Cache, namespaces: ServedNamespaces = EVERYWHERE) -> CursorOwnership:
    return CursorOwnership(
        client=NO_KUBE,
        cache=store,
        kinds=KINDS,
        clock=SteppedClock(),
        namespaces=namespaces,
        default_redis_url=URL,
    )


async def owner(found: CursorOwnership, of: Source) -> tuple[str, bool] | None:
    claim = await found.find_owner(of, KINDS[type(of).__name__].desired_streams(of)[0])
    return (claim.name, claim.is_terminating) if claim else None


async def test_nobody_else_has_the_host() -> None:
    store = Cache(KINDS.watched)
    store.put(RELAYS, body("a", 1))
    assert await owner(claims(store), source("a", 1)) is None


async def test_the_older_owns_even_if_the_store_has_dropped_the_younger_meanwhile() -> None:
    """As in a look that began before its deletion came to its end: it must not delete the cursor of the older."""
    store = Cache(KINDS.watched)
    store.put(RELAYS, body("a", 1))
    assert await owner(claims(store), source("b", 2)) == ("Relay n/a", False)


async def test_what_another_release_sends_to_its_own_default_redis_is_in_nobodys_way() -> None:
    store, younger = Cache(KINDS.watched), source("b", 2)
    store.put(RELAYS, body("a", 1))
    for is_of_another in (False, True):
        found = CursorOwnership(
            client=NO_KUBE,
            kinds=KINDS,
            clock=SteppedClock(),
            cache=store,
            namespaces=EVERYWHERE,
            default_redis_url=URL,
            is_of_another_release=lambda _, answer=is_of_another: answer,
        )
        assert await owner(found, younger) == (None if is_of_another else ("Relay n/a", False))


async def test_one_that_is_gone_owns_until_its_pods_have_ended() -> None:
    store = Cache(KINDS.watched)
    found, older, younger = claims(store), source("a", 1), source("b", 2)
    store.put(RELAYS, body("a", 1))
    store.put(RELAYS, body("b", 2))
    store.put(PODS, pod("a"))
    found.record(older, URL.encode())
    store.remove(RELAYS, body("a", 1, version=2))
    found.drop_source("uid-of-a")
    assert await owner(found, younger) == ("Relay n/a", True)
    assert await owner(found, source("c", 0)) is None  # what is younger has no say
    assert await owner(found, source("a", 3)) == ("Relay n/b", False)  # made anew: not its own past is in its way
    store.put(
        PODS,
        {**pod("a"), "status": {"phase": "Succeeded"}, "metadata": {**pod("a")["metadata"], "resourceVersion": "2"}},
    )
    assert await owner(found, younger) is None


async def test_one_that_is_gone_and_had_no_pods_is_forgotten_at_once() -> None:
    store = Cache(KINDS.watched)
    found = claims(store)
    found.record(source("a", 1), URL.encode())
    found.drop_source("uid-of-a")
    assert await owner(found, source("b", 2)) is None


@pytest.mark.parametrize("spec", [{"host": "relay.example"}, {"host": "relay.example", "firehose": "unreadable"}])
async def test_one_that_nobody_sees_any_more_owns_and_is_told_as_such(spec: dict[str, Any]) -> None:
    """Its ingester may run on, and it may have been deleted: who waits for it would wait for ever."""
    store, namespaces = Cache(KINDS.watched), served_namespaces("n")
    found, younger = claims(store, namespaces), source("b", 2)
    store.put(RELAYS, {**body("a", 1), "spec": spec})
    store.put(DEPLOYMENTS, deployment("a"))  # which tells the Redis of one that can't be read
    for refusals in (dict[str, str](), {"n": "forbidden"}, dict[str, str]()):
        namespaces.record_refusals(refusals)
        claim = await found.find_owner(younger, KINDS[type(younger).__name__].desired_streams(younger)[0])
        assert claim is not None
        assert (claim.name, claim.is_unobserved) == ("Relay n/a", bool(refusals))
