"""What tests of deletion read, and the kubelet's part in a deletion."""

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
    """The keys of the host in Redis."""
    return set(situation.redis.keys(f"*{situation.host}*"))


def bind_to_node(situation: Situation, pod: dict[str, Any]) -> None:
    """Bind the pod to a node. Then only the kubelet of that node can end it."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "far-away"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}
    path = f"/api/v1/namespaces/{situation.namespace}/pods/{pod['metadata']['name']}/binding"
    situation.control_plane.request("POST", path, body)


def end_pod(situation: Situation, pod: dict[str, Any]) -> None:
    """Delete the pod, as the kubelet does when the container has ended."""
    path = f"/api/v1/namespaces/{situation.namespace}/pods/{pod['metadata']['name']}"
    situation.control_plane.request("DELETE", path, {"gracePeriodSeconds": 0})


@contextmanager
def without_validation(control_plane: ControlPlane, field: str) -> Iterator[None]:
    """Remove the validation rules of a field of Relays while the context lasts, as in an older CRD."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/relays.sluice.dev"

    def exchange(rules: Any) -> Any:
        """Replace the rules of the field by `rules`. Returns a list with the former rules."""
        crd = control_plane.request("GET", path)
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][field]
        before = schema.pop("x-kubernetes-validations", [])
        if rules:
            schema["x-kubernetes-validations"] = rules
        control_plane.request("PUT", path, crd)
        return [before]

    # Retry if the API server writes the status of the CRD at the same time.
    (rules,) = eventually(lambda: exchange([]))
    try:
        yield
    finally:
        eventually(lambda: exchange(rules))
