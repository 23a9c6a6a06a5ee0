"""Pages of a host's `com.atproto.sync.listRepos`, over HTTP.

Imported only where repositories are listed: aiohttp is not small.
"""

import json
import ssl
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import Failure, SourceError, explain, retry_after
from sluice_ingester.text import readable

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes: a page of 1000 repos has about 250 kB."""
_MAX_ERROR: Final = 64 * 1024
_MOST_SAID: Final = 4096
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

    def __init__(self, address: Address, *, nsid: str, user_agent: str, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._nsid = nsid
        self._tls: Any = True if tls is None or address.plain else tls
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def page(self, *, cursor: str | None, limit: int) -> bytes:
        """The body of the page of at most `limit` repos behind `cursor`. PageError if it doesn't come."""
        place = self._address.host
        url = self._address.query(self._nsid, limit=limit, cursor=cursor)
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT, trust_env=True)
        try:
            async with self._session.get(url, ssl=self._tls, max_redirects=5) as answer:
                body = await _read(answer)
                if answer.status == HTTPStatus.OK:
                    if len(body) > MAX_BODY:
                        raise PageError(Failure("PageTooLarge", f"{place} sent a page above {MAX_BODY} bytes"))
                    return body
                raise _refusal(answer, body, place)
        except aiohttp.ClientConnectorCertificateError as error:
            raise PageError(explain(_cause(error.certificate_error), place=place)) from error
        except aiohttp.ClientConnectorError as error:
            raise PageError(explain(error.os_error, place=place)) from error
        except TimeoutError as error:
            raise PageError(Failure("PageTimeout", f"{place} did not give a page in {_TIMEOUT.total:g} s")) from error
        except (aiohttp.TooManyRedirects, aiohttp.InvalidURL) as error:
            raise PageError(Failure("RedirectRefused", f"{place} redirects to where it can't be followed")) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            text = " ".join(str(error).split())[:200] or type(error).__name__
            raise PageError(Failure("ConnectionLost", f"the connection to {place} was lost: {text}")) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body, up to the chunk that takes it above what is allowed."""
    most = MAX_BODY if answer.status == HTTPStatus.OK else _MAX_ERROR
    body = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > most:
            break
    return bytes(body)


def _refusal(answer: aiohttp.ClientResponse, body: bytes, place: str) -> PageError:
    said = _said(body)
    wait = retry_after(answer.headers.get("Retry-After")) if answer.status in _TOO_MANY else 0.0
    words = " ".join(filter(None, (f"{place} answered {answer.status}", readable(answer.reason or "", most=200))))
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
