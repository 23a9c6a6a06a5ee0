"""Errors of the API server under load or during an upgrade: the operator reaches the wanted state without a restart.

A proxy between the operator and the real API server injects the faults. There is no resync meanwhile.
"""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes import client as kube_module
from sluice_operator.kubernetes.connection import connect
from sluice_redis.contract import SourceState
from tests.integration.operator.conftest import OperatorProcess, operator_behind_proxy
from tests.integration.operator.control_plane import OPERATOR, ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import Fault, delay_request, drop_connection, lose_answer, refuse
from tests.integration.operator.situation import Situation, eventually
from tests.integration.redis_server import RedisServer

RELAYS = RELAY.resource

READS = {"list", "watch"}


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, proxy: FaultyProxy, sink: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    with operator_behind_proxy(control_plane, proxy, sink, tmp_path_factory) as process:
        yield process


def event_counts(situation: Situation) -> Counter[str]:
    """(reason of an Event) -> how often it was recorded."""
    events = situation.all("Event", query=f"?fieldSelector=involvedObject.kind={situation.kind}")
    return Counter({event["reason"]: 0 for event in events}) + Counter(
        reason for event in events for reason in [event["reason"]] * event["count"]
    )


@pytest.mark.parametrize("code", [409, 503])
def test_writes_of_children_and_status_are_refused_for_a_moment(
    situation: Situation, proxy: FaultyProxy, code: int
) -> None:
    place = situation.namespace
    with (
        proxy.inject(refuse(code), "patch", "secrets", namespace=place, times=2),
        proxy.inject(refuse(code), "patch", "deployments", namespace=place, times=3),
        proxy.inject(refuse(code), "patch", "relays/status", namespace=place, times=2) as last,
    ):
        situation.apply_relay()
        situation.stream()
        assert last.remaining == 0
    assert situation.status()["restarts"]["count"] == 0
    assert {
        reason: count for reason, count in event_counts(situation).items() if count > 1 and reason != "Created"
    } == {}
    assert event_counts(situation)["Created"] == 2  # a Secret and a Deployment


def test_a_lost_answer_creates_nothing_twice(situation: Situation, proxy: FaultyProxy) -> None:
    place = situation.namespace
    with (
        proxy.inject(lose_answer, "patch", "deployments", namespace=place, times=1),
        proxy.inject(lose_answer, "patch", "relays/status", namespace=place, times=1),
        proxy.inject(drop_connection, "get", "secrets", namespace=place, times=2),
    ):
        situation.apply_relay()
        situation.stream()
    assert len(situation.all("Deployment")) == 1
    assert [reason for reason, count in event_counts(situation).items() if count > 1 and reason != "Created"] == []


def test_the_event_of_a_status_is_recorded_although_the_answer_to_its_write_is_lost(
    situation: Situation, proxy: FaultyProxy
) -> None:
    situation.apply_relay()
    pod = situation.stream()
    # The first write may be for numbers.
    with proxy.inject(lose_answer, "patch", "relays/status", namespace=situation.namespace, times=3) as rule:
        situation.report(SourceState.WAITING, "ConnectionLost", "cut", pod=pod)
        situation.wait_condition("Connected", "False", "ConnectionLost")
        assert rule.remaining < 3
    situation.wait_events("Disconnected")
    assert event_counts(situation)["Disconnected"] == 1


def test_retry_after_is_respected(situation: Situation, proxy: FaultyProxy) -> None:
    situation.apply_relay()
    pod = situation.stream()
    began = len(proxy.requests)
    with proxy.inject(refuse(429, retry_after=3), "patch", namespace=situation.namespace, times=1) as rule:
        situation.apply_relay(batch={"size": 123})
        eventually(lambda: rule.remaining == 0)
        situation.apply_relay(batch={"size": 124})
        situation.pod()
    after = [request for request in proxy.requests[began:] if request.verb not in READS]
    assert max(later.at - earlier.at for earlier, later in pairwise(after)) >= 3
    env = situation.deployment()["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "INGESTER_BATCH_SIZE", "value": "124"} in env
    assert situation.pod()["metadata"]["uid"] != pod["metadata"]["uid"]


def test_an_event_is_retried_after_429(situation: Situation, proxy: FaultyProxy) -> None:
    with proxy.inject(refuse(429, retry_after=1), "create", "events", namespace=situation.namespace, times=1) as rule:
        situation.apply_relay()
        situation.stream()
        assert rule.remaining == 0
    assert event_counts(situation)["Created"] == 2


@pytest.mark.parametrize("fault", [lose_answer, drop_connection])
def test_an_event_whose_answer_is_lost_is_recorded_once(situation: Situation, proxy: FaultyProxy, fault: Fault) -> None:
    with proxy.inject(fault, "create", "events", namespace=situation.namespace, times=1) as rule:
        situation.apply_relay()
        situation.stream()
        assert rule.remaining == 0
    assert event_counts(situation)["Created"] == 2


def test_a_slow_server_does_not_end_the_operator(
    situation: Situation, proxy: FaultyProxy, operator: OperatorProcess
) -> None:
    with proxy.inject(delay_request(0.7), namespace=situation.namespace):
        situation.apply_relay()
        eventually(situation.deployment)
        eventually(lambda: situation.status()["observedGeneration"] == 1)
    situation.stream()
    assert operator.get("livez") == (200, "alive\n")


def test_a_broken_watch_starts_again(situation: Situation, proxy: FaultyProxy) -> None:
    situation.apply_relay()
    situation.stream()
    for _ in range(3):
        proxy.cut_watches()
        situation.patch("Deployment", situation.child, {"spec": {"replicas": 2}})
        eventually(lambda: situation.deployment()["spec"]["replicas"] == 1)
        eventually(lambda: proxy.watches("relays"))


@pytest.mark.parametrize("code", [429, 500, 401])
def test_a_refused_watch_is_retried(
    situation: Situation, proxy: FaultyProxy, operator: OperatorProcess, code: int
) -> None:
    situation.apply_relay()
    situation.stream()
    with proxy.inject(refuse(code), "watch", "relays", times=1 if code == 401 else 2) as rule:
        proxy.cut_watches("relays")
        eventually(lambda: rule.remaining == 0)
        situation.apply_relay(suspend=True)
        situation.wait_condition("Ready", "True", "Suspended")
    assert operator.returncode is None


def test_a_deletion_before_a_new_list_is_found(situation: Situation, proxy: FaultyProxy) -> None:
    """A list has no deletions. Still the Deployment is restored long before the next resync."""
    situation.apply_relay()
    situation.stream()
    proxy.silence_running("deployments")
    uid = situation.deployment()["metadata"]["uid"]
    situation.delete("Deployment", situation.child)
    time.sleep(1)
    proxy.expire_watches("deployments")
    eventually(lambda: situation.deployment()["metadata"]["uid"] != uid)
    situation.stream()


def test_each_watch_continues_after_an_expired_resource_version(situation: Situation, proxy: FaultyProxy) -> None:
    situation.apply_relay()
    pod = situation.stream()
    for kind in ("relays", "deployments", "pods"):
        proxy.expire_watches(kind)
    situation.run_pod(restarts=1)
    eventually(lambda: situation.status()["restarts"]["count"] == 1)
    situation.report(SourceState.STREAMING, pod=pod)
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")


async def test_a_list_whose_next_page_has_expired_starts_again(
    situation: Situation, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_module, "PAGE_SIZE", 1)
    monkeypatch.setenv("KUBECONFIG", proxy.kubeconfig(OPERATOR))
    for name in ("a", "b", "c"):
        situation.control_plane.apply(
            {
                "apiVersion": RELAYS.api_version,
                "kind": RELAYS.kind,
                "metadata": {"name": name, "namespace": situation.namespace},
                "spec": {"host": f"ws://{name}.{situation.host}", "suspend": True},
            }
        )
    with proxy.inject(refuse(410), "page", "relays", times=1) as rule:
        async with connect() as (kube, _):
            found = await kube.list(RELAYS, situation.namespace)
        assert rule.remaining == 0
    assert [item["metadata"]["name"] for item in found.items] == ["a", "b", "c"]
