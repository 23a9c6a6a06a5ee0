"""Reads the Redis URL from its Secret. Pure. The URL is handed only to the Redis client."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sluice_operator.desired.redis_secret import RedisSecret, redis_url_hash
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_redis.ingester_settings import KEY_PREFIX
from sluice_redis.url import url_problem


def redis_url(
    secret: Mapping[str, Any] | None, wanted: RedisSecret, *, key_prefix: str = ""
) -> tuple[bytes | None, SecretFacts]:
    """The URL in `secret` (None if it does not exist), and the facts about it.

    The URL is None if no ingester could use it with that key prefix.
    """
    if secret is None:
        return None, SecretFacts(problem=f"There is no Secret {wanted.name}: create it with the key {wanted.key}")
    text = (secret.get("data") or {}).get(wanted.key)
    if text is None:
        return None, SecretFacts(problem=f"The Secret {wanted.name} has no key {wanted.key}: add it")
    try:
        url = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        url = b""
    return usable_url(url, wanted, key_prefix=key_prefix)


def usable_url(url: bytes, wanted: RedisSecret, *, key_prefix: str = "") -> tuple[bytes | None, SecretFacts]:
    """`url`, the value of the key of the Secret, and the facts about it. None if no ingester could use it."""
    if not url.strip():
        return None, SecretFacts(
            problem=f"The key {wanted.key} of the Secret {wanted.name} is empty: put the Redis URL there"
        )
    if fault := url_problem(url, key_prefix=key_prefix, prefix_name=KEY_PREFIX.field):
        problem = f"The key {wanted.key} of the Secret {wanted.name} is not a usable Redis URL: {fault}"
        return None, SecretFacts(problem=problem, invalid=True)
    return url, SecretFacts(digest=redis_url_hash(url))


def sink_without_url(secret: SecretFacts) -> SinkFacts | None:
    """The facts about a Redis whose URL can't be read or used. None if there is simply no URL."""
    if secret.read_error:
        return SinkFacts(failure=SinkReadFailure.SECRET_UNREAD, failure_message=secret.read_error)
    if secret.invalid:
        return SinkFacts(failure=SinkReadFailure.URL_INVALID, failure_message=secret.problem, has_advice=True)
    return None
