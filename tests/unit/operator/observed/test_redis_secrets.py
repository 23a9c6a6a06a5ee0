"""Reading the Redis URL from a Secret, and the messages about what is wrong."""

import base64
import hashlib
from typing import Any

import pytest

from sluice_operator.desired.redis_secret import RedisSecret
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.redis_secrets import redis_url, sink_without_url

SECRET = RedisSecret(name="redis", key="url", owned=False)
URL = b"redis://:s3cret@redis:6379/0"


def secret(data: dict[str, str] | None) -> dict[str, Any]:
    return {"metadata": {"name": "redis"}, "data": data}


def test_the_url_and_its_digest() -> None:
    url, facts = redis_url(secret({"url": base64.b64encode(URL).decode()}), SECRET)
    assert url == URL
    assert (facts.digest, facts.problem) == (hashlib.sha256(URL).hexdigest(), "")
    assert b"s3cret" not in repr(facts).encode()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, "There is no Secret redis: create it with the key url"),
        (secret(None), "The Secret redis has no key url: add it"),
        (secret({"other": "eA=="}), "The Secret redis has no key url: add it"),
        (secret({"url": ""}), "The key url of the Secret redis is empty: put the Redis URL there"),
        (secret({"url": "ICAK"}), "The key url of the Secret redis is empty: put the Redis URL there"),
    ],
)
def test_the_message_about_a_missing_secret_or_key(found: dict[str, Any] | None, expected: str) -> None:
    url, facts = redis_url(found, SECRET)
    assert url is None
    assert (facts.digest, facts.problem) == (None, expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (b'"redis://:s3cret@redis"', "it is in quotes: remove them"),
        (b":s3cret@redis:6379", "it has no scheme: put redis:// in front"),
        (b"\xef\xbb\xbfredis://:s3cret@redis", "it begins with a byte order mark"),
        (base64.b64encode(URL), "it is base64 of a URL: encode it once"),
        (b"redis+cluster://:s3cret@redis", "spec.redis.keyPrefix='p:' has no hash tag"),
        (b"\xff\xfe", "it is not UTF-8 text"),
    ],
)
def test_an_invalid_url_is_refused(url: bytes, expected: str) -> None:
    found, facts = redis_url(secret({"url": base64.b64encode(url).decode()}), SECRET, key_prefix="p:")
    assert (found, facts.digest, facts.invalid) == (None, None, True)
    assert facts.problem.startswith("The key url of the Secret redis is not a usable Redis URL: ")
    assert expected in facts.problem
    assert "s3cret" not in facts.problem
    sink = sink_without_url(facts)
    assert sink is not None
    assert (sink.failure, sink.failure_message) == (SinkReadFailure.URL_INVALID, facts.problem)


@pytest.mark.parametrize("around", [b"%s\n", b"%s\r\n", b"  %s  "])
def test_white_space_around_a_url_is_accepted(around: bytes) -> None:
    written = around % URL
    found, facts = redis_url(secret({"url": base64.b64encode(written).decode()}), SECRET)
    assert found == written
    assert facts.digest
    assert sink_without_url(facts) is None
