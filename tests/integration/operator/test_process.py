"""The operator as a process: restarts, kills, downtime, a silent watch, restriction to one namespace."""

import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes import resync as resync_module
from sluice_operator.kubernetes import watch_freshness as sight_module
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.connection import connect
from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import StaleWatchError, WatchFreshness
from sluice_redis.contract import SourceState
from tests.fakes.served import served_namespaces
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ROOT, ApiServerError, ControlPlane
from tests.integration.operator.rights import grant, rules
from tests.integration.operator.situation import ERROR, NAME, Situation, eventually

LISTED_KINDS = ("Relay", "Deployment", "ReplicaSet", "Pod", "Secret", "Event")


def versions(place: Situation) -> dict[str, str]:
    return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in place.all(*LISTED_KINDS)}


def test_a_restart_writes_nothing(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    operator = start(SLUICE_STATUS_INTERVAL_SECONDS="600")
    place.apply_relay()
    pod = place.stream()
    place.wait_events("Created", "Connected", "Ready")
    began = time.monotonic()
    assert operator.stop() == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in operator.log
    before = versions(place)
    place.store(7_000_000_000)
    place.report(SourceState.STREAMING, pod=pod)
    operator = start(SLUICE_STATUS_INTERVAL_SECONDS="600")
    place.wait_reconciled()
    assert versions(place) == before
    assert "Updated" not in operator.log


def test_the_operator_is_killed_while_it_creates_children(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    for round_ in range(3):
        operator = start()
        place.apply_relay(batch={"size": 100 + round_})
        time.sleep(0.02 * round_)
        operator.stop(signal.SIGKILL)
    start()
    place.stream()
    assert place.status()["restarts"]["count"] == 0
    env = place.deployment()["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "INGESTER_BATCH_SIZE", "value": "102"} in env


def test_changes_during_downtime_are_corrected_and_counted(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    operator = start()
    place.apply_relay()
    place.stream()
    operator.stop(signal.SIGKILL)

    place.run_pod(restarts=2, last=ERROR)
    place.delete("Secret", "sluice-redis-url")
    place.patch("Deployment", f"{NAME}-firehose", {"spec": {"replicas": 2}})
    start()
    eventually(lambda: place.status()["restarts"]["count"] == 2)
    eventually(lambda: place.get("Secret", "sluice-redis-url"))
    eventually(lambda: place.deployment()["spec"]["replicas"] == 1)
    place.wait_events("Restarted")
    assert place.event_messages("Restarted") == ["The ingester was restarted: Error, exit code 1"]


def test_pods_that_are_replaced_during_downtime_are_counted(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    operator = start()
    place.apply_relay()
    pod = place.stream()
    operator.stop(signal.SIGKILL)
    place.delete("Pod", pod["metadata"]["name"])
    eventually(lambda: place.pod()["metadata"]["uid"] != pod["metadata"]["uid"])
    start()
    eventually(lambda: place.status()["restarts"]["count"] == 1)
    place.wait_reconciled()
    assert place.status()["restarts"]["count"] == 1


def test_one_namespace_needs_rights_in_no_other(
    control_plane: ControlPlane, place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    grant(control_plane, place.namespace, rules(), "namespaced")
    other = Situation(control_plane, f"test-{secrets.token_hex(3)}", place.sink)
    try:
        other.apply_relay()
        operator = start(KUBECONFIG=str(control_plane.kubeconfig("namespaced")))
        place.apply_relay()
        place.stream()
        place.delete("Deployment", f"{NAME}-firehose")
        eventually(lambda: place.deployment()["metadata"]["uid"])
        with pytest.raises(ApiServerError, match="not found"):
            other.deployment()
        assert other.status()["observedGeneration"] == -1
        assert "cannot" not in operator.log
    finally:
        other.remove()


async def test_a_silent_watch_is_detected(
    control_plane: ControlPlane, place: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (resync_module, sight_module):
        monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig(OPERATOR)))
    added: list[SourceKey] = []
    async with connect() as (kube, _):
        resync = Resync(
            kinds=KINDS.watched,
            client=kube,
            cache=Cache(KINDS.watched),
            freshness=WatchFreshness(),
            add=added.append,
            namespaces=served_namespaces(place.namespace),
            interval_seconds=0.1,
        )
        await resync.list_first()
        assert resync.synced
        assert added == []
        place.apply_relay()
        with pytest.raises(StaleWatchError, match=f"relays has missed a change of {place.namespace}/{NAME}"):
            await resync.run()


def test_a_port_in_use_ends_the_process(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    first = start()
    with pytest.raises(RuntimeError, match="address already in use"):
        start(SLUICE_PORT=str(first.port))


def test_the_operator_waits_for_its_crd(control_plane: ControlPlane, place: Situation, tmp_path: Path) -> None:
    """This is the last test, since deleting the CRD deletes every Relay."""
    url = f"redis://:s3cret@127.0.0.1:{place.sink.port}/0"
    operator = OperatorProcess(
        control_plane,
        tmp_path / "log",
        SLUICE_WATCH_NAMESPACES=place.namespace,
        SLUICE_DEFAULT_REDIS_URL=url,
        SLUICE_RESYNC_INTERVAL_SECONDS="5",
    )
    operator.start()
    try:
        control_plane.kubectl("delete", "crd", "relays.sluice.dev", "--timeout=60s")
        eventually(lambda: "There is no CRD for relays" in operator.get("readyz")[1])
        operator.stop()
        operator.start()
        # The other kind is still served, see test_kinds.
        eventually(lambda: "There is no CRD for relays" in operator.get("readyz")[1])
        assert operator.get("livez")[0] == 200
        assert "There is no CRD for relays" in operator.log
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        eventually(lambda: operator.get("readyz") == (200, "ready\n"))
        place.apply_relay()
        place.stream()
    finally:
        if operator.returncode is None:
            operator.stop()
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
