"""A release of the chart on a real API server: upgrades, rights, admission of pods, uninstall and notes."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.conftest import ApiServer, RefusedError, eventually, find

CHART = Path(__file__).parents[2] / "charts" / "sluice"
NAME = "sluice-of-tests"

Values = dict[str, Any]


class Helm:
    """helm on the cluster, in the namespace of the tests."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._program = find("helm")

    def run(self, *arguments: str, values: Values | None = None) -> str:
        place = ("--kubeconfig", str(self._server.kubeconfig), "--namespace", self._server.namespace)
        flags = ("--values", "-") if values is not None else ()
        done = subprocess.run(
            [self._program, *arguments, *place, *flags],
            input=None if values is None else json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        if done.returncode != 0:
            raise RefusedError(done.stderr.strip())
        return done.stdout

    def try_install(self, values: Values) -> Any:
        """The release that an install would create. Nothing is stored."""
        flags = ("--dry-run=server", "--output", "json")
        return json.loads(self.run("install", NAME, str(CHART), *flags, values=values))


@pytest.fixture(scope="module")
def helm(server: ApiServer) -> Helm:
    return Helm(server)


@pytest.fixture(scope="module")
def values(server: ApiServer) -> Values:
    """Values for a release without objects outside the namespace of the tests, and without pulled images."""
    never = {"repository": "localhost/none", "tag": "none", "pullPolicy": "Never"}
    return {
        "crds": {"enabled": False},
        "rbac": {"aggregateRoles": False},
        "watchNamespaces": [server.namespace],
        "image": never,
        "redis": {"bundled": {"image": never, "persistence": {"enabled": False}}},
        "networkPolicy": {"enabled": True},
    }


@pytest.fixture(scope="module")
def release(helm: Helm, values: Values) -> Iterator[str]:
    """An installed release whose pods do not start."""
    helm.run("install", NAME, str(CHART), values=values)
    yield NAME
    helm.run("uninstall", NAME, "--ignore-not-found", "--wait")


def password(server: ApiServer) -> str:
    secret = server.read("get", "secret", f"{NAME}-redis", "-n", server.namespace)
    return base64.b64decode(secret["data"]["password"]).decode()


def test_an_upgrade_keeps_the_password(server: ApiServer, helm: Helm, release: str, values: Values) -> None:
    before = password(server)
    assert len(before) == 32
    generation = {item["metadata"]["name"]: item["metadata"]["generation"] for item in workloads(server)}
    helm.run("upgrade", release, str(CHART), values=values)
    assert password(server) == before
    after = {item["metadata"]["name"]: item["metadata"]["generation"] for item in workloads(server)}
    assert after == generation, "an upgrade that changes nothing must restart nothing"


def workloads(server: ApiServer) -> list[dict[str, Any]]:
    flags = ("-n", server.namespace, "-l", f"app.kubernetes.io/instance={NAME}")
    items: list[dict[str, Any]] = server.read("get", "deployments,statefulsets", *flags)["items"]
    assert len(items) == 2
    return items


def test_the_pods_are_admitted_under_the_restricted_standard(server: ApiServer, release: str) -> None:
    flags = ("-n", server.namespace, "-l", f"app.kubernetes.io/instance={release}")

    def admitted() -> set[str]:
        pods = server.read("get", "pods", *flags)["items"]
        found = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods}
        assert found == {"operator", "redis"}, server.kubectl("get", "events", "-n", server.namespace)
        return found

    eventually(admitted)


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("list", "relays.sluice.dev", True),
        ("patch", "relays.sluice.dev/status", True),
        ("patch", "relays.sluice.dev", True),
        ("update", "relays.sluice.dev", False),
        ("watch", "labelers.sluice.dev", True),
        ("patch", "labelers.sluice.dev/status", True),
        ("patch", "labelers.sluice.dev", True),
        ("update", "labelers.sluice.dev", False),
        ("get", "secrets", True),
        ("list", "secrets", False),
        ("get", "configmaps", True),
        ("list", "configmaps", False),
        ("delete", "deployments.apps", True),
        ("delete", "pods", False),
        ("create", "events", True),
        ("create", "leases.coordination.k8s.io", True),
        ("list", "leases.coordination.k8s.io", False),
    ],
)
def test_the_operators_rights_in_its_namespace_and_in_another(
    server: ApiServer, release: str, verb: str, resource: str, *, allowed: bool
) -> None:
    def can(namespace: str) -> bool:
        plain, _, subresource = resource.partition("/")
        group_version, _, kind = plain.partition(".")
        attributes = {"verb": verb, "resource": group_version, "group": kind, "namespace": namespace}
        if subresource:
            attributes["subresource"] = subresource
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{server.namespace}:{release}",
                "resourceAttributes": attributes,
            },
        }
        answer: bool = server.read("create", "-f", "-", stdin=review)["status"]["allowed"]
        return answer

    def decided() -> None:
        assert can(server.namespace) is allowed

    eventually(decided)
    assert can("default") is False


def test_an_uninstall_leaves_nothing(server: ApiServer, helm: Helm, release: str) -> None:
    helm.run("uninstall", release, "--wait")
    kinds = (
        "deployments,statefulsets,replicasets,pods,services,secrets,serviceaccounts,roles,rolebindings,"
        "networkpolicies,persistentvolumeclaims,poddisruptionbudgets"
    )
    flags = ("-n", server.namespace, "-l", f"app.kubernetes.io/instance={release}", "-o", "name")
    eventually(lambda: _empty(server.kubectl("get", kinds, *flags)))


def _empty(text: str) -> None:
    assert text.strip() == ""


def test_the_whole_chart_with_every_default_is_accepted(server: ApiServer, helm: Helm) -> None:
    everything = helm.try_install(
        {"networkPolicy": {"enabled": True}, "fullnameOverride": NAME, "crds": {"enabled": False}}
    )
    manifests = [item for item in yaml.safe_load_all(everything["manifest"]) if item]
    kinds = {item["kind"] for item in manifests}
    assert {"StatefulSet", "ClusterRole", "NetworkPolicy"} <= kinds
    body = {"apiVersion": "v1", "kind": "List", "items": manifests}
    flags = ("--dry-run=server", "--validate=strict", "-n", server.namespace, "-f", "-")
    server.kubectl("create", *flags, stdin=body)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["all namespaces", "redis-cli XLEN firehose_live", "kubectl delete pvc", "kubectl delete lease"]),
        ({"redis": {"url": "redis://r"}}, ["your Redis", "kubectl describe relays"]),
        ({"redis": {"bundled": {"enabled": False}}, "watchNamespaces": ["one"]}, ["no default Redis", "watches one"]),
        (
            {"watchNamespaces": ["one", "two"]},
            [
                "\n     namespace: one\n",
                "kubectl get atproto --namespace one",
                "\n   kubectl delete relays,labelers --all --namespace one\n"
                "   kubectl delete relays,labelers --all --namespace two\n",
            ],
        ),
    ],
)
def test_the_notes_say_what_to_do_next(helm: Helm, values: Values, expected: list[str]) -> None:
    notes = helm.try_install({**values, "crds": {"enabled": False}})["info"]["notes"]
    for words in expected:
        assert words in notes
    assert ("kubectl delete pvc" in notes) is ("redis" not in values)
    assert ("--all-namespaces" in notes) is ("watchNamespaces" not in values), "the notes name only watched namespaces"
    assert "kubectl apply -f -" in notes
