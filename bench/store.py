"""What the operator's store of watched objects costs, as the number of resources grows.

    uv run python -m bench.store
    uv run python -m bench.store --sources 1000 10000

Each resource is a Relay of a host of its own, with the Deployments of its firehose and its backfill and a pod of each.
A look asks for children three times, with a backfill five times; news of a Deployment or a pod ask for the owner, once
or twice; all else is done for each piece of news, or for each list. Times are CPU time of this process, the best of
several rounds: on a busy machine read how they grow, not the figures.
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
_ASKED: Final = 200


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
    store = Cache(KINDS.watched)
    store.replace(RELAYS, relays, resource_version="1")
    store.replace(DEPLOYMENTS, [_child(relay, one) for relay in relays for one in _COMPONENTS], resource_version="1")
    store.replace(PODS, pods, resource_version="1")

    asked = random.Random(1)
    keys = [object_key(relay) for relay in asked.choices(store.all(RELAYS), k=_ASKED)]
    hosts = [relay["spec"]["host"] for relay in asked.choices(relays, k=_ASKED)]
    news, of_sources = asked.choices(pods, k=_ASKED), asked.choices(relays, k=_ASKED)
    assert all(len(store.children(PODS, key)) == len(_COMPONENTS) for key in keys)
    assert all(store.owner_of(pod) for pod in news)
    assert all(len(store.sources_by(redis_host_of, host)) == 1 for host in hosts)

    def move(relay: Manifest) -> None:
        host = str(asked.random())
        store.put(RELAYS, {**relay, "spec": {"host": host}})
        assert store.sources_by(redis_host_of, host)

    def replace(listed: list[Manifest]) -> None:
        store.replace(PODS, listed, resource_version="1")

    print(f"{number} resources, {len(pods)} Deployments and as many pods")
    for name, calls in (
        ("children", _each(lambda key: store.children(PODS, key), keys)),
        ("owner", _each(store.owner_of, news)),
        ("sources_at", _each(partial(store.sources_by, redis_host_of), hosts)),
        ("put of a pod", _each(lambda pod: store.put(PODS, pod), news)),
        ("put of a source", _each(lambda relay: store.put(RELAYS, relay), of_sources)),
        ("put of another host", _each(move, of_sources)),
        ("replace of all pods", _each(replace, [pods])),
    ):
        print(f"  {name:<20} {min(calls() for _ in range(rounds)):10.2f} us a call")


def _each(do: Callable[[Any], object], given: Sequence[Any]) -> Callable[[], float]:
    """What does it with all that is given, and says how many microseconds that took for each."""

    def calls() -> float:
        began = time.process_time()
        for one in given:
            do(one)
        return 1e6 * (time.process_time() - began) / len(given)

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
