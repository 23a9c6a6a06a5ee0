"""Builds the pod of an ingester: restricted, with a read-only root file system and without a token.

Resources and all other additions of the user come from `merge_pod_template`.
"""

from collections.abc import Mapping
from typing import Final

from sluice_operator.api.pod_template import TERMINATION_GRACE_SECONDS
from sluice_operator.api.source_spec import CABundle, SourceSpec
from sluice_operator.api.volumes import CA_VOLUME
from sluice_operator.desired.child_metadata import Manifest
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.redis_secret import RedisSecret
from sluice_redis import ingester_settings

CONTAINER: Final = "ingester"
COMMAND: Final = "sluice-ingester"
METRICS_PORT: Final = ingester_settings.METRICS_PORT.default

_CA_DIRECTORY: Final = "/etc/sluice/ca"
_CA_FILE: Final = "ca.crt"
_USER: Final = 65532


def build_pod_spec(
    spec: SourceSpec, *, env: Mapping[str, str], redis: RedisSecret, defaults: IngesterDefaults
) -> Manifest:
    """The spec of a pod that runs the ingester with `env`, the variables of its sources."""
    pod: Manifest = {
        "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(spec, env=env, redis=redis, defaults=defaults)],
    }
    if defaults.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in defaults.image_pull_secrets]
    if spec.ca_bundle is not None:
        pod["volumes"] = [_ca_volume(spec.ca_bundle)]
    return pod


def _container(spec: SourceSpec, *, env: Mapping[str, str], redis: RedisSecret, defaults: IngesterDefaults) -> Manifest:
    container: Manifest = {
        "name": CONTAINER,
        "image": spec.image or defaults.image,
        "command": [COMMAND],
        "env": _env(spec, env=env, redis=redis),
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        # A node that restarts starts all its pods at once. Killing the slow ones would make all of them slower.
        "startupProbe": {**_probe("/healthz"), "periodSeconds": 1, "failureThreshold": 300},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 5, "failureThreshold": 2},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    policy = spec.image_pull_policy or defaults.image_pull_policy
    if policy is not None:
        container["imagePullPolicy"] = policy
    if spec.ca_bundle is not None:
        container["volumeMounts"] = [{"name": CA_VOLUME, "mountPath": _CA_DIRECTORY, "readOnly": True}]
    return container


def source_variables(spec: SourceSpec, *, env: Mapping[str, str]) -> dict[str, str]:
    """The variables of one source: those of its mode, and those that the spec sets for each source."""
    values = {
        **env,
        ingester_settings.HIGH_WATER_MARK.variable: str(spec.backpressure.high_water_mark),
        ingester_settings.BATCH_SIZE.variable: str(spec.batch.size),
        ingester_settings.BATCH_TIMEOUT_MS.variable: str(spec.batch.timeout_milliseconds),
    }
    if spec.on_cursor_lost is not None:
        values[ingester_settings.ON_CURSOR_LOST.variable] = spec.on_cursor_lost.lower()
    if spec.retention.trim_consumed:
        values[ingester_settings.TRIM_CONSUMED.variable] = "true"
    return values


def _env(spec: SourceSpec, *, env: Mapping[str, str], redis: RedisSecret) -> list[Manifest]:
    values: dict[str, str] = {}
    for name, value in env.items():
        values[name] = value
        if name == ingester_settings.BATCH_TIMEOUT_MS.variable:  # another order would replace existing pods
            values[ingester_settings.METRICS_PORT.variable] = str(METRICS_PORT)
    values.setdefault(ingester_settings.METRICS_PORT.variable, str(METRICS_PORT))
    if spec.redis is not None and spec.redis.key_prefix:
        values[ingester_settings.KEY_PREFIX.variable] = spec.redis.key_prefix
    if spec.ca_bundle is not None:
        values[ingester_settings.SSL_CERT_FILE.variable] = f"{_CA_DIRECTORY}/{_CA_FILE}"
    url = {"secretKeyRef": {"name": redis.name, "key": redis.key}}
    pod_name = {"fieldRef": {"fieldPath": "metadata.name"}}
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        {"name": ingester_settings.REDIS_URL.variable, "valueFrom": url},
        {"name": ingester_settings.POD_NAME.variable, "valueFrom": pod_name},
    ]


def _probe(path: str) -> Manifest:
    return {"httpGet": {"path": path, "port": "metrics"}, "timeoutSeconds": 5}


def _ca_volume(bundle: CABundle) -> Manifest:
    reference = bundle.config_map_ref
    return {
        "name": CA_VOLUME,
        "configMap": {"name": reference.name, "items": [{"key": reference.key, "path": _CA_FILE}]},
    }
