import base64
import hashlib
from typing import Any

import pytest

from sluice_operator.desired.redis import RedisSecret
from sluice_operator.observed.secrets import redis_url

WANTED = RedisSecret(name="redis", key="url", owned=False)
URL = b"redis://:s3cret@redis:6379/0"


def secret(data: dict[str, str] | None) -> dict[str, Any]:
    return {"metadata": {"name": "redis"}, "data": data}


def test_the_url_and_its_digest() -> None:
    url, facts = redis_url(secret({"url": base64.b64encode(URL).decode()}), WANTED)
    assert url == URL
    assert (facts.digest, facts.problem) == (hashlib.sha256(URL).hexdigest(), "")
    assert b"s3cret" not in repr(facts).encode()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, "There is no Secret redis: create it with the key url"),
        (secret(None), "The Secret redis has no key url: add it"),
        (secret({"other": "eA=="}), "The Secret redis has no key url: add it"),
        (secret({"url": ""}), "The key url of the Secret redis is empty: put the URL there"),
        (secret({"url": "ICAK"}), "The key url of the Secret redis is empty: put the URL there"),
    ],
)
def test_what_is_missing_is_told(found: dict[str, Any] | None, told: str) -> None:
    url, facts = redis_url(found, WANTED)
    assert url is None
    assert (facts.digest, facts.problem) == (None, told)
