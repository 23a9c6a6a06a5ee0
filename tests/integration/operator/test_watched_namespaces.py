"""One of several watched namespaces lacks rights of the operator: the others are not affected."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.operator.audit import Request
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ControlPlane, Manifest
from tests.integration.operator.duplicate_source import add_resource, resource_of, wait_next_timestamp
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.rights import grant, rules
from tests.integration.operator.situation import Situation, eventually
from tests.integration.redis_server import RedisServer

USER = "namespaced"
KINDS = 4


class WatchedNamespace(Situation):
    """A namespace, and the operator's rights in it."""

    def grant(self, granted: list[Manifest] | None = None) -> None:
        grant(self.control_plane, self.namespace, granted or rules(), USER)

    def revoke(self) -> None:
        self.delete("Role", "sluice")

    def is_reported_served(self, operator: OperatorProcess, *, served: bool) -> bool:
        return f'sluice_namespace_served{{namespace="{self.namespace}"}} {float(served)}' in operator.get("metrics")[1]

    def times_refused(self, operator: OperatorProcess) -> int:
        return operator.log.count(f"Namespace {self.namespace} is not served until")

    def batch_is(self, size: int) -> bool:
        env = self.deployment()["spec"]["template"]["spec"]["containers"][0]["env"]
        return {"name": "INGESTER_BATCH_SIZE", "value": str(size)} in env


@pytest.fixture
def make_namespace(control_plane: ControlPlane, sink: RedisServer) -> Iterator[Callable[[], WatchedNamespace]]:
    namespaces: list[WatchedNamespace] = []

    def make() -> WatchedNamespace:
        namespaces.append(WatchedNamespace(control_plane, f"test-{secrets.token_hex(3)}", sink))
        return namespaces[-1]

    yield make
    for place in namespaces:
        place.remove()


@pytest.fixture
def serve(proxy: FaultyProxy, own_operator: Callable[..., OperatorProcess]) -> Callable[..., OperatorProcess]:
    """Starts an operator that watches those namespaces through the proxy, and waits until it is ready."""

    def start(*namespaces: WatchedNamespace, more: str = "") -> OperatorProcess:
        names = [place.namespace for place in namespaces] + ([more] if more else [])
        return own_operator(
            KUBECONFIG=proxy.kubeconfig(USER),
            SLUICE_WATCH_NAMESPACES=",".join(names),
            SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{namespaces[0].sink.port}/0",
            SLUICE_RESYNC_INTERVAL_SECONDS="5",
        )

    return start


def test_a_namespace_without_a_role_does_not_delay_the_others(
    control_plane: ControlPlane,
    proxy: FaultyProxy,
    make_namespace: Callable[[], WatchedNamespace],
    serve: Callable[..., OperatorProcess],
) -> None:
    granted, bare, missing = make_namespace(), make_namespace(), f"test-{secrets.token_hex(3)}"
    granted.grant()
    bare.apply_relay()
    operator = serve(bare, granted, more=missing)
    granted.apply_relay()
    granted.stream()
    eventually(lambda: granted.is_reported_served(operator, served=True))
    eventually(lambda: bare.is_reported_served(operator, served=False))
    eventually(lambda: f'sluice_namespace_served{{namespace="{missing}"}} 0.0' in operator.get("metrics")[1])
    # Each resync tries it again, and the log still has one line.
    _refused_again(control_plane, bare)
    assert bare.times_refused(operator) == 1
    assert f'User "{USER}" cannot list resource "relays" in API group "sluice.dev" in the namespace "{missing}"' in (
        operator.log
    )
    assert not proxy.watches(namespace=bare.namespace)

    bare.grant()
    bare.stream()
    eventually(lambda: bare.is_reported_served(operator, served=True))
    assert f"Namespace {bare.namespace} is served" in operator.log
    eventually(lambda: len(proxy.watches(namespace=bare.namespace)) == KINDS)
    assert operator.returncode is None
    eventually(lambda: f'sluice_namespace_served{{namespace="{missing}"}} 0.0' in operator.get("metrics")[1])


def test_a_role_is_deleted_and_created_again(
    control_plane: ControlPlane,
    proxy: FaultyProxy,
    make_namespace: Callable[[], WatchedNamespace],
    serve: Callable[..., OperatorProcess],
) -> None:
    staying, revoked = make_namespace(), make_namespace()
    for place in (staying, revoked):
        place.grant()
    operator = serve(staying, revoked)
    revoked.apply_relay()
    revoked.stream()
    eventually(lambda: len(proxy.watches(namespace=revoked.namespace)) == KINDS)
    of_it = f'namespace="{revoked.namespace}"'
    eventually(
        lambda: f'sluice_resource_ready{{kind="Relay",name="us-east",{of_it}}} 1.0' in operator.get("metrics")[1]
    )

    revoked.revoke()
    proxy.cut_watches(namespace=revoked.namespace)
    eventually(lambda: revoked.is_reported_served(operator, served=False))
    eventually(lambda: not proxy.watches(namespace=revoked.namespace))
    eventually(
        lambda: not [line for line in operator.get("metrics")[1].splitlines() if of_it in line and "_resource" in line]
    )
    # No watch is tried: its failures would end the process in a minute. No reconciliation writes there.
    _refused_again(control_plane, revoked)  # the last attempt of a watch may be refused late
    refused = _refused_again(control_plane, revoked)
    assert {request.verb for request in refused} == {"list"}
    assert not [request for request in refused if request.agent.endswith(" watches")]
    # Its ingester still runs, so a younger resource must not use its cursor.
    staying.apply_relay(host=f"ws://{revoked.host}")
    staying.wait_condition("Stalled", "True", "DuplicateSource")
    revoked.apply_relay(batch={"size": 101})

    revoked.grant()
    eventually(lambda: revoked.batch_is(101))
    eventually(lambda: len(proxy.watches(namespace=revoked.namespace)) == KINDS)
    assert revoked.times_refused(operator) == 1
    assert revoked.status()["restarts"]["count"] == 0
    assert operator.returncode is None
    assert operator.get("livez") == (200, "alive\n")


def test_a_resource_is_deleted_in_a_namespace_without_a_role(
    control_plane: ControlPlane,
    proxy: FaultyProxy,
    make_namespace: Callable[[], WatchedNamespace],
    serve: Callable[..., OperatorProcess],
) -> None:
    """This happens when a namespace is deleted and its Role is deleted first.

    The pod may still run, so the cursor stays reserved until a person confirms. The waiting resource reports exactly
    that, and not that the deleted resource still streams.
    """
    staying, revoked = make_namespace(), make_namespace()
    for place in (staying, revoked):
        place.grant()
    operator = serve(staying, revoked)
    revoked.apply_relay()
    revoked.stream()
    wait_next_timestamp()
    older, younger = resource_of(revoked), add_resource(of=revoked, name="a-younger", namespace=staying.namespace)
    younger.apply()
    younger.wait_stalled_by(older)

    revoked.revoke()
    proxy.cut_watches(namespace=revoked.namespace)
    eventually(lambda: revoked.is_reported_served(operator, served=False))
    older.delete()

    def waits_for_a_person() -> bool:
        found = younger.condition("Stalled")
        assert found is not None, younger.get()["status"]
        assert found["reason"] == "DuplicateSource"
        assert (
            f"{older} owned this cursor when it was last seen, and the operator may no longer read its namespace"
            in found["message"]
        )
        return younger.replicas() == 0

    eventually(waits_for_a_person)
    _refused_again(control_plane, revoked)
    assert waits_for_a_person()
    metrics = operator.get("metrics")[1].splitlines()
    assert not [line for line in metrics if f'namespace="{revoked.namespace}"' in line and "_resource" in line]
    assert 'sluice_resources{kind="Relay",ready="True"} 0.0' in metrics
    assert 'sluice_resources{kind="Relay",ready="False"} 1.0' in metrics

    revoked.grant()
    younger.wait_running()


def test_a_role_without_the_right_to_watch(
    control_plane: ControlPlane,
    proxy: FaultyProxy,
    make_namespace: Callable[[], WatchedNamespace],
    serve: Callable[..., OperatorProcess],
) -> None:
    """Listed objects would look like changes that a watch missed, which ends the process."""
    whole, part = make_namespace(), make_namespace()
    whole.grant()
    part.grant([{**rule, "verbs": [verb for verb in rule["verbs"] if verb != "watch"]} for rule in rules()])
    part.apply_relay()
    operator = serve(part, whole)
    eventually(lambda: part.is_reported_served(operator, served=False))

    def is_left_out() -> bool:
        # The watch of one kind may be retried once while the others are left out already.
        refused = _refused_again(control_plane, part)
        assert {request.verb for request in refused} == {"watch"}
        return not [request for request in refused if request.agent.endswith(" watches")]

    eventually(is_left_out)
    whole.apply_relay()
    whole.stream()
    part.grant()
    part.stream()
    eventually(lambda: len(proxy.watches(namespace=part.namespace)) == KINDS)
    assert part.times_refused(operator) == 1
    assert operator.returncode is None


def test_without_any_role_the_operator_reports_the_missing_right(
    control_plane: ControlPlane, make_namespace: Callable[[], WatchedNamespace], tmp_path: Path
) -> None:
    one, other = make_namespace(), make_namespace()
    operator = OperatorProcess(
        control_plane,
        tmp_path / "log",
        KUBECONFIG=str(control_plane.kubeconfig(USER)),
        SLUICE_WATCH_NAMESPACES=f"{one.namespace},{other.namespace}",
        SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{one.sink.port}/0",
    )
    operator.start(ready=False)
    try:
        eventually(lambda: "no namespace is served" in operator.get("readyz")[1])
        code, text = operator.get("readyz")
        assert code == 503
        assert f'cannot list resource "relays" in API group "sluice.dev" in the namespace "{one.namespace}"' in text
        assert operator.get("livez") == (200, "alive\n")
        other.grant()
        eventually(lambda: operator.get("readyz") == (200, "ready\n"))
        other.apply_relay()
        other.stream()
    finally:
        operator.stop()
    assert one.times_refused(operator) == other.times_refused(operator) == 1


def _refused_again(control_plane: ControlPlane, place: WatchedNamespace) -> list[Request]:
    """The operator's refused requests in that namespace from now on, once there are at least three."""
    log = control_plane.audit.from_now()

    def refused() -> list[Request]:
        found = [one for one in log.requests(USER) if one.namespace == place.namespace and one.code == 403]
        return found if len(found) >= 3 else []

    found: list[Request] = eventually(refused)
    return found
