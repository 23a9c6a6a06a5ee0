"""A namespace with one source, and methods that act as its user, its kubelet and its ingester."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys
from tests.integration.operator.control_plane import ApiServerError, ControlPlane, KubectlError, Manifest, path_of
from tests.integration.redis_server import RedisServer

NAME = "us-east"
ERROR = {"reason": "Error", "exitCode": 1}
OOM = {"reason": "OOMKilled", "exitCode": 137}


def now(*, ahead: float = 0.0) -> str:
    when = datetime.fromtimestamp(time.time() + ahead, UTC)
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


PATIENCE: float = 120
"""Seconds: far more than anything needs, for a busy machine. A test that requires speed sets its own limit."""


def eventually(attempt: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """The result of `attempt` as soon as it is true and does not raise. Raises its last error after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if result := attempt():
                return result
            error: Exception = AssertionError(f"it is still {result!r}")
        except (AssertionError, ApiServerError, KubectlError, KeyError, IndexError, OSError) as caught:
            error = caught
        if time.monotonic() > deadline:
            raise error
        time.sleep(0.1)


class Served(Protocol):
    """An operator with an HTTP port."""

    def get(self, path: str) -> tuple[int, str]:
        """The status and the body of a GET."""


class Situation:
    """A namespace with one source: a Relay, or the kind of a subclass."""

    kind = "Relay"
    redis_stream = Stream.FIREHOSE
    component = "firehose"
    child = f"{NAME}-firehose"
    clock = 0.0
    """Seconds that the ingester's clock is ahead."""
    operator: Served | None = None
    """The operator that serves the namespace, once it is started."""

    def __init__(self, control_plane: ControlPlane, namespace: str, sink: RedisServer) -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.host = f"{namespace}.example:2470"
        self.keys = StreamKeys(stream=self.redis_stream, host=self.host)
        self.sink = sink
        self._started: dict[str, str] = {}  # pod -> when its ingester started
        control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    def remove(self) -> None:
        self.control_plane.request("DELETE", path_of(self.kind, self.namespace))
        self.control_plane.request("DELETE", path_of("Namespace", None, self.namespace))

    # The user.

    def kubectl(self, *arguments: str, stdin: object = None) -> str:
        return self.control_plane.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def apply_relay(self, **spec: Any) -> None:
        manifest = {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": self.kind,
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {"host": f"ws://{self.host}", **spec},
        }
        self.control_plane.apply(manifest)

    def apply_secret(self, name: str, **data: str) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        self.control_plane.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def get(self, kind: str, name: str, query: str = "") -> Any:
        return self.control_plane.request("GET", path_of(kind, self.namespace, name) + query)

    def all(self, *kinds: str, query: str = "") -> list[Manifest]:
        lists = (self.control_plane.request("GET", path_of(kind, self.namespace) + query) for kind in kinds)
        return [item for found in lists for item in found["items"]]

    def names(self, *kinds: str) -> list[str]:
        return [item["metadata"]["name"] for item in self.all(*kinds)]

    def patch(self, kind: str, name: str, patch: Manifest, *, subresource: str = "") -> None:
        self.control_plane.patch(kind, self.namespace, name, patch, subresource=subresource)

    def delete(self, kind: str, name: str) -> None:
        self.control_plane.request("DELETE", path_of(kind, self.namespace, name))

    def relay(self) -> Manifest:
        relay: Manifest = self.get(self.kind, NAME)
        return relay

    def status(self) -> Manifest:
        status: Manifest = self.relay()["status"]
        return status

    def condition(self, kind: str) -> tuple[str, str] | None:
        """Status and reason of a condition of the newest generation."""
        relay = self.relay()
        for item in relay["status"].get("conditions", []):
            if item["type"] == kind and item["observedGeneration"] == relay["metadata"]["generation"]:
                return item["status"], item["reason"]
        return None

    def wait_condition(self, kind: str, status: str, reason: str, *, seconds: float = PATIENCE) -> None:
        def attempt() -> bool:
            found = self.condition(kind)
            assert found == (status, reason), self.status()
            return True

        eventually(attempt, seconds=seconds)

    def deployment(self) -> Manifest:
        deployment: Manifest = self.get("Deployment", self.child)
        return deployment

    def template(self) -> Manifest:
        """The pod template of the Deployment."""
        template: Manifest = self.deployment()["spec"]["template"]
        return template

    def events(self) -> list[tuple[str, str]]:
        found = self.all("Event", query=f"?fieldSelector=involvedObject.kind={self.kind}")
        return [(event["reason"], event["message"]) for event in found]

    def event_messages(self, reason: str) -> list[str]:
        """The message of each Event of that reason, sorted."""
        return sorted(message for found, message in self.events() if found == reason)

    def wait_events(self, *reasons: str) -> None:
        """Wait for Events with these reasons. An Event is recorded after the change that it reports."""
        eventually(lambda: set(reasons) <= {reason for reason, _ in self.events()})

    # The operator.

    def contest_deployment(self) -> None:
        """Pause the Deployment again and again, until the operator leaves the field and reports that."""

        def contest() -> bool:
            self.patch("Deployment", f"{NAME}-firehose", {"spec": {"paused": True}})
            return bool(self.event_messages("ChildContested"))

        eventually(contest)

    def wait_reconciled(self, times: int = 5) -> None:
        """Wait until the operator has looked for changes `times` more times, and has reconciled what has changed.

        Then it has had the chance to react to everything that is there now.
        """
        began = self._metric("sluice_poll_rounds_total")
        eventually(lambda: self._metric("sluice_poll_rounds_total") >= began + times)
        eventually(lambda: self._metric("sluice_queue_depth") == 0)

    def wait_others_reconciled(self) -> None:
        """The same for a namespace without resources: the operator has reconciled one in another namespace."""
        other = Situation(self.control_plane, f"{self.namespace}-other", self.sink)
        other.operator = self.operator
        try:
            other.apply_relay(suspend=True)
            other.wait_condition("Ready", "True", "Suspended")
            other.wait_reconciled()
        finally:
            other.remove()

    def _metric(self, name: str) -> float:
        assert self.operator is not None
        (value,) = re.findall(rf"^{name} (\S+)$", self.operator.get("metrics")[1], re.MULTILINE)
        return float(value)

    # The kubelet.

    def pod(self) -> Manifest:
        """The only pod of the ingester that is not ending. It is of the current spec."""

        def attempt() -> Manifest | None:
            relay, deployment = self.relay(), self.deployment()
            assert relay["status"]["observedGeneration"] == relay["metadata"]["generation"]
            assert deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
            assert deployment["status"].get("updatedReplicas") == 1
            pods = self.all("Pod", query=f"?labelSelector=app.kubernetes.io/component={self.component}")
            staying = [
                pod
                for pod in pods
                if "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") != "Failed"
            ]
            assert len(staying) == 1, [pod["metadata"]["name"] for pod in pods]
            return dict(staying[0])

        pod: Manifest = eventually(attempt)
        return pod

    def set_container(self, pod: Manifest, *, restarts: int = 0, last: Manifest | None = None, **state: Any) -> None:
        if "running" in state:
            self._started[pod["metadata"]["name"]] = now(ahead=1)
        ended = {"startedAt": now(), "finishedAt": now(), **last} if last else None
        container = {
            "name": "ingester",
            "image": "sluice:test",
            "imageID": "",
            "ready": "running" in state,
            "restartCount": restarts,
            "state": state,
            "lastState": {"terminated": ended} if ended else {},
        }
        status = {"phase": "Running" if "running" in state else "Pending", "containerStatuses": [container]}
        self.patch("Pod", pod["metadata"]["name"], {"status": status}, subresource="status")

    def run_pod(self, *, restarts: int = 0, last: Manifest | None = None) -> Manifest:
        """Start the container of the pod, and the ingester in it."""
        pod = self.pod()
        self.set_container(pod, restarts=restarts, last=last, running={"startedAt": now()})
        self.report(SourceState.CONNECTING, pod=pod)
        return pod

    # The ingester.

    def report(
        self,
        state: SourceState,
        reason: str = "",
        message: str = "",
        *,
        pod: Manifest | None = None,
        reconnects: int = 0,
    ) -> None:
        """Write the health hash as an ingester in the pod does."""
        pod = pod or self.pod()
        fields: dict[str, str] = {
            HealthField.STATE: state,
            HealthField.REASON: reason,
            HealthField.MESSAGE: message,
            HealthField.BEAT: now(ahead=self.clock),
            HealthField.STARTED: self._started.setdefault(pod["metadata"]["name"], now(ahead=1)),
            HealthField.POD: pod["metadata"]["name"],
            HealthField.VERSION: "0.1.0",
            HealthField.RATE: "12.5",
            HealthField.RECONNECTS: str(reconnects),
            HealthField.FENCED: "0",
            HealthField.ERRORS: "0",
            HealthField.LAST_ERROR: "",
            HealthField.LAST_ERROR_TIME: "",
        }
        self.redis.hset(self.keys.health, mapping=dict(fields))

    def store(self, seq: int) -> None:
        """Store an event, as the append does."""
        client = self.redis
        client.xadd(self.keys.entries, {self.redis_stream.field: json.dumps({"seq": seq})})
        client.set(self.keys.cursor, str(seq))
        at = now(ahead=self.clock)
        client.hset(
            self.keys.health, mapping={HealthField.SEQ: str(seq), HealthField.EVENT_TIME: at, HealthField.STORED: at}
        )

    def stream(self, seq: int = 6_322_875_401) -> Manifest:
        """Start the pod and stream, and wait until the resource is Ready. Returns the pod."""
        pod = self.run_pod()
        self.store(seq)
        self.report(SourceState.STREAMING, pod=pod)
        self.wait_condition("Ready", "True", "Streaming")
        return pod

    @property
    def redis(self) -> Any:
        return self.sink.client
