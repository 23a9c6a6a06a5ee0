"""Which key of a Secret or ConfigMap is mounted at a path of the ingester's container."""

from typing import Any

import pytest

from sluice_operator.api.pod_template import PodTemplate
from sluice_operator.desired.volume_lookup import MountedKey, find_mounted_key

SECRET = {"name": "v", "secret": {"secretName": "tls"}}
ITEMS = {"name": "v", "secret": {"secretName": "tls", "items": [{"key": "tls.crt", "path": "client/crt"}]}}
CONFIG = {"name": "v", "configMap": {"name": "ca"}}
PROJECTED = {
    "name": "v",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token"}},
            {"secret": {"name": "one", "items": [{"key": "k", "path": "key"}]}},
            {"configMap": {"name": "two", "items": [{"key": "c", "path": "crt"}]}},
        ]
    },
}
AT = {"name": "v", "mountPath": "/etc/tls"}


def template(*volumes: dict[str, Any], mounts: list[dict[str, Any]]) -> PodTemplate:
    return PodTemplate.model_validate({"volumes": volumes, "volumeMounts": mounts})


@pytest.mark.parametrize(
    ("volume", "mount", "path", "found"),
    [
        (SECRET, AT, "/etc/tls/tls.crt", ("Secret", "tls", "tls.crt")),
        (ITEMS, AT, "/etc/tls/client/crt", ("Secret", "tls", "tls.crt")),
        (ITEMS, AT, "/etc/tls/tls.crt", None),
        (CONFIG, AT, "/etc/tls/ca.crt", ("ConfigMap", "ca", "ca.crt")),
        (PROJECTED, AT, "/etc/tls/key", ("Secret", "one", "k")),
        (PROJECTED, AT, "/etc/tls/crt", ("ConfigMap", "two", "c")),
        (PROJECTED, AT, "/etc/tls/token", None),
        (SECRET, {**AT, "mountPath": "/crt", "subPath": "tls.crt"}, "/crt", ("Secret", "tls", "tls.crt")),
        (ITEMS, {**AT, "subPath": "client"}, "/etc/tls/crt", ("Secret", "tls", "tls.crt")),
        (SECRET, AT, "/etc/tls", None),
        (SECRET, AT, "/etc/tlsx/tls.crt", None),
        (SECRET, AT, "/elsewhere", None),
        ({"name": "v", "emptyDir": {}}, AT, "/etc/tls/tls.crt", None),
        ({"name": "v", "secret": "nonsense", "projected": {"sources": 5}}, AT, "/etc/tls/tls.crt", None),
    ],
)
def test_the_key_mounted_at_a_path(
    volume: dict[str, Any], mount: dict[str, Any], path: str, found: tuple[Any, str, str] | None
) -> None:
    expected = found and MountedKey(kind=found[0], name=found[1], key=found[2])
    assert find_mounted_key(template(volume, mounts=[mount]), path) == expected


def test_a_mount_within_another_hides_it() -> None:
    inner = {"name": "w", "secret": {"secretName": "inner"}}
    mounts = [AT, {"name": "w", "mountPath": "/etc/tls/inner"}]
    found = find_mounted_key(template(SECRET, inner, mounts=mounts), "/etc/tls/inner/a")
    assert found == MountedKey(kind="Secret", name="inner", key="a")


def test_nothing_is_mounted_by_default() -> None:
    assert find_mounted_key(PodTemplate(), "/etc/tls/tls.crt") is None
