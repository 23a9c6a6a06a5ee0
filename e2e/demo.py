"""`make demo`: Sluice on a real cluster, from sources to a consumer of their events.

It sets up a Kubernetes cluster and runs `helm install`. Then it starts two Relays and a consumer that acknowledges
their events. It prints the table, the cursors and the consumer's progress twice. With `--source pds` the events come
from the reference PDS on this machine instead of simulated relays.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from e2e import consumer, deploy, images, manifests
from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster, ensure_cluster
from e2e.pds.client import Client
from e2e.pds.install import InstallError
from e2e.pds.seed import POST, post, seed
from e2e.pds.server import PdsError, ReferencePds
from e2e.steps import Steps
from e2e.tests.control import Control

RELEASE = deploy.DEMO
[NAMESPACE] = RELEASE.watch_namespaces
REGIONS = ("us-east", "us-west")
MESSAGES_PER_SECOND = 100
INTERVAL_SECONDS = 10
TIMEOUT_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the demo shows of a source: its Relays, and the stream that they share."""

    relays: list[manifests.Manifest]
    key_prefix: str
    """Of all their keys in Redis."""
    group: str
    """The name of the consumer and of its group."""
    between: Callable[[], None]
    """Called between the two prints."""
    sent: Callable[[], dict[str, int]] = dict
    """By Relay, how many messages its source has sent. Empty if that is unknown."""

    @property
    def names(self) -> list[str]:
        """Of the Relays."""
        return [relay["metadata"]["name"] for relay in self.relays]

    @property
    def stream(self) -> str:
        """The stream in Redis."""
        return f"{self.key_prefix}firehose_live"

    def cursor_key(self, relay: manifests.Manifest) -> str:
        """The key in Redis that holds the cursor of a Relay."""
        return f"{self.stream}:cursor:{relay['spec']['host'].removeprefix('ws://')}"


def main() -> int:
    """Run the demo, or with `--down` remove all that it and the tests have started. The exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--source", choices=["simulator", "pds"], default="simulator")
    parser.add_argument("--down", action="store_true")
    arguments = parser.parse_args()
    if arguments.down:
        return subprocess.run([sys.executable, "-m", "e2e.cluster", "down"], check=False).returncode
    sources = {"simulator": simulated_relays, "pds": reference_pds}
    try:
        run(sources[arguments.source])
    except (ClusterError, InstallError, PdsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def run(source: Callable[[Cluster], AbstractContextManager[Shown]]) -> None:
    """Show how the events of a source get into Redis."""
    steps = Steps(total=6)
    with steps.step("cluster and images: built, started and loaded side by side"):
        cluster = ensure_cluster(images.ALL)
        images.prune(cluster.layout)
        deploy.apply(cluster, manifests.namespace(NAMESPACE))
    with ExitStack() as stack:
        with steps.step("helm install sluice; at the same time, start the sources"), ThreadPoolExecutor(1) as pool:
            installation = pool.submit(deploy.install, cluster, release=RELEASE)
            shown = stack.enter_context(source(cluster))
            installation.result()
        with steps.step(f"kubectl apply: relays {', '.join(shown.names)}, and a consumer of their stream"):
            deploy.apply(cluster, *shown.relays, *consumer_of(cluster, shown))
        with steps.step("kubectl wait --for=condition=Ready"):
            relays = [f"relay/{name}" for name in shown.names]
            timeout = f"--timeout={TIMEOUT_SECONDS}s"
            cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", timeout, *relays)
        with steps.step("wait until the status shows cursor, lag and rate, and the consumer has read"):
            wait_for_numbers(cluster, shown)
        with steps.step(f"print the state twice, {INTERVAL_SECONDS} s apart"):
            before = print_state(cluster, shown)
            shown.between()
            after = print_state(cluster, shown)
            print_rates(before, after)
    print(f"\nGo on by hand:  export KUBECONFIG={cluster.kubeconfig}")
    print(f"                export PATH={cluster.layout.binaries}:$PATH")
    print(f"                kubectl get relays -n {NAMESPACE} -w")
    print("End it:         make demo-down")


def consumer_of(cluster: Cluster, shown: Shown) -> list[manifests.Manifest]:
    """The consumer of the stream, with the URL of the release's bundled Redis."""
    url = deploy.redis_url(cluster, release=RELEASE)
    return consumer.manifests(name=shown.group, namespace=NAMESPACE, stream=shown.stream, redis_url=url)


@contextmanager
def simulated_relays(cluster: Cluster) -> Iterator[Shown]:
    """Two simulated relays, each with its own sequence."""
    for region in REGIONS:
        # The sequence continues when a simulator restarts, like that of a relay. So stored cursors stay valid.
        args = ["--first-seq", "clock", "--seed", region, "--rate", str(MESSAGES_PER_SECOND)]
        deploy.apply(cluster, *manifests.simulator(name=region, namespace=NAMESPACE, args=args))
    for region in REGIONS:
        cluster.kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{region}", "--timeout=120s")
    print(
        f"      each sends {MESSAGES_PER_SECOND} messages a second; a commit with several operations is several events"
    )

    def sent() -> dict[str, int]:
        controls = {
            f"relay1.{region}": Control(kubectl=cluster.kubectl, service=region, namespace=NAMESPACE)
            for region in REGIONS
        }
        return {name: control.get("status")["repos"]["emitted"] for name, control in controls.items()}

    yield Shown(
        relays=[
            manifests.relay(
                name=f"relay1.{region}",
                namespace=NAMESPACE,
                host=manifests.simulator_address(name=region, namespace=NAMESPACE),
                firehose={"collections": ["*"]},
                retention={"trimConsumed": True},
            )
            for region in REGIONS
        ],
        key_prefix="",
        group="demo",
        between=lambda: time.sleep(INTERVAL_SECONDS),
        sent=sent,
    )


@contextmanager
def reference_pds(cluster: Cluster) -> Iterator[Shown]:
    """The reference PDS on this machine, with some accounts and records, for as long as the demo runs.

    It has its own key prefix in Redis, so that it can run next to the demo of the simulated relays.
    """
    with ReferencePds(host="0.0.0.0") as pds:
        seed(pds.client)
        relay = manifests.relay(
            name="pds",
            namespace=NAMESPACE,
            host=f"ws://{cluster.host_address}:{pds.port}",
            firehose={"collections": ["*"]},
            redis={"keyPrefix": "pds:"},
            retention={"trimConsumed": True},
            # Each run starts a new PDS at another port: the cursor of this one is of no use later.
            deletionPolicy="DeleteCursor",
        )
        try:
            yield Shown(relays=[relay], key_prefix="pds:", group="demo-pds", between=lambda: write_posts(pds.client))
        finally:
            what = "relay/pds", "deployment/demo-pds", "configmap/demo-pds", "secret/demo-pds"
            cluster.kubectl("delete", "-n", NAMESPACE, *what, "--ignore-not-found")
            print("      the PDS ends with the demo, and so do its Relay and its consumer")


def write_posts(client: Client) -> None:
    """Write one post a second through the PDS's API, for as long as the demo waits between its prints."""
    account = client.create_account("carol.test")
    for number in range(INTERVAL_SECONDS):
        client.create_record(account, POST, post(f"post {number}"))
        time.sleep(1)


def wait_for_numbers(cluster: Cluster, shown: Shown) -> None:
    """Wait until the status of each Relay has cursor, lag and rate, and the consumer has read events.

    Ready only means that the source is connected; the numbers come with the events. Raises ClusterError.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        streams = statuses(cluster, shown.names)
        complete = all(one.get("cursor") and one.get("lag") and one.get("eventsPerSecond") for one in streams.values())
        if complete and consumer.group(partial(redis_cli, cluster), stream=shown.stream, name=shown.group).get(
            "entries-read"
        ):
            return
        if time.monotonic() > deadline:
            table = cluster.kubectl("get", "relays", *shown.names, "-n", NAMESPACE, "-o", "wide")
            pods = cluster.kubectl("get", "pods", "-n", NAMESPACE)
            raise ClusterError(f"after {TIMEOUT_SECONDS} s no events have been stored and consumed\n{table}\n{pods}")
        time.sleep(1)


def statuses(cluster: Cluster, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By Relay, `status.firehose`; empty while there is none."""
    found = json.loads(cluster.kubectl("get", "relays", "-n", NAMESPACE, "-o", "json"))["items"]
    bodies = {body["metadata"]["name"]: body for body in found}
    return {name: bodies[name].get("status", {}).get("firehose") or {} for name in names}


def redis_cli(cluster: Cluster, *command: str) -> str:
    """Run redis-cli in the release's bundled Redis; its standard output."""
    return deploy.redis_cli(cluster, *command, release=RELEASE)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How many messages were sent and how many events stored, by Relay, at a time of the monotonic clock."""

    at: float
    sent: dict[str, int]
    stored: dict[str, int]


def print_state(cluster: Cluster, shown: Shown) -> Sample:
    """Print the table of the Relays, the cursors, the consumer group and the stream's length."""
    print()
    print(cluster.kubectl("get", "relays", *shown.names, "-n", NAMESPACE).rstrip())
    for relay in shown.relays:
        key = shown.cursor_key(relay)
        print(f"{key:60} {redis_cli(cluster, 'GET', key).strip()}")
    group = consumer.group(partial(redis_cli, cluster), stream=shown.stream, name=shown.group)
    length = redis_cli(cluster, "XLEN", shown.stream).strip()
    progress = f"{group['entries-read']} read, {group['pending']} not acknowledged, {group['lag']} not read"
    print(f"{f'consumer group {shown.group} of {shown.stream}':60} {progress}")
    print(f"{f'XLEN {shown.stream}':60} {length}  (acknowledged entries are removed)")
    return sample(cluster, shown)


def sample(cluster: Cluster, shown: Shown) -> Sample:
    """Read from the sources how much they have sent, and from Redis how much the ingesters have stored."""
    stored = {
        relay["metadata"]["name"]: int(
            redis_cli(cluster, "HGET", shown.cursor_key(relay).replace(":cursor:", ":health:"), "events") or 0
        )
        for relay in shown.relays
    }
    return Sample(at=time.monotonic(), sent=shown.sent(), stored=stored)


def print_rates(before: Sample, after: Sample) -> None:
    """Print the rates of the sources and of the ingesters, and why the table shows another one."""
    seconds = after.at - before.at
    print()
    for name, sent in after.sent.items():
        messages = (sent - before.sent[name]) / seconds
        events = (after.stored[name] - before.stored[name]) / seconds
        print(f"{name}: {messages:.0f} messages a second were sent, {events:.0f} events a second stored")
    if after.sent:
        print("(each operation of a commit is an event; RATE is the mean of a minute, backlog included)")


if __name__ == "__main__":
    sys.exit(main())
