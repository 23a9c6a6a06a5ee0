"""What tests of deletion look at, and the kubelet's part in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sluice_operator.api.deletion import FINALIZER
from tests.integration.operator.control_plane import ApiServerError, ControlPlane
from tests.integration.operator.situation import Situation, eventually

DELETE_CURSOR: dict[str, Any] = {"deletionPolicy": "DeleteCursor"}
WITH_FINALIZER = [FINALIZER]


def finalizers(situation: Situation) -> list[str]:
    found: list[str] = situation.relay()["metadata"].get("finalizers", [])
    return found


def is_gone(situation: Situation) -> bool:
    try:
        situation.relay()
    except ApiServerError as error:
        return error.code == 404
    return False


def redis_keys(situation: Situation) -> set[str]:
    """The keys of that host in Redis."""
    return set(situation.redis.keys(f"*{situation.host}*"))


def bind_to_node(situation: Situation, pod: dict[str, Any]) -> None:
    """Give the pod to a node, whose kubelet then has to end it."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "far-away"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}
    path = f"/api/v1/namespaces/{situation.namespace}/pods/{pod['metadata']['name']}/binding"
    situation.control_plane.request("POST", path, body)


def end_pod(situation: Situation, pod: dict[str, Any]) -> None:
    """What the kubelet does when the container has ended."""
    path = f"/api/v1/namespaces/{situation.namespace}/pods/{pod['metadata']['name']}"
    situation.control_plane.request("DELETE", path, {"gracePeriodSeconds": 0})


@contextmanager
def without_validation(control_plane: ControlPlane, field: str) -> Iterator[None]:
    """A while in which the rules of a field of Relays are off: what is stored then is as of an older CRD."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/relays.sluice.dev"

    def exchange(rules: Any) -> Any:
        """Put `rules` in the place of those of the field. Those."""
        crd = control_plane.request("GET", path)
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][field]
        before = schema.pop("x-kubernetes-validations", [])
        if rules:
            schema["x-kubernetes-validations"] = rules
        control_plane.request("PUT", path, crd)
        return [before]

    # Again, if the API server writes its status at the same time.
    (rules,) = eventually(lambda: exchange([]))
    try:
        yield
    finally:
        eventually(lambda: exchange(rules))
