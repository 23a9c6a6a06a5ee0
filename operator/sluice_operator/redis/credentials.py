"""How the Redis of a source is reached: its URL and the CAs that the source names, read from the API server."""

from dataclasses import dataclass, field

from sluice_operator.api.source import Source
from sluice_operator.desired.redis_secret import key_prefix, redis_secret
from sluice_operator.kubernetes.client import CONFIG_MAPS, SECRETS, Kube, KubeError, Manifest
from sluice_operator.observed.ca_bundle import authorities
from sluice_operator.observed.redis_secrets import redis_url


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What a client needs."""

    url: bytes = field(repr=False)
    authorities: str = field(default="", repr=False)
    """In PEM form, or empty."""


async def find_secret(kube: Kube, source: Source) -> tuple[Manifest | None, str]:
    """The Secret with the URL, None if there is none; and why it can't be read, such as `Secret x can't be ...`.

    Raises KubeError if the API server did not answer as it should.
    """
    wanted = redis_secret(source)
    try:
        return await kube.get(SECRETS, source.metadata.namespace, wanted.name), ""
    except KubeError as error:
        if not error.is_refusal:
            raise
        return None, f"Secret {wanted.name} can't be read: {error.message}"


async def find_url(kube: Kube, source: Source, *, default: str | None) -> tuple[bytes | None, str]:
    """The URL, or None and what is missing. Raises KubeError if the API server did not answer as it should."""
    wanted = redis_secret(source)
    if wanted.owned:
        problem = "" if default else "the resource names no Secret, and the operator has no default Redis"
        return (default.encode() if default else None), problem
    secret, refusal = await find_secret(kube, source)
    if refusal:
        return None, f"the {refusal}"
    url, facts = redis_url(secret, wanted, key_prefix=key_prefix(source))
    return url, facts.problem


async def find_authorities(kube: Kube, source: Source) -> str:
    """The CAs that the source names; without them Redis is asked, and tells what is wrong. Raises KubeError."""
    bundle = source.spec.ca_bundle
    if bundle is None:
        return ""
    found = await kube.find(CONFIG_MAPS, source.metadata.namespace, bundle.config_map_ref.name)
    return authorities(found, bundle)
