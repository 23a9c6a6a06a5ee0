"""The URLs of a Redis, as people write them."""

import pytest

from sluice_ingester.redis_url import Kind, RedisUrl, has_hash_tag, masked


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("redis://redis", RedisUrl(kind=Kind.SERVER, hosts=(("redis", 6379),))),
        (
            "rediss://user:p%2Fa%40ss@redis.example:6380/3",
            RedisUrl(
                kind=Kind.SERVER,
                tls=True,
                hosts=(("redis.example", 6380),),
                database=3,
                username="user",
                password="p/a@ss",
            ),
        ),
        ("redis://:pw@[::1]:7000?db=2", RedisUrl(kind=Kind.SERVER, hosts=(("::1", 7000),), database=2, password="pw")),
        ("unix:///run/redis.sock?db=1", RedisUrl(kind=Kind.SOCKET, path="/run/redis.sock", database=1)),
        (
            "redis+sentinel://u:p@one,two:26380/events/4?sentinel_password=s",
            RedisUrl(
                kind=Kind.SENTINEL,
                hosts=(("one", 26379), ("two", 26380)),
                service="events",
                database=4,
                username="u",
                password="p",
                options={"sentinel_password": "s"},
            ),
        ),
        (
            "rediss+cluster://one,two:7001/0?ssl_check_hostname=false&ssl_certfile=%2Ftls.crt",
            RedisUrl(
                kind=Kind.CLUSTER,
                tls=True,
                hosts=(("one", 6379), ("two", 7001)),
                options={"ssl_check_hostname": False, "ssl_certfile": "/tls.crt"},
            ),
        ),
    ],
)
def test_what_people_write(url: str, read: RedisUrl) -> None:
    assert RedisUrl.parse(url) == read


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://:s3cret@redis", "give redis://"),
        ("s3cret", "give redis://"),
        ("redis://:s3cret/@redis", "more than belongs there"),
        ("redis://:s3cret@", "no host"),
        ("redis://:s3cret@redis:0", "no host"),
        ("redis://:s3cret@redis:port", "no host"),
        ("redis://:s3cret@redis/x", "not the number of a database"),
        ("redis://:s3cret@one,two", "more than belongs there"),
        ("redis://:s3cret@[::1", "can't be read as a URL"),
        ("redis://:s3cret@redis#insecure", "more than belongs there"),
        ("redis://:s3cret@redis?timeout=1", "known are db, ssl_ca_certs"),
        ("redis://redis?ssl_check_hostname=s3cret", "neither true nor false"),
        ("redis+sentinel://:s3cret@one,two", "names no service"),
        ("redis+cluster://:s3cret@one/1", "database 0 alone"),
        ("redis+cluster://:s3cret@one,,two", "no host"),
        ("unix://", "no path"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        RedisUrl.parse(url)
    assert "s3cret" not in str(caught.value)


def test_what_is_shown_holds_no_secret() -> None:
    shown = masked("rediss+sentinel://user:s3cret@one:1,two:2/events/0?sentinel_password=s3cret")
    assert shown == "rediss+sentinel://one:1,two:2/events/0"
    assert "s3cret" not in repr(RedisUrl.parse("redis://user:s3cret@redis"))


@pytest.mark.parametrize(
    ("prefix", "holds"),
    [
        ("{sluice}:", True),
        ("a:{b}:c", True),
        ("", False),
        ("sluice:", False),
        ("{}:", False),
        ("{}{x}", False),
        ("}{", False),
    ],
)
def test_hash_tags(prefix: str, holds: bool) -> None:  # noqa: FBT001
    assert has_hash_tag(prefix) is holds
