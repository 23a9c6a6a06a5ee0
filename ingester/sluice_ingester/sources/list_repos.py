"""Fetching pages of a host's `com.atproto.sync.listRepos` over HTTP.

Imported only by processes that list repositories, because aiohttp is large.
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

from sluice_common.text import error_text, sanitize
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import SourceError, SourceFailure, classify_source_error, retry_after
from sluice_ingester.sources.handshake_response import MAX_LINE
from sluice_ingester.sources.hop import Hop, host_port
from sluice_ingester.sources.proxy import Proxy, ProxyUnusableError, proxy_for
from sluice_ingester.sources.tls import Tls

MAX_BODY: Final = 8 * 1024 * 1024
"""The most bytes of a page. One with 1000 repositories has about 250 kB."""
_MAX_ERROR: Final = 64 * 1024
_ERROR_SECONDS: Final = 5.0
_MAX_SERVER_MESSAGE: Final = 4096
_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60.0, sock_connect=15.0)
_RATE_LIMITED: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class PageError(SourceError):
    """A page could not be fetched.

    `status` is that of the HTTP response, None if there was none. `server_message` is the message of an XRPC error,
    empty for other bodies such as a load balancer's.
    """

    def __init__(self, failure: SourceFailure, *, status: int | None = None, server_message: str = "") -> None:
        super().__init__(failure)
        self.status = status
        self.server_message = server_message


class RepoListing:
    """The listing of one host. Call `close` at the end."""

    def __init__(self, address: Address, *, nsid: str, user_agent: str, tls: Tls | None) -> None:
        self._address = address
        self._nsid = nsid
        self._tls = tls or Tls.load()
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def fetch_page(self, *, cursor: str | None, limit: int) -> bytes:
        """The body of the page with at most `limit` repositories behind `cursor`. PageError if it cannot be fetched."""
        url = URL(self._address.query(self._nsid, limit=limit, cursor=cursor), encoded=True)
        hop = Hop(source=self._address.host, target=self._address.host)
        for _ in range(_MAX_REDIRECTS + 1):
            page = await self._request(url, hop)
            if isinstance(page, bytes):
                return page
            url = page
            secure = url.scheme == "https"
            hop = Hop(source=self._address.host, target=host_port(url.host or "", url.port, secure=secure))
        raise PageError(
            SourceFailure("RedirectRefused", f"{hop.target_name} redirects more than {_MAX_REDIRECTS} times")
        )

    async def _request(self, url: URL, hop: Hop) -> bytes | URL:
        """The page at `url`, or the URL that it redirects to."""
        try:
            proxy = proxy_for(url.host or "", url.port or 0, schemes=(url.scheme,))
        except ProxyUnusableError as error:
            raise PageError(classify_source_error(error, source=hop.source, hop=hop)) from None
        if proxy is not None:
            hop = replace(hop, proxy=proxy.name)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=_TIMEOUT, max_line_size=MAX_LINE, max_field_size=MAX_LINE
            )
        try:
            async with self._session.get(
                url,
                ssl=self._tls.context,
                allow_redirects=False,
                **_proxy_options(proxy, is_tunnel=url.scheme == "https"),
            ) as answer:
                if answer.status in _REDIRECTS and (location := answer.headers.get("Location")):
                    return self._redirect_target(url, location, hop)
                if answer.status != HTTPStatus.OK:
                    raise _page_error(answer, await _read_error_body(answer), hop)
                body = await _read_body(answer, max_bytes=MAX_BODY)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PageError(_classify_http_error(error, hop, self._tls.ca_variables)) from error
        if len(body) > MAX_BODY:
            raise PageError(SourceFailure("PageTooLarge", f"{hop.target_name} sent a page above {MAX_BODY} bytes"))
        return body

    def _redirect_target(self, url: URL, location: str, hop: Hop) -> URL:
        try:
            target = url.join(URL(location))
            usable = target.scheme in {"http", "https"} and bool(target.host)
        except ValueError:
            usable = False
        if not usable:
            message = f"{hop.target_name} redirects to a URL that is not followed: {location[:200]}"
            raise PageError(SourceFailure("RedirectRefused", message))
        if url.scheme == "https" and target.scheme == "http" and not self._address.plaintext:
            name = f"http://{host_port(target.host or '', target.port, secure=False)}"
            message = f"{hop.target_name} redirects to {name}, which is not encrypted"
            raise PageError(
                SourceFailure("RedirectRefused", f"{message}; if that is wanted, name the source as {name}")
            )
        return target

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _proxy_options(proxy: Proxy | None, *, is_tunnel: bool) -> dict[str, Any]:
    """The options of a request through `proxy`. Only with a tunnel does the proxy get its own headers."""
    if proxy is None:
        return {}
    url = URL(proxy.url)
    options: dict[str, Any] = {"proxy": url.with_user(None)}
    if url.user:
        authorization = aiohttp.encode_basic_auth(url.user, url.password or "")
        options["proxy_headers" if is_tunnel else "headers"] = {"Proxy-Authorization": authorization}
    return options


def _classify_http_error(error: Exception, hop: Hop, ca_variables: tuple[str, ...]) -> SourceFailure:
    """The failure for an error of the HTTP client. Texts that may contain the proxy's URL are not used."""
    tls = replace(hop, reached=True)  # TLS begins when the target is connected
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return classify_source_error(
                _cause(error.certificate_error), source=hop.source, hop=tls, ca_variables=ca_variables
            )
        case aiohttp.ClientConnectorSSLError():
            return classify_source_error(error.os_error, source=hop.source, hop=tls, ca_variables=ca_variables)
        case aiohttp.ClientConnectorError():
            return classify_source_error(error.os_error, source=hop.source, hop=hop, ca_variables=ca_variables)
        case aiohttp.ConnectionTimeoutError():
            return classify_source_error(TimeoutError(), source=hop.source, hop=hop)
        case aiohttp.ClientHttpProxyError():
            return classify_source_error(
                InvalidProxyStatus(Response(error.status, "", Headers())), source=hop.source, hop=hop
            )
        case _:
            return _classify_response_error(error, hop)


def _classify_response_error(error: Exception, hop: Hop) -> SourceFailure:
    match error:
        case TimeoutError():
            return SourceFailure("PageTimeout", f"{hop.target_name} did not give a page in {_TIMEOUT.total:g} s")
        case aiohttp.ServerDisconnectedError():  # its text is a part of a response
            return SourceFailure("ConnectionLost", f"{hop.target_name} closed the connection before it responded")
        case aiohttp.InvalidURL() | UnicodeError():
            return SourceFailure("NameUnknown", f"the name of {hop.peer_name} is not a valid host name")
        case aiohttp.ClientResponseError() if "more than" in error.message:
            return SourceFailure(
                "HeadersTooLarge", f"{hop.target_name} answered with header lines above {MAX_LINE // 1024} KiB"
            )
        case aiohttp.ClientResponseError():
            return SourceFailure("NoHttp", f"{hop.target_name} does not speak HTTP: {error.message}")
        case _:
            text = error_text(error, max_length=200)
            return SourceFailure("ConnectionLost", f"the connection to {hop.target_name} was lost: {text}")


async def _read_body(answer: aiohttp.ClientResponse, *, max_bytes: int) -> bytes:
    """The body, up to the chunk that makes it exceed `max_bytes`."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > max_bytes:
            break
    return bytes(body)


async def _read_error_body(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an error. Empty if it is incomplete or too long: the status is enough."""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(_ERROR_SECONDS):
            return await _read_body(answer, max_bytes=_MAX_ERROR)
    return b""


def _page_error(answer: aiohttp.ClientResponse, body: bytes, hop: Hop) -> PageError:
    said = _xrpc_message(body)
    wait = retry_after(answer.headers.get("Retry-After")) if answer.status in _RATE_LIMITED else 0.0
    answered = " ".join(
        filter(None, (f"{hop.target_name} answered {answer.status}", sanitize(answer.reason or "", max_length=200)))
    )
    message = f"{answered}: {said[:300]}" if said else answered
    return PageError(SourceFailure(f"Http{answer.status}", message, wait), status=answer.status, server_message=said)


def _xrpc_message(body: bytes) -> str:
    """The message of an XRPC error, on one line. Empty for HTML and other bodies."""
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return ""
    parts = [word for word in (error.get("error"), error.get("message")) if isinstance(word, str) and word]
    return sanitize(": ".join(parts), max_length=_MAX_SERVER_MESSAGE)


def _cause(error: Exception) -> Exception:
    return error if isinstance(error, OSError) else OSError(str(error))
