"""The Secret that holds the URL of a source's Redis."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import Manifest, build_child
from sluice_operator.desired.naming import redis_secret_name

_KEY: Final = "url"


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisSecret:
    """Where the ingester of a source finds the URL of its Redis, in the source's namespace."""

    name: str
    key: str
    owned: bool
    """Whether the operator creates this Secret from its default URL. Otherwise it only reads the Secret."""


def redis_secret(source: Source) -> RedisSecret:
    """The Secret that the source names, or the one that the operator makes for it."""
    reference = None if source.spec.redis is None else source.spec.redis.secret_ref
    if reference is None:
        name = redis_secret_name(kind=type(source).__name__, resource=source.metadata.name)
        return RedisSecret(name=name, key=_KEY, owned=True)
    return RedisSecret(name=reference.name, key=reference.key, owned=False)


def key_prefix(source: Source) -> str:
    """The prefix of every key of the source in Redis."""
    return "" if source.spec.redis is None else source.spec.redis.key_prefix


def build_redis_secret(source: Source, *, url: str) -> Manifest:
    """The Secret with the operator's default URL. A pod can only read Secrets of its own namespace."""
    return build_child(
        source,
        api_version="v1",
        kind="Secret",
        name=redis_secret(source).name,
        body={"data": {_KEY: base64.b64encode(url.encode()).decode()}},
    )


def redis_url_hash(url: bytes) -> str:
    """The hash of the URL. It is an annotation of the pod, so that the pod is replaced if the URL changes."""
    return hashlib.sha256(url).hexdigest()
