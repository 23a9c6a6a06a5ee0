"""The CRD of one kind is missing, or its objects can't be listed: the other kind is still served.

These tests have their own control plane, since they delete CRDs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, PLURALS, ROOT, ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import never_answer, refuse
from tests.integration.operator.kinds import LabelerSituation
from tests.integration.operator.rights import grant, grant_everywhere, rules
from tests.integration.operator.situation import NAME, Situation, eventually

USER = "namespaced"


def with_crd(control_plane: ControlPlane, plural: str) -> None:
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds" / f"{plural}.yaml"))
    kind = {"relays": "Relay", "labelers": "Labeler"}[plural]
    eventually(lambda: control_plane.request("GET", PLURALS[kind]))


def without_crd(control_plane: ControlPlane, plural: str) -> None:
    control_plane.kubectl("delete", "crd", f"{plural}.sluice.dev", "--timeout=60s")


@pytest.fixture
def crds(control_plane: ControlPlane) -> Iterator[None]:
    """Creates all CRDs again at the end."""
    yield
    for plural in ("relays", "labelers"):
        with_crd(control_plane, plural)


@pytest.fixture
def labeler(place: Situation) -> LabelerSituation:
    """A Labeler in the namespace of `place`."""
    return LabelerSituation(place.control_plane, place.namespace, place.sink)


def is_served(operator: OperatorProcess, kind: str, *, served: bool) -> bool:
    return f'sluice_kind_served{{kind="{kind}"}} {float(served)}' in operator.get("metrics")[1]


def children_belong_to(place: Situation) -> bool:
    """Whether the Deployment and the only pod belong to the present resource."""
    (owner,) = place.deployment()["metadata"]["ownerReferences"]
    pods = place.all("Pod", query=f"?labelSelector=app.kubernetes.io/component={place.component}")
    return bool(owner["uid"] == place.relay()["metadata"]["uid"]) and len(pods) == 1


def assert_is_reconciled(place: Situation) -> None:
    """Wait until a deleted child is restored, an edit is applied, and the status shows it."""
    uid = place.deployment()["metadata"]["uid"]
    place.delete("Deployment", place.child)
    eventually(lambda: place.deployment()["metadata"]["uid"] != uid)
    generation = place.relay()["metadata"]["generation"]
    place.apply_relay(batch={"size": 100 + generation})
    eventually(lambda: place.status()["observedGeneration"] > generation)
    eventually(lambda: str(100 + generation) in str(place.template()))


@pytest.mark.usefixtures("crds")
def test_a_crd_is_deleted_and_created_again(
    control_plane: ControlPlane, place: Situation, labeler: LabelerSituation, start: Callable[..., OperatorProcess]
) -> None:
    operator = start()
    place.apply_relay()
    labeler.apply_relay()
    for one in (place, labeler):
        one.stream()
    without_crd(control_plane, "labelers")
    eventually(lambda: is_served(operator, "Labeler", served=False))
    assert_is_reconciled(place)
    assert is_served(operator, "Relay", served=True)
    code, text = operator.get("readyz")
    assert code == 200
    assert "ready, but There is no CRD for labelers" in text
    assert operator.log.count("There is no CRD for labelers") == 1
    assert f'kind="Labeler",name="{NAME}"' not in operator.get("metrics")[1]

    with_crd(control_plane, "labelers")
    eventually(lambda: is_served(operator, "Labeler", served=True))
    labeler.apply_relay()
    eventually(lambda: children_belong_to(labeler), seconds=120)  # the garbage collector has to learn of the kind too
    labeler.stream()
    assert_is_reconciled(labeler)
    assert_is_reconciled(place)
    eventually(lambda: operator.get("readyz") == (200, "ready\n"))
    assert operator.returncode is None
    assert "Traceback" not in operator.log


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("missing", ["relays", "labelers"])
def test_a_crd_is_not_installed(
    control_plane: ControlPlane,
    place: Situation,
    labeler: LabelerSituation,
    start: Callable[..., OperatorProcess],
    missing: str,
) -> None:
    of: dict[str, Situation] = {"relays": place, "labelers": labeler}
    served = next(one for plural, one in of.items() if plural != missing)
    without_crd(control_plane, missing)
    operator = start()
    served.apply_relay()
    served.stream()
    assert_is_reconciled(served)
    assert f"There is no CRD for {missing}" in operator.get("readyz")[1]
    with_crd(control_plane, missing)
    eventually(lambda: is_served(operator, of[missing].kind, served=True))
    of[missing].apply_relay()
    of[missing].stream()
    assert_is_reconciled(of[missing])


@pytest.mark.usefixtures("crds")
def test_a_crd_version_is_not_served(
    control_plane: ControlPlane, place: Situation, labeler: LabelerSituation, start: Callable[..., OperatorProcess]
) -> None:
    operator = start()
    place.apply_relay()
    place.stream()
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/labelers.sluice.dev"
    control_plane.request(
        "PATCH",
        path,
        [{"op": "replace", "path": "/spec/versions/0/served", "value": False}],
        kind="application/json-patch+json",
    )
    eventually(lambda: is_served(operator, "Labeler", served=False))
    assert_is_reconciled(place)
    with_crd(control_plane, "labelers")
    labeler.apply_relay()
    labeler.stream()


@pytest.mark.parametrize("everywhere", [True, False], ids=["cluster", "namespaces"])
def test_a_kind_is_forbidden(
    control_plane: ControlPlane,
    place: Situation,
    labeler: LabelerSituation,
    own_operator: Callable[..., OperatorProcess],
    everywhere: bool,  # noqa: FBT001
) -> None:
    granted = [{**rule, "resources": [one for one in rule["resources"] if "labelers" not in one]} for rule in rules()]

    def allow(granted: list[dict[str, Any]]) -> None:
        if everywhere:
            grant_everywhere(control_plane, granted, USER)
        else:
            grant(control_plane, place.namespace, granted, USER)

    allow(granted)
    try:
        operator = own_operator(
            KUBECONFIG=str(control_plane.kubeconfig(USER)),
            SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0",
            **({} if everywhere else {"SLUICE_WATCH_NAMESPACES": place.namespace}),
        )
        place.apply_relay()
        labeler.apply_relay()
        place.stream()
        assert_is_reconciled(place)
        assert 'cannot list resource "labelers"' in operator.get("readyz")[1]
        assert is_served(operator, "Labeler", served=False)
        assert labeler.status()["observedGeneration"] == -1
        allow(rules())
        labeler.stream()
        assert_is_reconciled(labeler)
        assert "Traceback" not in operator.log
    finally:
        if everywhere:
            grant_everywhere(control_plane, rules(), OPERATOR)


@pytest.mark.parametrize("fault", [refuse(500), refuse(403), never_answer], ids=["500", "403", "no answer"])
def test_lists_of_a_kind_fail(
    place: Situation,
    labeler: LabelerSituation,
    proxy: FaultyProxy,
    start: Callable[..., OperatorProcess],
    fault: Any,
) -> None:
    """Lists fail from the start, and again later, as with objects that can't be converted or decoded."""
    with proxy.inject(fault, "list", "labelers"):
        operator = start(speed=3, KUBECONFIG=proxy.kubeconfig(OPERATOR), SLUICE_RESYNC_INTERVAL_SECONDS="5")
        place.apply_relay()
        labeler.apply_relay()
        place.stream()
        assert_is_reconciled(place)
        assert "labelers" in operator.get("readyz")[1]
        assert is_served(operator, "Labeler", served=False)
    labeler.stream()
    with proxy.inject(fault, "list", "labelers"):
        proxy.expire_watches("labelers")
        eventually(lambda: is_served(operator, "Labeler", served=False))
        assert_is_reconciled(place)
    eventually(lambda: is_served(operator, "Labeler", served=True))
    assert_is_reconciled(labeler)
    assert operator.returncode is None


def test_a_kind_that_can_not_be_watched_is_listed(
    place: Situation, labeler: LabelerSituation, proxy: FaultyProxy, start: Callable[..., OperatorProcess]
) -> None:
    operator = start(speed=3, KUBECONFIG=proxy.kubeconfig(OPERATOR), SLUICE_RESYNC_INTERVAL_SECONDS="5")
    place.apply_relay()
    labeler.apply_relay()
    labeler.stream()
    with proxy.inject(refuse(404), "watch", "labelers"):
        proxy.cut_watches("labelers")
        eventually(lambda: "labelers can't be watched" in operator.get("readyz")[1])
        labeler.apply_relay(batch={"size": 321})
        eventually(lambda: "321" in str(labeler.template()))
        place.stream()
        assert_is_reconciled(place)
    eventually(lambda: is_served(operator, "Labeler", served=True))
    assert_is_reconciled(labeler)
    assert operator.returncode is None


def test_a_kind_is_forbidden_in_one_of_two_namespaces(
    control_plane: ControlPlane,
    place: Situation,
    other_place: Situation,
    own_operator: Callable[..., OperatorProcess],
) -> None:
    granted = [{**rule, "resources": [one for one in rule["resources"] if "labelers" not in one]} for rule in rules()]
    grant(control_plane, place.namespace, granted, USER)
    grant(control_plane, other_place.namespace, rules(), USER)
    operator = own_operator(
        KUBECONFIG=str(control_plane.kubeconfig(USER)),
        SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0",
        SLUICE_WATCH_NAMESPACES=f"{place.namespace},{other_place.namespace}",
    )
    refused, served = (LabelerSituation(control_plane, one.namespace, one.sink) for one in (place, other_place))
    for one in (refused, served, place, other_place):
        one.apply_relay()
    for one in (served, place, other_place):
        one.stream()
        assert_is_reconciled(one)
    assert f"labelers in namespace {place.namespace}" in operator.get("readyz")[1]
    assert refused.status()["observedGeneration"] == -1
    grant(control_plane, place.namespace, rules(), USER)
    refused.stream()
    eventually(lambda: operator.get("readyz") == (200, "ready\n"))


def test_the_operator_waits_while_both_crds_are_missing(
    control_plane: ControlPlane, place: Situation, crds: None, tmp_path: Path
) -> None:
    for plural in ("relays", "labelers"):
        without_crd(control_plane, plural)
    operator = OperatorProcess(
        control_plane,
        tmp_path / "log",
        SLUICE_WATCH_NAMESPACES=place.namespace,
        SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0",
    )
    operator.start(ready=False)
    try:
        eventually(lambda: "There is no CRD for labelers" in operator.get("readyz")[1])
        assert operator.get("readyz")[0] == 503
        assert operator.get("livez")[0] == 200
        for plural in ("relays", "labelers"):
            with_crd(control_plane, plural)
        eventually(lambda: operator.get("readyz") == (200, "ready\n"))
        place.apply_relay()
        place.stream()
        # Later there is still no kind, and the process still runs.
        for plural in ("relays", "labelers"):
            without_crd(control_plane, plural)
        eventually(lambda: operator.get("readyz")[1].count("There is no CRD") == 2)
        for plural in ("relays", "labelers"):
            with_crd(control_plane, plural)
        eventually(lambda: operator.get("readyz") == (200, "ready\n"))
        place.apply_relay()
        eventually(lambda: children_belong_to(place), seconds=120)
        place.stream()
        assert operator.returncode is None
    finally:
        operator.stop()
