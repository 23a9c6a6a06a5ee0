"""The defaults that an API server sets where a Deployment or a Secret leaves a field out. Pure.

A default is not a difference. For a default that is missing here, the operator sends one dry run.
"""

from collections.abc import Mapping
from typing import Any, Final

_PROBE: Final = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_CONTAINER: Final = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}

_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"type": "Opaque"},
    "spec": {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "volumeMode": "Filesystem",
    },
    "containers": _CONTAINER,
    "initContainers": _CONTAINER,
    "ports": {"protocol": "TCP"},
    "startupProbe": _PROBE,
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "httpGet": {"scheme": "HTTP", "path": "/"},
    "fieldRef": {"apiVersion": "v1"},
    "resourceFieldRef": {"divisor": "0"},
    "secret": {"defaultMode": 420},
    "configMap": {"defaultMode": 420},
    "downwardAPI": {"defaultMode": 420},
    "projected": {"defaultMode": 420},
    "serviceAccountToken": {"expirationSeconds": 3600},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "fsType": "ext4", "kind": "Shared", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
"""By the name of the parent field, the defaults of its fields."""


def is_default(parent: str, name: str, value: Any, siblings: Mapping[str, Any]) -> bool:
    """Whether an API server sets the field `name` of `parent` to `value` if it is left out.

    `siblings` are the desired fields next to it.
    """
    if name == "imagePullPolicy":
        return bool(value == _default_pull_policy(str(siblings.get("image", ""))))
    if name == "serviceAccount":  # the old name of serviceAccountName, kept equal to it
        return bool(value == siblings.get("serviceAccountName"))
    default = _DEFAULTS.get(parent, {}).get(name)
    return default is not None and type(value) is type(default) and bool(value == default)


def _default_pull_policy(image: str) -> str:
    name, _, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return "Always" if not digest and (not colon or tag == "latest") else "IfNotPresent"
