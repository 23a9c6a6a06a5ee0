"""The indexer: a lookup finds the same objects as a scan, at a cost that does not grow with their number."""

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.desired.naming import label_value, source_label
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, ApiResource
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.source_key import SourceKey, object_key
from sluice_redis.hosts import normalize_host

RELAYS = RELAY.resource
LABELERS = LABELER.resource
SOURCES = KINDS.watched.sources
owner_label_of = KINDS.watched.owner_label_of

LONG = "r" * 100
NAMES = ("a", LONG, label_value(LONG))  # the last two share a label
NAMESPACES = ("m", "n")
HOSTS = ("one.example", "wss://One.example:443/", "ws://one.example:80", "two.example", None)
KEYS = [SourceKey(kind, namespace, name) for kind in SOURCES for namespace in NAMESPACES for name in NAMES]
VERSION = st.integers(1, 6).map(str)


def _items(api: ApiResource) -> st.SearchStrategy[dict[str, Any]]:
    labels = st.dictionaries(
        st.sampled_from([*map(source_label, SOURCES), "app"]),
        st.sampled_from([label_value(name) for name in NAMES]),
    )
    metadata: dict[str, Any] = {
        "namespace": st.sampled_from(NAMESPACES),
        "name": st.sampled_from(NAMES),
        "uid": st.sampled_from(["u", "v"]),
        "resourceVersion": VERSION,
    }
    if api in SOURCES.values():
        spec = st.fixed_dictionaries({"host": st.sampled_from(HOSTS)})
        return st.fixed_dictionaries({"metadata": st.fixed_dictionaries(metadata)}, optional={"spec": spec})
    return st.fixed_dictionaries({"metadata": st.fixed_dictionaries(metadata, optional={"labels": labels})})


def _steps(api: ApiResource) -> st.SearchStrategy[Callable[[Cache], object]]:
    items = _items(api)
    lists = st.lists(items, max_size=6)
    return st.one_of(
        items.map(lambda item: lambda cache: cache.put(api, item)),
        items.map(lambda item: lambda cache: cache.remove(api, item)),
        st.tuples(lists, VERSION).map(
            lambda listed: lambda cache: cache.replace(api, listed[0], resource_version=listed[1])
        ),
    )


@given(st.lists(st.one_of(*map(_steps, (RELAYS, LABELERS, DEPLOYMENTS, PODS))), max_size=30))
def test_after_any_events_and_lists_a_lookup_finds_what_a_scan_finds(
    steps: list[Callable[[Cache], object]],
) -> None:
    cache = Cache(KINDS.watched)
    for step in steps:
        step(cache)
    sources = [source for api in SOURCES.values() for source in cache.all(api)]
    for api in (DEPLOYMENTS, PODS):
        for key in KEYS:
            label = (key.kind, key.namespace, label_value(key.name))
            assert _same(cache.children(api, key), [item for item in cache.all(api) if owner_label_of(item) == label])
        for child in cache.all(api):
            owners = [
                key
                for key in map(object_key, sources)
                if owner_label_of(child) == (key.kind, key.namespace, label_value(key.name))
            ]
            assert sorted(map(str, cache.owners_of(child))) == sorted(map(str, owners))
    for host in {normalize_host(str(host)) for host in HOSTS}:
        at_host = [item for item in sources if normalize_host(str(item.get("spec", {}).get("host"))) == host]
        assert _same(cache.sources_by(redis_host_of, host), at_host)


def _same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Whether both contain the same objects, in any order."""
    return sorted(map(id, found)) == sorted(map(id, wanted))


@pytest.mark.parametrize(
    "look_up",
    [
        lambda cache: cache.children(PODS, SourceKey("Relay", "n", "relay-999")),
        lambda cache: cache.owners_of(_pod(999)),
        lambda cache: cache.sources_by(redis_host_of, "relay-999.example"),
        lambda cache: (
            cache.put(RELAYS, _relay(999, host="moved.example")) and cache.sources_by(redis_host_of, "moved.example")
        ),
    ],
    ids=["children", "owner", "sources_by", "sources_by after a change"],
)
def test_a_lookup_among_many_takes_as_many_steps_as_among_few(look_up: Callable[[Cache], object]) -> None:
    assert _steps_of(look_up, _filled(10)) == _steps_of(look_up, _filled(300))


def _filled(number: int) -> Cache:
    cache = Cache(KINDS.watched)
    for index in (*range(number), 999):
        cache.put(RELAYS, _relay(index))
        cache.put(PODS, _pod(index))
    return cache


def _relay(index: int, host: str = "") -> dict[str, Any]:
    name = f"relay-{index}"
    metadata = {"namespace": "n", "name": name, "uid": name, "resourceVersion": "2" if host else "1"}
    return {"metadata": metadata, "spec": {"host": host or f"{name}.example"}}


def _pod(index: int) -> dict[str, Any]:
    labels = {source_label("Relay"): f"relay-{index}"}
    return {
        "metadata": {"namespace": "n", "name": f"pod-{index}", "uid": "p", "resourceVersion": "1", "labels": labels}
    }


def _steps_of(look_up: Callable[[Cache], object], cache: Cache) -> int:
    """How many functions a lookup calls. The lookup must find something.

    The garbage collector is off: it runs at any time, and hypothesis makes it call functions.
    """
    calls = list[str]()
    before = sys.getprofile()
    gc.disable()
    sys.setprofile(lambda _frame, event, _argument: calls.append(event))
    try:
        found = look_up(cache)
    finally:
        sys.setprofile(before)
        gc.enable()
    assert found
    return len(calls)
