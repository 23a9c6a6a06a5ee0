"""How the Redis of a source is reached: its URL and the CAs that the source names, read from the API server."""

from dataclasses import dataclass, field

from sluice_operator.api.source import Source
from sluice_operator.desired.redis_secret import key_prefix, redis_secret
from sluice_operator.kubernetes.client import CONFIG_MAPS, SECRETS, ApiError, KubernetesClient, Manifest
from sluice_operator.observed.ca_bundle import ca_certificates
from sluice_operator.observed.redis_secrets import redis_url


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisCredentials:
    """What a client needs."""

    url: bytes = field(repr=False)
    ca_bundle: str = field(default="", repr=False)
    """In PEM form, or empty."""


async def find_secret(client: KubernetesClient, source: Source) -> tuple[Manifest | None, str]:
    """The Secret with the URL, None if there is none; and why it can't be read, such as `Secret x can't be ...`.

    Raises KubeError if the API server did not answer as it should.
    """
    wanted = redis_secret(source)
    try:
        return await client.get(SECRETS, source.metadata.namespace, wanted.name), ""
    except ApiError as error:
        if not error.is_refusal:
            raise
        return None, f"Secret {wanted.name} can't be read: {error.message}"


async def find_url(client: KubernetesClient, source: Source, *, default_url: str | None) -> tuple[bytes | None, str]:
    """The URL, or None and what is missing. Raises KubeError if the API server did not answer as it should."""
    wanted = redis_secret(source)
    if wanted.owned:
        problem = "" if default_url else "the resource names no Secret, and the operator has no default Redis"
        return (default_url.encode() if default_url else None), problem
    secret, refusal = await find_secret(client, source)
    if refusal:
        return None, f"the {refusal}"
    url, facts = redis_url(secret, wanted, key_prefix=key_prefix(source))
    return url, facts.problem


async def find_ca_bundle(client: KubernetesClient, source: Source) -> str:
    """The CAs that the source names; without them Redis is asked, and tells what is wrong. Raises KubeError."""
    bundle = source.spec.ca_bundle
    if bundle is None:
        return ""
    found = await client.get_if_allowed(CONFIG_MAPS, source.metadata.namespace, bundle.config_map_ref.name)
    return ca_certificates(found, bundle)
