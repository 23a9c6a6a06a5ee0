"""Connecting to a source by WebSocket and by HTTP: dead addresses, redirects, unusual answers."""

import asyncio
import errno
import socket
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from sluice_ingester.sources.tls import Tls
from sluice_redis.client import open_client
from sluice_redis.url import RedisUrl
from tests.integration.ingester.certificate import make_certificate
from tests.integration.ingester.raw import answering, page, redirect
from tests.integration.ingester.source_connections import PROTOCOLS, failure, no_proxies, reach, source
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer

__all__ = ["no_proxies"]  # a fixture


class Addresses:
    """Replaces `getaddrinfo` and `sock_connect`: dual.test has several addresses in order, some of them dead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *dead: str, how: str) -> None:
        loop = asyncio.get_running_loop()
        connect, lookup = loop.sock_connect, loop.getaddrinfo
        self.tried: list[str] = []

        async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
            if host not in {"dual.test", b"dual.test"}:
                return await lookup(host, port, **options)
            kinds = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in (*dead, "127.0.0.1")]
            return [
                (kind, socket.SOCK_STREAM, 6, "", (each, port, 0, 0) if kind == socket.AF_INET6 else (each, port))
                for kind, each in zip(kinds, (*dead, "127.0.0.1"), strict=True)
            ]

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            self.tried.append(address[0])
            if address[0] not in dead:
                await connect(sock, address)
            elif how == "refuses":
                raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            else:
                await asyncio.sleep(3600)

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "sock_connect", sock_connect)


@PROTOCOLS
@pytest.mark.parametrize("how", ["refuses", "swallows"])
@pytest.mark.parametrize(
    "dead", [["2001:db8::1"], ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"], ["192.0.2.1"]]
)
async def test_a_dead_address_of_a_source_is_skipped(
    monkeypatch: pytest.MonkeyPatch, protocol: str, how: str, dead: list[str]
) -> None:
    addresses = Addresses(monkeypatch, *dead, how=how)
    async with source(protocol) as port:
        assert await reach(protocol, f"ws://dual.test:{port}")
    assert addresses.tried[0] == dead[0]


@pytest.mark.parametrize("how", ["refuses", "swallows"])
async def test_a_dead_address_of_redis_is_skipped(
    monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer, client: Redis, how: str
) -> None:
    addresses = Addresses(monkeypatch, "2001:db8::1", "192.0.2.1", how=how)
    port = redis_server.url.rpartition(":")[2]
    redis = open_client(RedisUrl.parse(f"redis://dual.test:{port}"), socket_connect_timeout=60.0)
    assert await redis.ping()
    await redis.aclose()
    assert addresses.tried[0] == "2001:db8::1"


LONG = b"Content-Security-Policy: " + b"a" * 9670
RETRY = b"Retry-After: 20"


@PROTOCOLS
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n" + RETRY + b"\r\n\r\n<html>",
        b"HTTP/1.1 503\r\nContent-Length: 0\r\n" + RETRY + b"\r\n\r\n",
        b"HTTP/1.1 503 Service indispon\xefble\r\nContent-Length: 0\r\n" + RETRY + b"\r\n\r\n",
        b"HTTP/1.1 503 X\r\n" + LONG + b"\r\nContent-Length: 0\r\n" + RETRY + b"\r\n\r\n",
        b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n" + RETRY + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n" + RETRY + b"\r\n" + RETRY + b"\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 X\r\nContent-Length: 0\r\n" + RETRY + b"\r\n\r\n",
    ],
    ids=["1.0", "no reason", "latin-1", "long", "chunked", "twice", "hints"],
)
async def test_a_refusal_in_any_form_is_understood(protocol: str, answer: bytes) -> None:
    async with answering(answer) as port:
        result = await failure(protocol, f"ws://127.0.0.1:{port}")
    assert (result.kind, result.min_delay) == ("Http503", 20.0)
    assert f"127.0.0.1:{port} answered 503" in result.message


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 X\nRetry-After: 20\n\n",
        b"HTTP/1.1 503 X\r\nContent-Length: many\r\nno header\r\nbad name: x\r\n" + RETRY + b"\r\n\r\n",
        b"\r\nHTTP/2 503\r\n" + RETRY + b"\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
    ids=["line feeds", "odd lines", "far too long"],
)
async def test_a_refusal_of_a_websocket_in_unusual_forms_is_understood(answer: bytes) -> None:
    async with answering(answer) as port:
        result = await failure("websocket", f"ws://127.0.0.1:{port}")
    assert (result.kind, result.min_delay) == ("Http503", 20.0)


async def test_long_header_lines_are_accepted() -> None:
    async with answering(page(LONG)) as port:
        assert await reach("http", f"http://127.0.0.1:{port}")


@PROTOCOLS
async def test_header_lines_above_the_limit_are_reported(protocol: str) -> None:
    huge = b"X: " + b"a" * 70_000
    answer = page(huge) if protocol == "http" else b"HTTP/1.1 101 Switching Protocols\r\n" + huge + b"\r\n\r\n"
    async with answering(answer) as port:
        result = await failure(protocol, f"ws://127.0.0.1:{port}")
    assert (result.kind, "64 KiB" in result.message) == ("HeadersTooLarge", True)


async def test_an_early_end_is_not_taken_for_another_protocol() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await failure("websocket", f"ws://127.0.0.1:{port}")).kind in {"ConnectionLost", "ConnectFailed"}


@PROTOCOLS
async def test_a_redirect_to_tls_trusts_the_private_ca(protocol: str, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with source(protocol, certificate) as port, answering(redirect(b"https://127.0.0.1:%d" % port)) as first:
        address = f"http://127.0.0.1:{first}"
        assert await reach(protocol, address, tls=Tls.load(certificate.chain))
        result = await failure(protocol, address, tls=Tls(Tls.load().context, ()))
        assert result.kind == "TlsFailed"
        assert f"the certificate of 127.0.0.1:{port} (where 127.0.0.1:{first} redirects to)" in result.message
        assert "name a private CA in INGESTER_CA_BUNDLE" in result.message
        result = await failure(protocol, address, tls=Tls(Tls.load().context, ("INGESTER_CA_BUNDLE",)))
        assert "no CA of INGESTER_CA_BUNDLE signed it" in result.message


@PROTOCOLS
async def test_a_redirect_from_tls_to_plain_text_is_followed_only_if_configured(protocol: str, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    tls = Tls.load(certificate.chain)
    async with (
        source(protocol) as plain,
        answering(redirect(b"http://127.0.0.1:%d" % plain), tls=certificate.context) as secure,
        answering(redirect(b"https://127.0.0.1:%d" % secure)) as first,
    ):
        result = await failure(protocol, f"wss://127.0.0.1:{secure}", tls=tls)
        assert result.kind == "RedirectRefused"
        assert f"127.0.0.1:{plain}" in result.message
        assert "not encrypted; if that is wanted, name the source as" in result.message
        assert await reach(protocol, f"http://127.0.0.1:{first}", tls=tls)


@PROTOCOLS
async def test_a_failure_behind_a_redirect_names_its_target(protocol: str) -> None:
    port = free_port()
    for place, word in ((b"https://gone.invalid", "gone.invalid"), (b"http://127.0.0.1:%d" % port, f":{port}")):
        async with answering(redirect(place)) as first:
            result = await failure(protocol, f"http://127.0.0.1:{first}")
            assert f"{word} (where 127.0.0.1:{first} redirects to)" in result.message


@PROTOCOLS
@pytest.mark.parametrize("place", [b"ftp://a.test", b"http://[", b"http://\xff\xfe.test:x", b"http://"])
async def test_a_redirect_without_a_usable_target(protocol: str, place: bytes) -> None:
    async with answering(redirect(place)) as first:
        result = await failure(protocol, f"http://127.0.0.1:{first}")
    assert result.kind in {"RedirectRefused", "NameUnknown"}
    assert result.message.isprintable()
