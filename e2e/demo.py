"""`make demo`: the product's main job, for real.

A Kubernetes cluster, `helm install`, two Relays, events in Redis; then the table, the cursors and
the stream's length twice, so that one sees them grow. With `--source pds` the events come from the
reference PDS on this machine in the simulators' stead.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from e2e import deploy, manifests
from e2e.cluster.provider import Cluster, ensure_cluster
from e2e.steps import Steps

NAMESPACE = "demo"
REGIONS = {"us-east": manifests.FIRST_SEQ, "us-west": manifests.FIRST_SEQ + 1_000_000_000}
BETWEEN_LOOKS_SECONDS = 8


def main() -> int:
    """Run the demo, or with `--down` remove all that it and the tests have started."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--source", choices=["simulator", "pds"], default="simulator")
    parser.add_argument("--down", action="store_true")
    arguments = parser.parse_args()
    if arguments.down:
        return down()
    sources = {"simulator": simulated_relays, "pds": reference_pds}
    return run(sources[arguments.source])


def run(source: Callable[[Cluster], AbstractContextManager[list[manifests.Manifest]]]) -> int:
    """Show a source on its way into Redis."""
    steps = Steps(total=6)
    with steps.step("cluster: tools, control plane, a node"):
        cluster = ensure_cluster()
    with steps.step("images: sluice, the simulated relay, redis"):
        deploy.load_images(cluster)
    with steps.step("helm install sluice"):
        deploy.install(cluster)
    deploy.apply(cluster, manifests.namespace(NAMESPACE))
    with source(cluster) as relays:
        with steps.step("kubectl apply: " + ", ".join(relay["metadata"]["name"] for relay in relays)):
            deploy.apply(cluster, *relays)
        with steps.step("wait until both are Ready" if len(relays) == 2 else "wait until it is Ready"):
            names = [f"relay/{relay['metadata']['name']}" for relay in relays]
            cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=180s", *names)
        with steps.step(f"look twice, {BETWEEN_LOOKS_SECONDS} s apart"):
            look(cluster)
            time.sleep(BETWEEN_LOOKS_SECONDS)
            look(cluster)
    print(f"\nGo on by hand:  export KUBECONFIG={cluster.kubeconfig}")
    print(f"                kubectl get relays -n {NAMESPACE} -w")
    print("End it:         make demo-down")
    return 0


@contextmanager
def simulated_relays(cluster: Cluster) -> Iterator[list[manifests.Manifest]]:
    """Two relays played by the simulator, each with its own sequence."""
    for region, first_seq in REGIONS.items():
        simulator = manifests.simulator(
            name=region, namespace=NAMESPACE, args=["--first-seq", str(first_seq), "--rate", "200"]
        )
        deploy.apply(cluster, *simulator)
    for region in REGIONS:
        cluster.kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{region}", "--timeout=120s")
    yield [
        manifests.relay(
            name=f"relay1.{region}",
            namespace=NAMESPACE,
            host=manifests.simulator_address(name=region, namespace=NAMESPACE),
        )
        for region in REGIONS
    ]


@contextmanager
def reference_pds(cluster: Cluster) -> Iterator[list[manifests.Manifest]]:
    """The reference PDS on this machine, with some accounts and records, while the demo runs."""
    raise NotImplementedError
    yield []


def look(cluster: Cluster) -> None:
    """Print what a user would look at: the table, the cursors, the stream's length."""
    print()
    print(cluster.kubectl("get", "relays", "-n", NAMESPACE).rstrip())
    print(deploy.redis_cli(cluster, "--scan", "--pattern", "*:cursor:*").rstrip())


def down() -> int:
    """Remove the cluster and all that is in it; the caches stay."""
    raise NotImplementedError


if __name__ == "__main__":
    sys.exit(main())
