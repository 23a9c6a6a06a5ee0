"""Whether two URLs lead to the same Redis."""

import pytest

from sluice_operator.desired.redis_identity import RedisIdentity

SAME = [
    ("redis://10.0.0.1", "redis://10.0.0.1:6379/0"),
    ("redis://10.0.0.1", "rediss://user:password@10.0.0.1:6379/"),
    ("redis://10.0.0.1/3", "redis://10.0.0.1?db=3"),
    ("redis://Redis.Example.COM.", "redis://redis.example.com"),
    ("redis://[fd00::1]:6379", "redis://[fd00::1]"),
    ("redis://redis.data", "redis://redis.data.svc"),
    ("redis://redis.data.svc", "redis://redis.data.svc.cluster.local."),
    ("redis://redis.data.svc.example.org", "redis://redis.data"),
    ("redis://redis", "redis://redis.here.svc"),
    ("redis://redis-0.redis.data.svc", "redis://redis-0.redis.data.svc.cluster.local"),
    ("redis://svc.svc", "redis://svc.svc.svc.cluster.local"),
    ("redis+sentinel://one,two/events", "redis+sentinel://x:y@two:26379,three/events/0"),
    ("redis+cluster://one,two", "redis+cluster://two:6379,three:7000"),
    ("unix:///run/redis.sock", "unix:///run/redis.sock?db=0"),
]
OTHERS = [
    ("redis://10.0.0.1", "redis://10.0.0.2"),
    ("redis://10.0.0.1", "redis://10.0.0.1:6380"),
    ("redis://10.0.0.1", "redis://10.0.0.1/1"),
    ("redis://redis", "redis://redis.there.svc"),
    ("redis://redis.data", "redis://redis.other"),
    ("redis://redis.example.com", "redis://redis.example.com.svc"),
    ("redis+sentinel://one,two/events", "redis+sentinel://one,two/others"),
    ("redis+sentinel://one:26379/events", "redis://one:26379"),
    ("redis+cluster://one,two", "redis+cluster://three,four"),
    ("unix:///run/redis.sock", "unix:///run/other.sock"),
    ("unix:///run/redis.sock", "redis://run"),
]


def identity(url: str, namespace: str = "here") -> RedisIdentity:
    found = RedisIdentity.from_url(url.encode(), namespace=namespace)
    assert found is not None
    return found


@pytest.mark.parametrize(("one", "other"), SAME)
def test_urls_of_the_same_redis(one: str, other: str) -> None:
    assert identity(one).is_same(identity(other))
    assert identity(other).is_same(identity(one))


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_urls_of_different_redis(one: str, other: str) -> None:
    assert not identity(one).is_same(identity(other))
    assert not identity(other).is_same(identity(one))


def test_a_short_host_name_depends_on_the_namespace() -> None:
    assert not identity("redis://redis", "here").is_same(identity("redis://redis", "there"))
    assert identity("redis://127.0.0.1", "here").is_same(identity("redis://127.0.0.1", "there"))
    assert identity("redis://redis.here", "there").is_same(identity("redis://redis", "here"))


@pytest.mark.parametrize("url", [b"", b"http://redis", b"\xff", b"redis://"])
def test_an_invalid_url_has_no_identity(url: bytes) -> None:
    assert RedisIdentity.from_url(url, namespace="here") is None
