"""The Secret that holds the URL of a source's Redis."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import Manifest, build_shared_child
from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET

_KEY: Final = "url"


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisSecret:
    """Where the ingester of a source finds the URL of its Redis, in the source's namespace."""

    name: str
    key: str
    owned: bool
    """Whether the operator creates this Secret from its default URL, for all sources of the namespace that name none.
    Otherwise it only reads the Secret.
    """


def redis_secret(source: Source) -> RedisSecret:
    """The Secret that the source names, or the one that the operator makes for it."""
    reference = None if source.spec.redis is None else source.spec.redis.secret_ref
    if reference is None:
        return RedisSecret(name=DEFAULT_REDIS_SECRET, key=_KEY, owned=True)
    return RedisSecret(name=reference.name, key=reference.key, owned=False)


def key_prefix(source: Source) -> str:
    """The prefix of every key of the source in Redis."""
    return "" if source.spec.redis is None else source.spec.redis.key_prefix


def uses_default_redis(source: Mapping[str, Any]) -> bool:
    """Whether the object of a source names no Secret, so that it uses the operator's default Redis."""
    redis = (source.get("spec") or {}).get("redis") or {}
    return not redis.get("secretRef")


def build_default_redis_secret(namespace: str, *, url: str, owners: Sequence[Manifest]) -> Manifest:
    """The Secret with the operator's default URL. A pod can only read Secrets of its own namespace."""
    return build_shared_child(
        namespace,
        owners=owners,
        api_version="v1",
        kind="Secret",
        name=DEFAULT_REDIS_SECRET,
        body={"data": {_KEY: base64.b64encode(url.encode()).decode()}},
    )


def redis_url_hash(url: bytes) -> str:
    """The hash of the URL. It is an annotation of the pod, so that the pod is replaced if the URL changes."""
    return hashlib.sha256(url).hexdigest()
