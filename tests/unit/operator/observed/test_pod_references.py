"""Which Secrets and ConfigMaps a pod needs."""

from typing import Any

import pytest

from sluice_operator.observed.pod_references import ObjectReference, pull_secrets, references


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": spec}


def ref(kind: Any, name: str, *keys: str, place: str = "spec.podTemplate.volumes") -> ObjectReference:
    return ObjectReference(kind=kind, name=name, keys=keys, field=place)


CA = {"name": "ca-bundle", "configMap": {"name": "private-ca", "items": [{"key": "tls.crt", "path": "ca.crt"}]}}


@pytest.mark.parametrize(
    ("volume", "found"),
    [
        (CA, [ref("ConfigMap", "private-ca", "tls.crt", place="spec.caBundle")]),
        ({"name": "v", "secret": {"secretName": "s"}}, [ref("Secret", "s")]),
        ({"name": "v", "secret": {"secretName": "s", "items": [{"key": "k", "path": "p"}]}}, [ref("Secret", "s", "k")]),
        ({"name": "v", "secret": {"secretName": "s", "optional": True}}, []),
        ({"name": "v", "configMap": {"name": "c"}}, [ref("ConfigMap", "c")]),
        (
            {
                "name": "v",
                "projected": {
                    "sources": [
                        {"secret": {"name": "s", "items": [{"key": "a", "path": "a"}, {"key": "b", "path": "b"}]}},
                        {"configMap": {"name": "c", "optional": True}},
                        {"serviceAccountToken": {"path": "token"}},
                    ]
                },
            },
            [ref("Secret", "s", "a", "b")],
        ),
        ({"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}}, [ref("Secret", "s")]),
        ({"name": "v", "emptyDir": {}}, []),
        ({"name": "v", "persistentVolumeClaim": {"claimName": "c"}}, []),
    ],
)
def test_objects_referenced_by_volumes(volume: dict[str, Any], found: list[ObjectReference]) -> None:
    assert references(pod(volumes=[volume])) == found


def test_objects_referenced_by_variables_except_the_redis_url() -> None:
    env = [
        {"name": "REDIS_URL", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "url"}}},
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "b", "optional": True}}},
        {"name": "C", "value": "c"},
        {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    mesh = {"name": "mesh", "envFrom": [{"secretRef": {"name": "m"}}]}
    found = references(pod(initContainers=[mesh], containers=[{"name": "ingester", "env": env}]))
    assert found == [
        ref("Secret", "m", place="the container mesh"),
        ref("ConfigMap", "c", "a", place="spec.podTemplate.env"),
    ]


def test_image_pull_secrets_are_listed_separately() -> None:
    found = pod(imagePullSecrets=[{"name": "regcred"}], containers=[{"name": "ingester"}])
    assert references(found) == []
    assert pull_secrets(found) == [ref("Secret", "regcred", place="spec.podTemplate.imagePullSecrets")]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, ["no ConfigMap c", "create it"]),
        ({}, ["ConfigMap c has no keys a, b", "add it"]),
        ({"data": {"a": "1"}}, ["ConfigMap c has no key b,"]),
        ({"data": {"a": "1"}, "binaryData": {"b": "Mg=="}}, []),
    ],
)
def test_the_message_names_missing_objects_and_keys(found: dict[str, Any] | None, expected: list[str]) -> None:
    text = ref("ConfigMap", "c", "a", "b", place="spec.caBundle").missing(found)
    assert bool(text) is bool(expected)
    assert all(word in text for word in expected)
    assert not text or "spec.caBundle" in text
