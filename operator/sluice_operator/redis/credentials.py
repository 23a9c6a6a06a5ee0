"""Reads from the API server what a connection to the Redis of a source needs: its URL and its CA bundle."""

from dataclasses import dataclass, field

from sluice_operator.api.source import Source
from sluice_operator.desired.redis_secret import key_prefix, redis_secret
from sluice_operator.kubernetes.api_resource import CONFIG_MAPS, SECRETS, Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.protocols import ObjectReader, get_if_allowed
from sluice_operator.observed.ca_bundle import ca_certificates
from sluice_operator.observed.redis_secrets import redis_url


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisCredentials:
    """What a client needs to connect."""

    url: bytes = field(repr=False)
    ca_bundle: str = field(default="", repr=False)
    """In PEM form; empty if the source names none."""


async def find_secret(client: ObjectReader, source: Source) -> tuple[Manifest | None, str]:
    """The Secret with the URL, or None if there is none; and why it can't be read, as `Secret x can't be read: ...`.

    Raises ApiError if a retry may help.
    """
    reference = redis_secret(source)
    try:
        return await client.get(SECRETS, source.metadata.namespace, reference.name), ""
    except ApiError as error:
        if not error.is_refusal:
            raise
        return None, f"Secret {reference.name} can't be read: {error.message}"


async def find_url(client: ObjectReader, source: Source, *, default_url: str | None) -> tuple[bytes | None, str]:
    """The URL. Otherwise None, and what is missing. Raises ApiError if a retry may help."""
    reference = redis_secret(source)
    if reference.owned:
        problem = "" if default_url else "the resource names no Secret, and the operator has no default Redis"
        return (default_url.encode() if default_url else None), problem
    secret, refusal = await find_secret(client, source)
    if refusal:
        return None, f"the {refusal}"
    url, facts = redis_url(secret, reference, key_prefix=key_prefix(source))
    return url, facts.problem


async def find_ca_bundle(client: ObjectReader, source: Source) -> str:
    """The CA bundle that the source names, in PEM form; empty if there is none. Raises ApiError if a retry may help.

    A missing bundle is no error here: the connection to Redis then fails, with a message about its certificate.
    """
    bundle = source.spec.ca_bundle
    if bundle is None:
        return ""
    found = await get_if_allowed(client, CONFIG_MAPS, source.metadata.namespace, bundle.config_map_ref.name)
    return ca_certificates(found, bundle)
