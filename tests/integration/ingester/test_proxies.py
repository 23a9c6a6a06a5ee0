"""Proxies from the environment: failures name the proxy, and never its password."""

import asyncio
import contextlib
from base64 import b64encode
from pathlib import Path

import pytest

from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.tls import Tls
from tests.integration.ingester.certificate import make_certificate
from tests.integration.ingester.raw import answering, page
from tests.integration.ingester.source_connections import PROTOCOLS, failure, no_proxies, reach, source
from tests.integration.ports import free_port

__all__ = ["no_proxies"]  # a fixture


def name_proxy(monkeypatch: pytest.MonkeyPatch, protocol: str, url: str) -> None:
    monkeypatch.setenv("HTTP_PROXY" if protocol == "http" else "HTTPS_PROXY", url)


@PROTOCOLS
async def test_a_failure_at_the_proxy_names_the_proxy(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    async with source(protocol) as port:
        for proxy, kind in ((f"127.0.0.1:{free_port()}", "ConnectFailed"), ("proxy.invalid:3128", "NameUnknown")):
            name_proxy(monkeypatch, protocol, f"http://somebody:hunter2@{proxy}/")
            result = await failure(protocol, f"ws://127.0.0.1:{port}")
            assert result.kind == kind
            assert f"the proxy http://{proxy} (on the way to 127.0.0.1:{port})" in result.message
            assert "hunter2" not in result.message
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert await reach(protocol, f"ws://127.0.0.1:{port}")


@PROTOCOLS
async def test_a_proxy_that_refuses_the_connection(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    async with answering(b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:hunter2@127.0.0.1:{proxy}")
        result = await failure(protocol, "https://a.test")
    assert result.kind == "ProxyFailed"
    assert f"the proxy http://127.0.0.1:{proxy} (on the way to a.test) answered 407" in result.message
    assert "hunter2" not in result.message


@pytest.mark.parametrize("address", ["http://a.test", "https://a.test"])
async def test_the_proxy_gets_the_credentials(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return page() if request.startswith(b"GET ") else b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"

    async with answering(answer) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://me:p%40ss@127.0.0.1:{proxy}")
        with contextlib.suppress(SourceError):
            await reach("http", address)
    assert b"Proxy-Authorization: Basic " + b64encode(b"me:p@ss") in asked[0]
    assert b"\r\nAuthorization:" not in asked[0]


@PROTOCOLS
@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY"])
@pytest.mark.parametrize("url", ["socks5://me:hunter2@127.0.0.1:1", "http://me:hunter2@[", "ftp://me:hunter2@a.test"])
async def test_an_unusable_proxy(monkeypatch: pytest.MonkeyPatch, protocol: str, variable: str, url: str) -> None:
    monkeypatch.setenv(variable, url)
    result = await failure(protocol, "https://a.test")
    assert result.kind == "ProxyFailed"
    assert "a.test" in result.message
    assert "hunter2" not in result.message


@PROTOCOLS
async def test_a_tunnel_through_a_proxy_of_http_1_0(
    monkeypatch: pytest.MonkeyPatch, protocol: str, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        host, _, port = request.split(b" ")[1].decode().rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.0 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with source(protocol, certificate) as port:
        monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        assert await reach(protocol, f"https://127.0.0.1:{port}", tls=Tls.load(certificate.chain))
        result = await failure(protocol, f"https://127.0.0.1:{port}", tls=Tls(Tls.load().context, ()))
        assert f"the certificate of 127.0.0.1:{port} is not trusted" in result.message
    proxy.close()
