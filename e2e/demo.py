"""`make demo`: the product's main job, for real.

A Kubernetes cluster, `helm install`, two Relays, events in Redis; then the table, the cursors and
the stream's length twice, so that one sees them grow. With `--source pds` the events come from the
reference PDS on this machine in the simulators' stead.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from e2e import deploy, manifests
from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster, ensure_cluster
from e2e.pds.client import Client
from e2e.pds.install import InstallError
from e2e.pds.seed import POST, post, seed
from e2e.pds.server import PdsError, ReferencePds
from e2e.steps import Steps

NAMESPACE = "demo"
REGIONS = ("us-east", "us-west")
BETWEEN_LOOKS_SECONDS = 35
"""The numbers of a status are written every 30 s."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a source has the demo show: Relays, and what to do between the two looks."""

    relays: list[manifests.Manifest]
    between: Callable[[], None]


def main() -> int:
    """Run the demo, or with `--down` remove all that it and the tests have started."""
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
    """Show a source on its way into Redis."""
    steps = Steps(total=7)
    with steps.step("cluster: tools, control plane, a node"):
        cluster = ensure_cluster()
    with steps.step("images: sluice, the simulated relay, redis"):
        deploy.load_images(cluster)
    with steps.step("helm install sluice"):
        deploy.install(cluster)
        deploy.apply(cluster, manifests.namespace(NAMESPACE))
    with ExitStack() as stack:
        with steps.step("start what plays the relays"):
            shown = stack.enter_context(source(cluster))
        names = [relay["metadata"]["name"] for relay in shown.relays]
        with steps.step(f"kubectl apply: relays {', '.join(names)}"):
            deploy.apply(cluster, *shown.relays)
        with steps.step("kubectl wait --for=condition=Ready"):
            relays = [f"relay/{name}" for name in names]
            cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=180s", *relays)
        with steps.step(f"look, and again {BETWEEN_LOOKS_SECONDS} s later, when the numbers have been written anew"):
            look(cluster)
            shown.between()
            look(cluster)
    print(f"\nGo on by hand:  export KUBECONFIG={cluster.kubeconfig}")
    print(f"                export PATH={cluster.layout.binaries}:$PATH")
    print(f"                kubectl get relays -n {NAMESPACE} -w")
    print("End it:         make demo-down")


@contextmanager
def simulated_relays(cluster: Cluster) -> Iterator[Shown]:
    """Two relays played by the simulator, each with its own sequence."""
    # Of an earlier demo: nobody reads it, so it may be full.
    deploy.redis_cli(cluster, "DEL", "firehose_live")
    for region in REGIONS:
        # A sequence that goes on when a simulator starts anew, as a relay's does: the cursors stay good.
        args = ["--first-seq", "clock", "--seed", region, "--rate", "100"]
        deploy.apply(cluster, *manifests.simulator(name=region, namespace=NAMESPACE, args=args))
    for region in REGIONS:
        cluster.kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{region}", "--timeout=120s")
    yield Shown(
        relays=[
            manifests.relay(
                name=f"relay1.{region}",
                namespace=NAMESPACE,
                host=manifests.simulator_address(name=region, namespace=NAMESPACE),
                # Nobody reads the demo's stream: room for half an hour of events.
                backpressure={"highWaterMark": 400_000},
            )
            for region in REGIONS
        ],
        between=lambda: time.sleep(BETWEEN_LOOKS_SECONDS),
    )


@contextmanager
def reference_pds(cluster: Cluster) -> Iterator[Shown]:
    """The reference PDS on this machine, with some accounts and records, for as long as the demo runs."""
    with ReferencePds(host="0.0.0.0") as pds:
        seed(pds.client)
        host = f"ws://{cluster.host_address}:{pds.port}"
        relay = manifests.relay(name="pds", namespace=NAMESPACE, host=host, firehose={"collections": ["*"]})
        yield Shown(relays=[relay], between=lambda: write_posts(pds.client))
        cluster.kubectl("delete", "relay", "-n", NAMESPACE, "pds")
        print("      the PDS ends with the demo, and so does its Relay")


def write_posts(client: Client) -> None:
    """A post a second, through the API."""
    account = client.create_account("carol.test")
    for number in range(BETWEEN_LOOKS_SECONDS):
        client.create_record(account, POST, post(f"post {number}"))
        time.sleep(1)


def look(cluster: Cluster) -> None:
    """Print what a user would look at: the table, the cursors, the stream's length."""
    print()
    print(cluster.kubectl("get", "relays", "-n", NAMESPACE).rstrip())
    for key in sorted(deploy.redis_cli(cluster, "--scan", "--pattern", "firehose_live:cursor:*").split()):
        print(f"{key:60} {deploy.redis_cli(cluster, 'GET', key).strip()}")
    print(f"{'XLEN firehose_live':60} {deploy.redis_cli(cluster, 'XLEN', 'firehose_live').strip()}")


if __name__ == "__main__":
    sys.exit(main())
