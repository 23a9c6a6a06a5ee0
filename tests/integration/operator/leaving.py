"""What tests of deletion look at, and the kubelet's part in it."""

from typing import Any

from sluice_operator.api.deletion import FINALIZER
from tests.integration.operator.control_plane import ApiError
from tests.integration.operator.situation import Situation

ASKED: dict[str, Any] = {"deletionPolicy": "DeleteCursor"}
HELD = [FINALIZER]


def finalizers(situation: Situation) -> list[str]:
    found: list[str] = situation.relay()["metadata"].get("finalizers", [])
    return found


def gone(situation: Situation) -> bool:
    try:
        situation.relay()
    except ApiError as error:
        return error.code == 404
    return False


def told(situation: Situation) -> dict[str, str]:
    return dict(situation.events())


def keys(situation: Situation) -> set[str]:
    """The keys of that host in Redis."""
    return set(situation.redis.keys(f"*{situation.host}*"))


def bind(situation: Situation, pod: dict[str, Any]) -> None:
    """Give the pod to a node, whose kubelet then has to end it."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "far-away"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}
    path = f"/api/v1/namespaces/{situation.namespace}/pods/{pod['metadata']['name']}/binding"
    situation.control_plane.request("POST", path, body)


def end(situation: Situation, pod: dict[str, Any]) -> None:
    """What the kubelet does when the container has ended."""
    path = f"/api/v1/namespaces/{situation.namespace}/pods/{pod['metadata']['name']}"
    situation.control_plane.request("DELETE", path, {"gracePeriodSeconds": 0})
