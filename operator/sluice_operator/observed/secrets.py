"""The Secret with the URL of Redis. Pure; the URL goes no further than to the client of Redis."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sluice_operator.desired.redis import RedisSecret, redis_hash
from sluice_operator.observed.facts import SecretFacts


def redis_url(secret: Mapping[str, Any] | None, wanted: RedisSecret) -> tuple[bytes | None, SecretFacts]:
    """The URL that stands in `secret` (None if there is no such Secret), and the facts about it."""
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
    return url, SecretFacts(digest=redis_hash(url))
