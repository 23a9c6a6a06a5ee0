"""The API server can't answer for children but for statuses: the operator still writes what it observes."""

from collections.abc import Iterator

import pytest

from sluice_redis.contract import SourceState
from tests.integration.operator.conftest import OperatorProcess, operator_behind_proxy
from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import never_answer, refuse
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.redis_server import RedisServer


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, proxy: FaultyProxy, sink: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    with operator_behind_proxy(control_plane, proxy, sink, tmp_path_factory) as process:
        yield process
    assert "Traceback" not in process.log, process.log


def wait_numbers(situation: Situation, seq: int, pod: object) -> None:
    situation.store(seq)
    situation.report(SourceState.STREAMING, pod=pod)  # type: ignore[arg-type]
    eventually(lambda: situation.status()["firehose"]["cursor"] == str(seq))


@pytest.mark.parametrize("code", [409, 500, 503])
def test_a_new_resource_has_a_status_although_its_children_can_not_be_written(
    situation: Situation, proxy: FaultyProxy, code: int
) -> None:
    with proxy.inject(refuse(code), "patch", "deployments", namespace=situation.namespace):
        situation.apply_relay()
        situation.wait_condition("Reconciling", "True", "ApiServerUnavailable")
        assert situation.condition("ChildrenOutdated") == ("True", "SpecNotApplied")
    situation.stream()
    assert situation.condition("ChildrenOutdated") is None


def test_a_write_without_an_answer_does_not_delay_the_status(situation: Situation, proxy: FaultyProxy) -> None:
    with proxy.inject(never_answer, "patch", "deployments", namespace=situation.namespace):
        situation.apply_relay()
        situation.wait_condition("Reconciling", "True", "ApiServerUnavailable")
    situation.stream()


@pytest.mark.parametrize("resource", ["secrets", "configmaps", "deployments"])
def test_the_numbers_of_a_streaming_relay_change_while_reads_fail(
    situation: Situation, proxy: FaultyProxy, resource: str
) -> None:
    name = {"name": "private-ca", "namespace": situation.namespace}
    situation.control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"ca.crt": ""}})
    situation.apply_relay(caBundle={"configMapRef": {"name": "private-ca"}})
    pod = situation.stream(1000)
    with (
        proxy.inject(refuse(503), "get", resource, namespace=situation.namespace),
        proxy.inject(refuse(503), "patch", resource, namespace=situation.namespace),
    ):
        for seq in (1001, 1002, 1003):
            wait_numbers(situation, seq, pod)
        assert situation.condition("Ready") == ("True", "Streaming")
    wait_numbers(situation, 1004, pod)
    assert situation.condition("Ready") == ("True", "Streaming")


def test_a_finalizer_that_can_not_be_written_delays_the_children_and_not_the_status(
    situation: Situation, proxy: FaultyProxy
) -> None:
    with proxy.inject(refuse(503), "patch", "relays", namespace=situation.namespace):
        situation.apply_relay(deletionPolicy="DeleteCursor")
        situation.wait_condition("Ready", "False", "ApiServerUnavailable")
        assert situation.names("Deployment") == []
    situation.stream()
    assert situation.relay()["metadata"]["finalizers"]


def test_the_status_names_what_a_deletion_waits_for_while_the_server_fails(
    situation: Situation, proxy: FaultyProxy
) -> None:
    situation.apply_relay(deletionPolicy="DeleteCursor")
    situation.stream(1000)
    with proxy.inject(refuse(503), "get", "deployments", namespace=situation.namespace):
        situation.delete("Relay", NAME)
        eventually(lambda: situation.condition("Ready") == ("False", "Terminating"))
        message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Ready")
        assert "The API server can't" in message
        assert situation.redis.get(situation.keys.cursor) == "1000"
    eventually(lambda: situation.names("Relay") == [])
    assert situation.redis.get(situation.keys.cursor) is None


def test_failing_writes_are_retried_with_growing_delays(situation: Situation, proxy: FaultyProxy) -> None:
    """Observations continue at their interval. Retries wait 0.2 s, 0.4 s and so on."""
    with proxy.inject(refuse(503), "patch", "deployments", namespace=situation.namespace):
        situation.apply_relay()
        situation.wait_condition("Ready", "False", "ApiServerUnavailable")

        def count(verb: str, resource: str) -> int:
            return sum(
                (request.verb, request.resource, request.namespace) == (verb, resource, situation.namespace)
                for request in proxy.requests
            )

        eventually(lambda: count("get", "secrets") > 40)
        assert count("patch", "deployments") < 20
    situation.stream()
