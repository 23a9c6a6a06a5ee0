import pytest

from sluice_ingester.sink.url import check, masked

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379",
        "redis://:pw@redis.svc:6379/3",
        "rediss://user:pw@[::1]:6380?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=2",
        "redis://host/",
    ],
)
def test_accepts(url: str) -> None:
    check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        f"http://:{SECRET}@host",
        f"redis://:{SECRET}#x@host",
        f"redis://:{SECRET}/x@host",
        f"redis://:{SECRET}@host:port",
        f"redis://:{SECRET}@host/db",
        f"redis://:{SECRET}@",
        "redis://host:0",
        "unix://",
    ],
)
def test_refuses_and_never_quotes(url: str) -> None:
    with pytest.raises(ValueError, match="redis://") as caught:
        check(url)
    assert SECRET not in str(caught.value)


def test_masked() -> None:
    assert masked(f"rediss://user:{SECRET}@host:1/2?password={SECRET}") == "rediss://host:1/2"
    assert masked("unix:///run/redis.sock") == "unix:///run/redis.sock"
