"""Measures the operator's cache of watched objects with a growing number of resources.

    uv run python -m bench.cache
    uv run python -m bench.cache --sources 1000 10000

Each resource is a Relay with its own host, Deployments for its firehose and its backfill, and a pod of each. The
operator calls these functions so often:

- `children`: three times a reconciliation, with a backfill five times
- `owner`: once or twice for each watch event of a Deployment or a pod
- the others: once for each watch event, or for each list

Times are CPU time of this process, the best of several rounds. On a busy machine read how they grow, not the figures.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from sluice_operator.desired.component import Component
from sluice_operator.desired.naming import child_name, owned_labels
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.desired.relay_streams import BACKFILL, FIREHOSE
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.source_key import object_key

RELAYS = RELAY.resource

_COMPONENTS: Final = (FIREHOSE, BACKFILL)
_CALLS: Final = 200


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sources", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts")
    options = parser.parse_args()
    for number in options.sources:
        _measure(number, options.rounds)


def _measure(number: int, rounds: int) -> None:
    relays = [_relay(index) for index in range(number)]
    pods = [_child(relay, component, "-7d9f-x2x") for relay in relays for component in _COMPONENTS]
    cache = Cache(KINDS.watched)
    cache.replace(RELAYS, relays, resource_version="1")
    cache.replace(DEPLOYMENTS, [_child(relay, one) for relay in relays for one in _COMPONENTS], resource_version="1")
    cache.replace(PODS, pods, resource_version="1")

    chance = random.Random(1)
    keys = [object_key(relay) for relay in chance.choices(cache.all(RELAYS), k=_CALLS)]
    hosts = [relay["spec"]["host"] for relay in chance.choices(relays, k=_CALLS)]
    changed_pods, changed_relays = chance.choices(pods, k=_CALLS), chance.choices(relays, k=_CALLS)
    assert all(len(cache.children(PODS, key)) == len(_COMPONENTS) for key in keys)
    assert all(cache.owners_of(pod) for pod in changed_pods)
    assert all(len(cache.sources_by(redis_host_of, host)) == 1 for host in hosts)

    def move(relay: Manifest) -> None:
        host = str(chance.random())
        cache.put(RELAYS, {**relay, "spec": {"host": host}})
        assert cache.sources_by(redis_host_of, host)

    def replace(listed: list[Manifest]) -> None:
        cache.replace(PODS, listed, resource_version="1")

    print(f"{number} resources, {len(pods)} Deployments and as many pods")
    for name, calls in (
        ("children", _each(lambda key: cache.children(PODS, key), keys)),
        ("owner", _each(cache.owners_of, changed_pods)),
        ("sources_by", _each(partial(cache.sources_by, redis_host_of), hosts)),
        ("put of a pod", _each(lambda pod: cache.put(PODS, pod), changed_pods)),
        ("put of a source", _each(lambda relay: cache.put(RELAYS, relay), changed_relays)),
        ("put of another host", _each(move, changed_relays)),
        ("replace of all pods", _each(replace, [pods])),
    ):
        print(f"  {name:<20} {min(calls() for _ in range(rounds)):10.2f} us a call")


def _each(do: Callable[[Any], object], items: Sequence[Any]) -> Callable[[], float]:
    """A function that calls `do` for each item and returns the mean time of a call in microseconds."""

    def calls() -> float:
        began = time.process_time()
        for one in items:
            do(one)
        return 1e6 * (time.process_time() - began) / len(items)

    return calls


def _relay(index: int) -> Manifest:
    metadata = {"namespace": f"team-{index % 10}", "name": f"relay-{index}", "uid": f"r{index}", "resourceVersion": "1"}
    return {"kind": RELAYS.kind, "metadata": metadata, "spec": {"host": f"relay-{index}.example"}}


def _child(relay: Manifest, component: Component, suffix: str = "") -> Manifest:
    namespace, name = relay["metadata"]["namespace"], relay["metadata"]["name"]
    own = child_name(name, component.field) + suffix
    labels = owned_labels(kind=RELAYS.kind, resource=name)
    return {"metadata": {"namespace": namespace, "name": own, "uid": own, "resourceVersion": "1", "labels": labels}}


if __name__ == "__main__":
    main()
