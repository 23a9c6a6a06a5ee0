"""Redis URLs: valid ones are parsed, invalid ones are refused without the password in the message."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_redis.url import RedisUrl, Topology, has_hash_tag, redact_url, url_problem


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("redis://redis", RedisUrl(topology=Topology.SERVER, hosts=(("redis", 6379),))),
        (
            "rediss://user:p%2Fa%40ss@redis.example:6380/3",
            RedisUrl(
                topology=Topology.SERVER,
                tls=True,
                hosts=(("redis.example", 6380),),
                database=3,
                username="user",
                password="p/a@ss",
            ),
        ),
        (
            "redis://:pw@[::1]:7000?db=2",
            RedisUrl(topology=Topology.SERVER, hosts=(("::1", 7000),), database=2, password="pw"),
        ),
        ("unix:///run/redis.sock?db=1", RedisUrl(topology=Topology.SOCKET, path="/run/redis.sock", database=1)),
        (
            "redis+sentinel://u:p@one,two:26380/events/4?sentinel_password=s",
            RedisUrl(
                topology=Topology.SENTINEL,
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
                topology=Topology.CLUSTER,
                tls=True,
                hosts=(("one", 6379), ("two", 7001)),
                options={"ssl_check_hostname": False, "ssl_certfile": "/tls.crt"},
            ),
        ),
    ],
)
def test_a_valid_url_is_parsed(url: str, read: RedisUrl) -> None:
    assert RedisUrl.parse(url) == read


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://:s3cret@redis", "give redis://"),
        ("http://:s3cret@redis", "address of a website or of a REST interface"),
        ("HTTPS://us1.upstash.example", "address of a website or of a REST interface"),
        ("mysql://:s3cret@redis", "its scheme is not one of Redis"),
        ('"redis://:s3cret@redis"', "it is in quotes: remove them"),
        ("'redis://:s3cret@redis'", "it is in quotes"),
        ("“redis://:s3cret@redis”", "it is in quotes"),
        ('redis://:s3cret@redis"', "it is in quotes"),
        ("<redis://:s3cret@redis>", "it is in quotes"),
        ("\ufeffredis://:s3cret@redis", "it begins with a byte order mark"),
        ("cmVkaXM6Ly86czNjcmV0QHJlZGlzOjYzNzkvMA==", "it is base64 of a URL: encode it once"),
        ("cmVkaXM6Ly86czNjcmV0QHJlZGlzOjYz\nNzkvMA==\n", "it is base64 of a URL"),
        ("Y21Wa2FYTTZMeTg2Y3pOamNtVjBRSEpsWkdsek9qWXpOemt2TUE9PQ==", "it is base64 of a URL"),
        ("REDIS_URL=redis://:s3cret@redis", "it begins with the name of a variable"),
        ("export REDIS_URL=redis://:s3cret@redis", "it begins with the name of a variable"),
        ("url: redis://:s3cret@redis", "it begins with the name of a variable"),
        ("redis-cli -u redis://:s3cret@redis", "there is a blank or a line break in it"),
        ("redis://:s3c\nret@redis", "there is a blank or a line break in it"),
        ("redis://:s3cret@redis\r\nredis://:s3cret@other", "there is a blank or a line break in it"),
        ("redis://:s3cret@re\u200bdis", "there is an invisible character in it: type it again"),
        ("redis://:s3cret@redis\0", "there is an invisible character in it: type it again"),
        (":s3cret@redis:6379", "it has no scheme: put redis:// in front"),
        ("redis:6379", "it has no scheme"),
        ("redis", "it has no scheme"),
        ("redis:/:s3cret@redis", "it has no scheme"),
        (";redis://:s3cret@redis", "there is text before its scheme"),
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("s3cret", "give redis://"),
        ("redis://:s3cret/@redis", "it has no host, or too many"),
        ("redis://:s3cret@", "no host"),
        ("redis://:s3cret@redis:0", "no host"),
        ("redis://:s3cret@redis:port", "no host"),
        ("redis://:s3cret@redis/x", "its path is not a database number"),
        ("redis://:s3cret@one,two", "it has no host, or too many"),
        ("redis://:s3cret@[::1", "it is not a URL"),
        ("redis://:s3cret@redis#insecure", "it has no host, or too many"),
        ("redis://:s3cret@redis?timeout=1", "use only db, ssl_ca_certs"),
        ("redis://redis?ssl_check_hostname=s3cret", "neither true nor false"),
        ("redis+sentinel://:s3cret@one,two", "it has no service name"),
        ("redis+cluster://:s3cret@one/1", "only database 0"),
        ("redis+cluster://:s3cret@one,,two", "no host"),
        ("unix://", "no path"),
    ],
)
def test_the_error_of_an_invalid_url_has_no_password(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        RedisUrl.parse(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("around", ["{}", "{}\n", "{}\r\n", "  {}  ", "\t{}\n\n"])
def test_surrounding_white_space_is_ignored(around: str) -> None:
    url = around.format("redis://user:s3cret@redis:6379/1")
    read = RedisUrl.parse("redis://user:s3cret@redis:6379/1")
    assert RedisUrl.parse(url) == RedisUrl.parse(url.encode()) == read
    assert redact_url(url) == "redis://redis:6379/1"
    assert url_problem(url) == url_problem(url.encode()) == ""


def test_bytes_that_are_not_utf8() -> None:
    assert "it is not UTF-8 text" in url_problem("redis://:s3cret@redis".encode("utf-16"))
    assert "byte order mark" in url_problem("redis://:s3cret@redis".encode("utf-8-sig"))


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=20)


@given(PASSWORDS, st.sampled_from(["{}", '"{}"', "{}\n", "\ufeff{}", "X={}", "a {}", "{} b", ";{}"]))
def test_no_error_contains_a_password(password: str, around: str) -> None:
    """With any password, the URL is refused with the same message, or parsed with this very password."""
    url = around.format(f"redis://user:{quote(password, safe='')}@redis:6379/0")
    fault = url_problem(url)
    if fault:
        assert fault not in (url_problem("redis://redis"), "")
        assert fault == url_problem(around.format("redis://user:another-password@redis:6379/0"))
    else:
        assert RedisUrl.parse(url).password == password


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_parsed_or_refused(url: str | bytes) -> None:
    if not url_problem(url):
        assert RedisUrl.parse(url)


@pytest.mark.parametrize(("prefix", "works"), [("", False), ("p:", False), ("{}:", False), ("{p}:", True)])
def test_a_cluster_needs_a_hash_tag(prefix: str, works: bool) -> None:  # noqa: FBT001
    fault = url_problem("redis+cluster://:s3cret@redis", key_prefix=prefix, prefix_name="spec.redis.keyPrefix")
    assert (not fault) is works
    assert works or "spec.redis.keyPrefix" in fault
    assert url_problem("redis://redis", key_prefix=prefix) == ""


def test_a_redacted_url_has_no_secret() -> None:
    shown = redact_url("rediss+sentinel://user:s3cret@one:1,two:2/events/0?sentinel_password=s3cret")
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
