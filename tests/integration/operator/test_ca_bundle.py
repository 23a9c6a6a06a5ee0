"""The CA bundle of a source: only a change of the certificates replaces the pod."""

from cryptography.hazmat.primitives.serialization import Encoding

from e2e.cluster.certs import make_authority
from sluice_operator.desired.naming import CA_HASH_ANNOTATION
from tests.integration.operator.reconcile_request import wait_handled
from tests.integration.operator.situation import Situation, eventually

SPEC = {"caBundle": {"configMapRef": {"name": "private-ca"}}}


def authority() -> str:
    return make_authority().certificate.public_bytes(Encoding.PEM).decode()


def apply_bundle(situation: Situation, pem: str) -> None:
    metadata = {"name": "private-ca", "namespace": situation.namespace}
    situation.control_plane.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": pem}}
    )


def hash_of(situation: Situation) -> str | None:
    found: str | None = situation.template()["metadata"]["annotations"].get(CA_HASH_ANNOTATION)
    return found


def test_other_authorities_replace_the_pod(situation: Situation) -> None:
    first, second = authority(), authority()
    apply_bundle(situation, first)
    situation.apply_relay(**SPEC)
    before = situation.stream()
    digest = hash_of(situation)
    assert digest

    apply_bundle(situation, f"a note for people\n{first}\n")
    wait_handled(situation, "note")
    assert hash_of(situation) == digest
    assert situation.pod()["metadata"]["uid"] == before["metadata"]["uid"]

    apply_bundle(situation, first + second)
    eventually(lambda: situation.pod()["metadata"]["uid"] != before["metadata"]["uid"])
    situation.stream()
    assert hash_of(situation) not in {digest, None}
    situation.wait_events("CABundleChanged")
    assert situation.status()["restarts"]["count"] == 0


def test_missing_or_invalid_authorities_do_not_change_the_pod(situation: Situation) -> None:
    apply_bundle(situation, authority())
    situation.apply_relay(**SPEC)
    before = situation.stream()
    digest = hash_of(situation)
    apply_bundle(situation, "no certificate at all")
    wait_handled(situation, "none")
    situation.delete("ConfigMap", "private-ca")
    wait_handled(situation, "gone")
    assert hash_of(situation) == digest
    assert situation.pod()["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_ca_bundle_that_is_not_used_any_more_is_not_reported(situation: Situation) -> None:
    apply_bundle(situation, authority())
    situation.apply_relay(suspend=True, **SPEC)
    eventually(lambda: hash_of(situation))
    situation.apply_relay(suspend=True)
    eventually(lambda: hash_of(situation) is None)
    assert "volumes" not in situation.template()["spec"]
