"""The Secret with the URL of Redis. Pure; the URL goes no further than to the client of Redis."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sluice_operator.desired.redis_secret import RedisSecret, redis_url_hash
from sluice_operator.observed.facts import SecretFacts, SinkFacts, SinkReadFailure
from sluice_redis.url import url_problem


def redis_url(
    secret: Mapping[str, Any] | None, wanted: RedisSecret, *, key_prefix: str = ""
) -> tuple[bytes | None, SecretFacts]:
    """The URL that stands in `secret` (None if there is no such Secret), and the facts about it.

    What no ingester could use, with that prefix of its keys, is no URL.
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
    if not url.strip():
        return None, SecretFacts(
            problem=f"The key {wanted.key} of the Secret {wanted.name} is empty: put the URL there"
        )
    if fault := url_problem(url, key_prefix=key_prefix, prefix_name="spec.redis.keyPrefix"):
        told = f"The key {wanted.key} of the Secret {wanted.name} is not the URL of a Redis that can be used: {fault}"
        return None, SecretFacts(problem=told, invalid=True)
    return url, SecretFacts(digest=redis_url_hash(url))


def sink_without_url(secret: SecretFacts) -> SinkFacts | None:
    """What is told of a Redis that can't be asked, for want of a URL; None if there is none to be read."""
    if secret.read_error:
        return SinkFacts(failure=SinkReadFailure.SECRET_UNREAD, failure_message=secret.read_error)
    if secret.invalid:
        return SinkFacts(failure=SinkReadFailure.URL_INVALID, failure_message=secret.problem, has_advice=True)
    return None
