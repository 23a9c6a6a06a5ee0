"""Pages of a host's `com.atproto.sync.listRepos`, over HTTP.

Imported only where repositories are listed: aiohttp is not small.
"""

import asyncio
import contextlib
import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from websockets.datastructures import Headers
from websockets.exceptions import InvalidProxyStatus
from websockets.http11 import Response
from yarl import URL

from sluice_common.text import readable
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import Failure, SourceError, explain, retry_after
from sluice_ingester.sources.handshake_response import MAX_LINE
from sluice_ingester.sources.hop import Hop, host_port
from sluice_ingester.sources.proxy import Proxy, ProxyUnusableError, proxy_for
from sluice_ingester.sources.tls import Tls

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes: a page of 1000 repos has about 250 kB."""
_MAX_ERROR: Final = 64 * 1024
_ERROR_SECONDS: Final = 5.0
_MOST_SAID: Final = 4096
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60.0, sock_connect=15.0)
_TOO_MANY: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class PageError(SourceError):
    """A page could not be fetched.

    `status` is the HTTP answer's, None if none came. `said` is the message of the body where that
    is one of XRPC's, not a load balancer's.
    """

    def __init__(self, failure: Failure, *, status: int | None = None, said: str = "") -> None:
        super().__init__(failure)
        self.status = status
        self.said = said


class Listing:
    """The listing of one host. `close` it in the end."""

    def __init__(self, address: Address, *, nsid: str, user_agent: str, tls: Tls | None) -> None:
        self._address = address
        self._nsid = nsid
        self._tls = tls or Tls.of()
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def page(self, *, cursor: str | None, limit: int) -> bytes:
        """The body of the page of at most `limit` repos behind `cursor`. PageError if it doesn't come."""
        url = URL(self._address.query(self._nsid, limit=limit, cursor=cursor), encoded=True)
        hop = Hop(source=self._address.host, target=self._address.host)
        for _ in range(_MOST_REDIRECTS + 1):
            page = await self._ask(url, hop)
            if isinstance(page, bytes):
                return page
            url = page
            secure = url.scheme == "https"
            hop = Hop(source=self._address.host, target=host_port(url.host or "", url.port, secure=secure))
        raise PageError(Failure("RedirectRefused", f"{hop.place} redirects more than {_MOST_REDIRECTS} times"))

    async def _ask(self, url: URL, hop: Hop) -> bytes | URL:
        """The page at `url`, or where it redirects to."""
        try:
            proxy = proxy_for(url.host or "", url.port or 0, schemes=(url.scheme,))
        except ProxyUnusableError as error:
            raise PageError(explain(error, place=hop.source, hop=hop)) from None
        if proxy is not None:
            hop = replace(hop, proxy=proxy.name)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=_TIMEOUT, max_line_size=MAX_LINE, max_field_size=MAX_LINE
            )
        try:
            async with self._session.get(
                url, ssl=self._tls.context, allow_redirects=False, **_through(proxy, is_tunnel=url.scheme == "https")
            ) as answer:
                if answer.status in _REDIRECTS and (place := answer.headers.get("Location")):
                    return self._redirected(url, place, hop)
                if answer.status != HTTPStatus.OK:
                    raise _refusal(answer, await _read_some(answer), hop)
                body = await _read(answer, most=MAX_BODY)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PageError(_explain(error, hop, self._tls.named)) from error
        if len(body) > MAX_BODY:
            raise PageError(Failure("PageTooLarge", f"{hop.place} sent a page above {MAX_BODY} bytes"))
        return body

    def _redirected(self, url: URL, place: str, hop: Hop) -> URL:
        try:
            target = url.join(URL(place))
            usable = target.scheme in {"http", "https"} and bool(target.host)
        except ValueError:
            usable = False
        if not usable:
            words = f"{hop.place} redirects to where it can't be followed: {place[:200]}"
            raise PageError(Failure("RedirectRefused", words))
        if url.scheme == "https" and target.scheme == "http" and not self._address.plain:
            name = f"http://{host_port(target.host or '', target.port, secure=False)}"
            words = f"{hop.place} redirects to {name}, which is not encrypted"
            raise PageError(Failure("RedirectRefused", f"{words}; if that is wanted, name the source as {name}"))
        return target

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _through(proxy: Proxy | None, *, is_tunnel: bool) -> dict[str, Any]:
    """The options of a request through `proxy`; only in a tunnel the proxy has headers of its own."""
    if proxy is None:
        return {}
    url = URL(proxy.url)
    options: dict[str, Any] = {"proxy": url.with_user(None)}
    if url.user:
        authorization = aiohttp.encode_basic_auth(url.user, url.password or "")
        options["proxy_headers" if is_tunnel else "headers"] = {"Proxy-Authorization": authorization}
    return options


def _explain(error: Exception, hop: Hop, named: tuple[str, ...]) -> Failure:
    """What an error of the HTTP client means. None of its own texts is told that may quote the proxy's URL."""
    tls = replace(hop, reached=True)  # it begins when there is a way to the target
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return explain(_cause(error.certificate_error), place=hop.source, hop=tls, named=named)
        case aiohttp.ClientConnectorSSLError():
            return explain(error.os_error, place=hop.source, hop=tls, named=named)
        case aiohttp.ClientConnectorError():
            return explain(error.os_error, place=hop.source, hop=hop, named=named)
        case aiohttp.ConnectionTimeoutError():
            return explain(TimeoutError(), place=hop.source, hop=hop)
        case aiohttp.ClientHttpProxyError():
            return explain(InvalidProxyStatus(Response(error.status, "", Headers())), place=hop.source, hop=hop)
        case _:
            return _answer_failed(error, hop)


def _answer_failed(error: Exception, hop: Hop) -> Failure:
    match error:
        case TimeoutError():
            return Failure("PageTimeout", f"{hop.place} did not give a page in {_TIMEOUT.total:g} s")
        case aiohttp.ServerDisconnectedError():  # its text is the half of an answer
            return Failure("ConnectionLost", f"{hop.place} closed the connection before it had answered")
        case aiohttp.InvalidURL() | UnicodeError():
            return Failure("NameUnknown", f"the name of {hop.peer} is no name of a host")
        case aiohttp.ClientResponseError() if "more than" in error.message:
            return Failure("HeadersTooLarge", f"{hop.place} answered with header lines above {MAX_LINE // 1024} KiB")
        case aiohttp.ClientResponseError():
            return Failure("NoHttp", f"{hop.place} does not speak HTTP: {error.message}")
        case _:
            text = readable(str(error), most=200) or type(error).__name__
            return Failure("ConnectionLost", f"the connection to {hop.place} was lost: {text}")


async def _read(answer: aiohttp.ClientResponse, *, most: int) -> bytes:
    """The body, up to the chunk that takes it above `most` bytes."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > most:
            break
    return bytes(body)


async def _read_some(answer: aiohttp.ClientResponse) -> bytes:
    """The body of a refusal, or nothing: its status counts, even if the body is cut off or has no end."""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(_ERROR_SECONDS):
            return await _read(answer, most=_MAX_ERROR)
    return b""


def _refusal(answer: aiohttp.ClientResponse, body: bytes, hop: Hop) -> PageError:
    said = _said(body)
    wait = retry_after(answer.headers.get("Retry-After")) if answer.status in _TOO_MANY else 0.0
    words = " ".join(filter(None, (f"{hop.place} answered {answer.status}", readable(answer.reason or "", most=200))))
    message = f"{words}: {said[:300]}" if said else words
    return PageError(Failure(f"Http{answer.status}", message, wait), status=answer.status, said=said)


def _said(body: bytes) -> str:
    """What an XRPC error says, on one line; empty for HTML and other things."""
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return ""
    words = [word for word in (error.get("error"), error.get("message")) if isinstance(word, str) and word]
    return readable(": ".join(words), most=_MOST_SAID)


def _cause(error: Exception) -> Exception:
    return error if isinstance(error, OSError) else OSError(str(error))
