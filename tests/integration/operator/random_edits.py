"""Random edits of Relays, and the checks of the state that the operator must reach in the end.

The Relays are created, edited, suspended, resumed and rewound while their operator is killed repeatedly.
"""

import random
from collections import Counter
from typing import Any

from sluice_redis.contract import Stream, StreamKeys
from tests.integration.operator.control_plane import Manifest
from tests.integration.operator.situation import ERROR, Situation, now

CHANGED = tuple(f"changed-{number}" for number in range(8))
STEADY = ("steady-0", "steady-1")
"""These are never edited, but their containers end repeatedly."""
COMPONENT = "?labelSelector=app.kubernetes.io/component=firehose"


class Users:
    """Acts as users, and records the specs that they want."""

    def __init__(self, place: Situation, rng: random.Random) -> None:
        self._place = place
        self._rng = rng
        self.specs: dict[str, Manifest] = {}
        self.transitions: Counter[tuple[str, str]] = Counter()
        """(Relay, reason of an Event) -> how often such an Event was due."""
        self.restarts: Counter[str] = Counter()

    def create(self, name: str) -> None:
        self.specs[name] = {"host": f"ws://{name}.{self._place.namespace}.example", "suspend": False}
        self._apply(name)

    def change(self) -> None:
        """Create, edit, suspend, resume or rewind one Relay."""
        name = self._rng.choice(CHANGED)
        if name not in self.specs:
            self.create(name)
            return
        spec, action = self.specs[name], self._rng.choice(("edit", "toggle", "rewind"))
        if action == "edit":
            spec["batch"] = {"size": self._rng.randint(1, 500)}
        elif action == "toggle":
            spec["suspend"] = not spec["suspend"]
            self.transitions[name, "Suspended" if spec["suspend"] else "Resumed"] += 1
        else:
            spec["cursor"] = {"position": str(self._rng.randint(1, 10**6)), "nonce": f"n{self._rng.getrandbits(40)}"}
            self.transitions[name, "CursorReset"] += 1
        self._apply(name)

    def start_steady(self) -> None:
        for pod in self.steady_pods():
            self._place.set_container(pod, running={"startedAt": now()})

    def restart_a_container(self) -> None:
        pod = self._rng.choice(self.steady_pods())
        name = pod["metadata"]["labels"]["sluice.dev/relay"]
        self.restarts[name] += 1
        self._place.set_container(pod, restarts=self.restarts[name], last=ERROR, running={"startedAt": now()})

    def steady_pods(self) -> list[Manifest]:
        pods = self._place.all("Pod", query=COMPONENT)
        found = [pod for pod in pods if pod["metadata"]["labels"]["sluice.dev/relay"] in STEADY]
        assert len(found) == len(STEADY)
        return found

    def _apply(self, name: str) -> None:
        metadata = {"name": name, "namespace": self._place.namespace}
        relay = {"apiVersion": "sluice.dev/v1alpha1", "kind": "Relay", "metadata": metadata}
        self._place.control_plane.apply({**relay, "spec": self.specs[name]})


def is_as_wanted(place: Situation, users: Users) -> bool:
    """Whether the objects are exactly those that the users want. AssertionError shows a difference."""
    relays = {item["metadata"]["name"]: item for item in place.all("Relay")}
    assert relays.keys() == users.specs.keys()
    deployments = {item["metadata"]["name"]: item for item in place.all("Deployment")}
    assert deployments.keys() == {f"{name}-firehose" for name in relays}
    assert set(place.names("Secret")) == ({"sluice-redis-url"} if relays else set())
    for name, spec in users.specs.items():
        relay, deployment = relays[name], deployments[f"{name}-firehose"]
        _assert_child(relay, deployment, spec)
        _assert_status(relay, spec, restarts=users.restarts[name])
        if cursor := spec.get("cursor"):
            keys = StreamKeys(stream=Stream.FIREHOSE, host=f"{name}.{place.namespace}.example")
            assert place.redis.get(keys.cursor) == cursor["position"]
    return True


def _assert_child(relay: Manifest, deployment: Manifest, spec: Manifest) -> None:
    owners = [owner["uid"] for owner in deployment["metadata"]["ownerReferences"]]
    assert owners == [relay["metadata"]["uid"]]
    assert deployment["spec"]["replicas"] == (0 if spec["suspend"] else 1)
    env = {one["name"]: one.get("value") for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    wanted = spec.get("batch", {}).get("size")
    assert wanted is None or env["INGESTER_BATCH_SIZE"] == str(wanted)


def _assert_status(relay: Manifest, spec: Manifest, *, restarts: int) -> None:
    status = relay["status"]
    assert status["observedGeneration"] == relay["metadata"]["generation"], relay
    types = {item["type"] for item in status["conditions"]}
    assert ("Suspended" in types) == spec["suspend"]
    assert status["restarts"]["count"] == restarts, relay
    nonce = spec.get("cursor", {}).get("nonce")
    assert status.get("cursorReset", {}).get("nonce") == nonce


def surplus_events(place: Situation, users: Users) -> dict[tuple[str, str], Any]:
    """The Events that were recorded more often than they were due."""
    recorded: Counter[tuple[str, str]] = Counter()
    for event in place.all("Event"):
        if event["involvedObject"]["kind"] == "Relay":
            recorded[event["involvedObject"]["name"], event["reason"]] += event["count"]
    due = users.transitions + Counter({(name, "Restarted"): count for name, count in users.restarts.items()})
    due += Counter({(name, "Created"): 2 for name in users.specs})  # a Secret and a Deployment
    return {key: (count, due[key]) for key, count in recorded.items() if key in due and count > due[key]}
