"""The pool of a source, the Deployments that a pool shares, and what sources of a pool must have in common. Pure.

A pool is a name in a namespace. Its sources run in Deployments with one pod each. Each Deployment runs those sources
that its source list in Redis names.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.base import GROUP
from sluice_operator.api.pooling import PoolingMode
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import Manifest, build_shared_child, member_reference
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.merge_pod_template import merge_pod_template
from sluice_operator.desired.naming import MANAGED_BY, label_value, pod_selector
from sluice_operator.desired.pod import build_pod_spec, source_variables
from sluice_operator.desired.redis_secret import key_prefix, redis_secret
from sluice_operator.desired.stream import DesiredStream
from sluice_redis import ingester_settings

POOL_LABEL: Final = f"{GROUP}/pool"
"""The label of a shared Deployment and of its pods, with the name of the pool."""
SOURCE_LIST_PREFIX: Final = "sluice_sources:"
"""How the keys of source lists begin, after the key prefix."""
_COMPONENT: Final = "pool"
_DUMPED_FIELDS: Final = ("podTemplate", "image", "imagePullPolicy", "caBundle")
"""The fields of the spec that all sources of a pool have in common, in addition to `redis`."""


@dataclass(frozen=True, slots=True)
class PoolKey:
    """Namespace and name of a pool."""

    namespace: str
    name: str

    def deployment(self, index: int) -> str:
        """The name of its Deployment with that number."""
        return f"pool-{self.name}-{index}"

    def index_of(self, deployment: str) -> int | None:
        """The number of the Deployment with that name. None if it is none of this pool."""
        head, _, number = deployment.rpartition("-")
        return int(number) if head == f"pool-{self.name}" and number.isdecimal() and len(number) < 6 else None


def pool_of(source: Mapping[str, Any]) -> PoolKey | None:
    """The pool of a source's object. None if its pods are its own."""
    pooling = (source.get("spec") or {}).get("pooling")
    if not isinstance(pooling, Mapping) or pooling.get("mode") != PoolingMode.SHARED:
        return None
    return PoolKey(source["metadata"]["namespace"], str(pooling.get("pool") or "default"))


def pool_sharers(pool: PoolKey) -> tuple[Callable[[Manifest], PoolKey | None], PoolKey]:
    """How to look up the sources of `pool`."""
    return pool_of, pool


def pool_of_source(source: Source) -> PoolKey | None:
    """The same for a parsed source."""
    pooling = source.spec.pooling
    return PoolKey(source.metadata.namespace, pooling.pool) if pooling.mode is PoolingMode.SHARED else None


def differing_field(source: Source, oldest: Source) -> str:
    """The first field in which `source` differs from the `oldest` of its pool, such as `spec.image`. Empty if none."""
    if (redis_secret(source), key_prefix(source)) != (redis_secret(oldest), key_prefix(oldest)):
        return "spec.redis"
    own, others = source.spec.dump(), oldest.spec.dump()
    return next((f"spec.{name}" for name in _DUMPED_FIELDS if own.get(name) != others.get(name)), "")


def source_id(source: Source) -> str:
    """`source` in the IDs of its entries: `KIND/NAMESPACE/NAME`."""
    return _source_id(type(source).__name__, source.metadata.namespace, source.metadata.name)


def object_source_id(source: Mapping[str, Any]) -> str:
    """The same for a source's object."""
    return _source_id(source["kind"], source["metadata"]["namespace"], source["metadata"]["name"])


def _source_id(kind: str, namespace: str, name: str) -> str:
    return f"{kind}/{namespace}/{name}"


def entry_id(source: Source, stream: DesiredStream) -> str:
    """The ID of a stream of `source` in the source list of its Deployment."""
    return f"{source_id(source)}/{stream.component.field}"


def owner_of_entry(entry: str) -> str:
    """The source of the entry with that ID: `KIND/NAMESPACE/NAME`."""
    return entry.rpartition("/")[0]


def build_entry(source: Source, stream: DesiredStream) -> str:
    """The entry of a stream: the variables that an ingester of its own would get, as JSON."""
    return json.dumps(source_variables(source.spec, env=stream.env), sort_keys=True)


def list_version(entries: Mapping[str, str]) -> str:
    """The version of the source list with these entries."""
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()[:16]


def source_list_key(pool: PoolKey, index: int, *, prefix: str, unique: str) -> str:
    """The key of a source list in Redis. `unique` tells clusters apart that share a Redis."""
    digest = hashlib.sha256(unique.encode()).hexdigest()[:8]
    return f"{prefix}{SOURCE_LIST_PREFIX}{pool.namespace}:{pool.deployment(index)}:{digest}"


def is_source_list_key(key: str, *, prefix: str) -> bool:
    """Whether `key` is that of a source list in a Redis whose keys begin with `prefix`."""
    return key.startswith(f"{prefix}{SOURCE_LIST_PREFIX}")


def build_pool_deployment(
    pool: PoolKey,
    index: int,
    *,
    oldest: Source,
    members: Sequence[Source],
    runs: bool,
    source_list: str,
    config_hashes: Mapping[str, str],
    defaults: IngesterDefaults,
) -> Manifest:
    """The Deployment with that number, for the `members` that are assigned to it. `oldest` is that of the whole pool.

    It has one pod, or none if no source `runs`.
    """
    name = pool.deployment(index)
    selector = pod_selector(resource=name, component=_COMPONENT)
    labels = {**selector, POOL_LABEL: label_value(pool.name)}
    env = {ingester_settings.SOURCE_LIST.variable: source_list}
    template = {
        "metadata": {"labels": {**labels, **MANAGED_BY}, "annotations": dict(config_hashes)},
        "spec": build_pod_spec(oldest.spec, env=env, redis=redis_secret(oldest), defaults=defaults),
    }
    return build_shared_child(
        pool.namespace,
        owners=[member_reference(member) for member in members],
        api_version="apps/v1",
        kind="Deployment",
        name=name,
        labels=labels,
        body={
            "spec": {
                "replicas": 1 if runs else 0,
                # Two pods with the same sources would fence each other.
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": selector},
                "template": merge_pod_template(template, oldest.spec.pod_template),
            },
        },
    )
