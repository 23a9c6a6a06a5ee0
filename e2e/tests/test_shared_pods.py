"""300 quiet labelers share three pods: what that costs, and that a source which misbehaves harms no other.

A proof for `make prove`. It prints what it has measured, and needs the machine for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from redis import Redis

from e2e.cluster.provider import Cluster
from e2e.tests.api import Api
from e2e.tests.delays import Delays, wait_labels
from e2e.tests.installation import POOLED, POOLS, Installation, installed, remove_namespace
from e2e.tests.label_consumer import LabelConsumer
from e2e.tests.labelers.labels import name_of
from e2e.tests.labelers.process import running_labelers
from e2e.tests.pod_usage import cpu_percent, read_usage
from e2e.tests.ready_watch import ReadyWatch
from e2e.tests.shared_pods import SharedPods
from e2e.tests.wait import eventually

pytestmark = pytest.mark.prove

LABELERS: Final = 300
PODS: Final = 3
MEGABYTES: Final = 250
CPU_PERCENT: Final = 3.0
REST_SECONDS: Final = 60
LATER_SECONDS: Final = 1.0
"""How much later than before a label may be stored while other sources misbehave."""

SPEAKING_PER_POD: Final = 7
SPOKEN: Final = 30
"""How many labels of each labeler that speaks are measured, before and during."""
FLOOD_SECONDS: Final = 300
"""A flood ends after so long by itself."""

Print = Callable[[str], None]


@pytest.fixture
def figure(capsys: pytest.CaptureFixture[str]) -> Print:
    """Print a line that is shown although the test passes."""

    def show(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    return show


@pytest.fixture(scope="module")
def installation(cluster: Cluster, api: Api, run_directory: Path) -> Iterator[Installation]:
    """A release of its own, whose operator updates the numbers of a status as rarely as by default."""
    remove_namespace(cluster, POOLS.namespace)  # with the volume of an earlier run
    with installed(cluster, api, POOLS, run_directory, statusIntervalSeconds=30) as installation:
        yield installation
    cluster.helm("uninstall", POOLS.name, "--namespace", POOLS.namespace, "--wait")
    for namespace in (POOLED, POOLS.namespace):
        remove_namespace(cluster, namespace, wait=False)


@pytest.fixture(scope="module")
def shared_pods(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPods]:
    """All Labelers, Ready."""
    host = installation.cluster.host_address
    with running_labelers(LABELERS, host=host, directory=tmp_path_factory.mktemp("labelers")) as labelers:
        shared_pods = SharedPods(installation, labelers, namespace=POOLED)
        shared_pods.apply()
        yield shared_pods
        shared_pods.delete()


@pytest.fixture
def redis(installation: Installation) -> Iterator[Redis]:
    """The bundled Redis, from this machine."""
    password = urlsplit(installation.redis_url).password
    with Redis(port=installation.redis_port, password=password, decode_responses=True) as client:
        yield client


def test_at_rest_they_need_three_small_pods(shared_pods: SharedPods, figure: Print) -> None:
    """Each sends a label now and then. Memory and CPU time are those of the kubelet, over a minute."""
    api, operator = shared_pods.installation.api, POOLS.namespace
    pods = [pod["metadata"]["name"] for pod in shared_pods.pods()]
    began = {namespace: read_usage(api, namespace=namespace) for namespace in (POOLED, operator)}
    since = max(usage.at for usage in began[POOLED].values())
    rested = eventually(
        lambda: read_usage(api, namespace=POOLED),
        until=lambda seen: min(usage.at for usage in seen.values()) >= since + REST_SECONDS,
        every=2,
    )
    others = read_usage(api, namespace=operator)
    megabytes = sum(rested[pod].memory for pod in pods) / 1e6
    percent = cpu_percent(began[POOLED], rested, pods)
    figure(f"{LABELERS} labelers at rest: {len(pods)} pods, {megabytes:.1f} MB, {percent:.2f} % of a core")
    for pod in others:
        usage = f"{others[pod].memory / 1e6:.1f} MB, {cpu_percent(began[operator], others, [pod]):.2f} % of a core"
        figure(f"at the same time: {pod}: {usage}")
    assert len(pods) <= PODS
    assert megabytes <= MEGABYTES
    assert percent <= CPU_PERCENT


def test_sources_that_misbehave_harm_no_other(shared_pods: SharedPods, redis: Redis, figure: Print) -> None:
    """One halts, one floods, one sends frames of 5 MB, one refuses connections, and another pod is killed.

    Each label of the others is stored once, at most a second later than before, and their Ready does not change.
    """
    (_, neighbours), (killed_pod, killed), (_, calm) = shared_pods.members().items()
    halted, flooding, large, refusing, *neighbours = neighbours
    speaking = {name for names in (neighbours, killed, calm) for name in names[:SPEAKING_PER_POD]}

    with ReadyWatch(shared_pods.installation.cluster, namespace=POOLED) as watch, LabelConsumer(redis) as consumer:
        begin = time.time()
        shared_pods.tell("speak", *speaking)
        wait_labels(consumer, speaking, since=begin, count=SPOKEN)

        disturbed = time.time()
        shared_pods.tell("flood", flooding, seconds=FLOOD_SECONDS, large=False)
        shared_pods.tell("flood", large, seconds=FLOOD_SECONDS, large=True)
        shared_pods.tell("refuse", refusing)
        redis.set(f"label_live:cursor:{shared_pods.host(halted)}", 2**52)
        shared_pods.tell("cut", halted)
        shared_pods.kill(killed_pod)
        eventually(lambda: shared_pods.is_back(killed_pod), until=bool)
        back = time.time()
        eventually(lambda: watch.ready(halted)[-1], until=("False", "FutureCursor").__eq__)
        eventually(lambda: watch.ready(refusing)[-1], until=("True", "Reconnecting").__eq__)
        eventually(lambda: watch.unsettled(killed, restarts=1), until=lambda names: names == [])
        wait_labels(consumer, speaking, since=back, count=SPOKEN)

        end = time.time()
        flooded = [shared_pods.tell("stop_flood", name) for name in (flooding, large)]
        newest = dict(zip(map(name_of, range(LABELERS)), shared_pods.tell("hush"), strict=True))
        complete = newest.keys() - {halted, refusing}
        eventually(
            lambda: [name for name in complete if consumer.newest(name) < newest[name]], until=lambda names: names == []
        )

    labels = [label for label in consumer.labels() if label.source in speaking and label.sent >= begin]
    before = Delays.of(label for label in labels if label.stored < disturbed)
    during = Delays.of(
        label
        for label in labels
        if label.stored >= disturbed and label.sent < end and (label.source not in killed or label.sent >= back)
    )
    first = min(label.stored for label in labels if label.source in killed and label.stored > disturbed)
    figure(f"before: {before}")
    figure(f"during: {during}")
    figure(f"killed pod: first label after {first - disturbed:.1f} s, ready after {back - disturbed:.1f} s")
    seconds = end - disturbed
    figure(
        f"floods: {newest[flooding] / seconds:,.0f} labels, and {newest[large] / seconds:.1f} frames of 5 MB, a second"
    )

    assert all(flooded), "a flood has ended by itself"
    assert {name: consumer.seqs(name) for name in complete} == {name: [range(1, newest[name] + 1)] for name in complete}
    others = complete.difference(killed)
    assert {name: watch.ready(name) for name in others} == {name: [("True", "Streaming")] for name in others}
    assert watch.restarts == {name: int(name in killed) for name in newest}
    assert during.p99 <= before.p99 + LATER_SECONDS
    assert during.longest <= before.longest + LATER_SECONDS
