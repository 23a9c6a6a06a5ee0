"""The Labeler on a real API server: accepted, defaulted, refused and listed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice_operator.api.labeler import Labeler
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.kinds.crd import build_crd
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from tests.apiserver.conftest import ApiServer, RefusedError

ROOT = Path(__file__).parents[2]
HOST = "ozone.example.com"

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"labels": {"startFrom": 0}}, "give oldest, live"),
    ({"labels": {"startFrom": "yesterday"}}, "give oldest, live"),
    ({"labels": {"startFrom": 2**53}}, "a whole number above 0 and below 2\\^53"),
    ({"labels": {"startFrom": "9" * 17}}, "spec.labels.startFrom: Too long"),
    ({"host": "https://ozone.example.com/xrpc"}, "no path"),
    ({"firehose": {"enabled": True}}, 'unknown field "spec.firehose"'),
    ({"batch": {"size": 0}}, "spec.batch.size"),
    ({"deletionPolicy": "Delete"}, 'supported values: "Retain", "DeleteCursor"'),
]


@pytest.fixture
def stored(server: ApiServer) -> Iterator[Any]:
    """A Labeler that is stored."""
    server.kubectl("create", "-f", "-", stdin=server.labeler({"host": HOST}, name="stored"))
    yield server.read("get", f"labelers.{server.group}", "stored", "-n", server.namespace)
    server.kubectl("delete", f"labelers.{server.group}", "stored", "-n", server.namespace)


def test_the_crd_is_accepted(server: ApiServer) -> None:
    path = ROOT / "crds" / "labelers.yaml"
    flags = ("--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts")
    applied = server.read("apply", *flags, "-f", str(path))
    assert applied["spec"]["versions"][0]["schema"] == build_crd(LABELER)["spec"]["versions"][0]["schema"]


def test_the_api_server_and_the_models_have_the_same_defaults(server: ApiServer) -> None:
    created = server.try_labeler(host=HOST)
    assert created["spec"] == Labeler.parse({"metadata": created["metadata"], "spec": {"host": HOST}}).spec.dump()
    assert created["spec"]["labels"] == {"startFrom": "oldest"}


def test_a_new_labeler_waits_for_the_operator(stored: Any) -> None:
    assert stored["status"] == {"observedGeneration": -1}
    assert "finalizers" not in stored["metadata"]


@pytest.mark.parametrize("value", ["oldest", "live", 1, "6322875401", str(2**53 - 1)])
def test_start_from(server: ApiServer, value: object) -> None:
    assert server.try_labeler(host=HOST, labels={"startFrom": value})["spec"]["labels"]["startFrom"] == value


@pytest.mark.parametrize(("spec", "message"), REFUSED)
def test_an_invalid_spec_is_refused_with_a_message(server: ApiServer, spec: dict[str, Any], message: str) -> None:
    labeler = server.labeler({"host": HOST, **spec})
    with pytest.raises(RefusedError, match=message):
        server.kubectl("apply", "--dry-run=server", "-f", "-", stdin=labeler)


def test_the_columns_of_kubectl_get(server: ApiServer, stored: Any) -> None:
    status = {"observedGeneration": 1, "labels": {"cursor": "1234", "lag": "0s", "rate": "0.1/s"}}
    flags = ("--subresource=status", "--validate=strict")
    server.apply({**server.labeler({}, name="stored"), "spec": stored["spec"], "status": status}, *flags)
    listing = ("get", f"labelers.{server.group}", "-n", server.namespace)
    header, row = server.kubectl(*listing).splitlines()
    assert header.split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    assert row.split()[:2] == ["stored", HOST]
    assert {"1234", "0s", "0.1/s"} <= set(row.split())


def test_its_deployment_is_accepted(server: ApiServer, stored: Any) -> None:
    """The API server knows every field, and the pod meets the restricted Pod Security Standard."""
    labeler = Labeler.parse(stored)
    (stream,) = KINDS[type(labeler).__name__].desired_streams(labeler)
    manifest = build_deployment(
        labeler, stream, config_hashes={REDIS_HASH_ANNOTATION: "h"}, defaults=IngesterDefaults(image="sluice:1")
    )
    manifest["metadata"]["ownerReferences"][0]["apiVersion"] = stored["apiVersion"]
    written = server.apply(manifest, "--dry-run=server", "--validate=strict")
    assert written["metadata"]["name"] == "stored-labels"
