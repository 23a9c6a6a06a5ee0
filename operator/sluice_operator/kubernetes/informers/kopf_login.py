"""kopf's HTTP sessions to the API server. They report to the operator what kopf itself does not report.

- If a watch can't resume where it stopped, kopf lists again. Objects that were deleted in between would stay in the
  cache until the next resync. So each list of kopf is reported.
- If the API server answers 403, kopf retries for a minute and then ends everything. So a 403 is reported at once.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import kopf

from sluice_operator import __version__
from sluice_operator.kubernetes.library import Configuration

RETRY_PAUSES_SECONDS: Final = (0.0, 1.0, 5.0, 15.0)
"""Pauses before the same token is used again: an API server that has just started may refuse any token."""
RETRY_RESET_SECONDS: Final = 60.0
"""A token that has worked for so long is used again at once."""


class CredentialsRejectedError(kopf.PermanentError):
    """The API server rejects the credentials. A restart of the process may find newer ones."""


class KopfLogin:
    """Gives kopf a session at each start of an engine, and whenever the API server has rejected the last one."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        plurals: Collection[str],
        on_relist: Callable[[], None],
        on_forbidden: Callable[[str | None], None],
        rejected: asyncio.Future[None] | None = None,
    ) -> None:
        """`on_relist` is called after each list of kopf's, and when a kind does not exist any more.

        `on_forbidden` is called with the namespace that kopf may not read, or None for the cluster. Both are called
        for kinds with one of these `plurals`.
        """
        self._configuration = configuration
        self._plurals = plurals
        self._on_relist = on_relist
        self._on_forbidden = on_forbidden
        self._token: str | None = None
        self._token_used_at = 0.0
        self._was_rejected = False
        self._failures = 0
        self.rejected: asyncio.Future[None] = rejected or asyncio.get_running_loop().create_future()
        """Fails when the API server rejects the credentials for good. kopf alone would wait for ever."""

    def for_another_engine(self) -> "KopfLogin":
        """A login that counts its own failures and shares `rejected`."""
        return KopfLogin(
            self._configuration,
            plurals=self._plurals,
            on_relist=self._on_relist,
            on_forbidden=self._on_forbidden,
            rejected=self.rejected,
        )

    async def log_in(self, **_: Any) -> kopf.AiohttpSession:
        """A new session, with the current token.

        Raises CredentialsRejectedError if that token was rejected again and again.
        """
        token, now = (await connection_info(self._configuration)).token, time.monotonic()
        is_new = token != self._token or now - self._token_used_at > RETRY_RESET_SECONDS
        self._failures = self._failures + 1 if self._was_rejected and not is_new else 0
        self._was_rejected = False
        if self._failures >= len(RETRY_PAUSES_SECONDS):
            error = CredentialsRejectedError("the API server rejects the credentials, and there are no newer ones")
            if not self.rejected.done():
                self.rejected.set_exception(error)
            raise error
        await asyncio.sleep(RETRY_PAUSES_SECONDS[self._failures])
        info = await connection_info(self._configuration)
        self._token, self._token_used_at = info.token, time.monotonic()
        return kopf.AiohttpSession(server=info.server, aiohttp_session=self._session(info))

    def _session(self, info: kopf.ConnectionInfo) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._on_response)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers={**info.as_http_headers(), "User-Agent": f"sluice-operator/{__version__} watches"},
            proxy=_proxy(info),
            trace_configs=[trace],
        )

    async def _on_response(self, _session: object, _context: object, request: aiohttp.TraceRequestEndParams) -> None:
        url, status = request.url, request.response.status
        if status == HTTPStatus.UNAUTHORIZED:
            # kopf also logs in when an engine starts again, which says nothing about the credentials.
            self._was_rejected = True
        if url.name not in self._plurals:
            return
        if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.OK and "watch" not in url.query):
            self._on_relist()
        *_, scope, namespace, _ = url.parts
        if status == HTTPStatus.FORBIDDEN:
            self._on_forbidden(namespace if scope == "namespaces" else None)


def _proxy(info: kopf.ConnectionInfo) -> str | None:
    """The proxy to the API server: the configured one, or that of the environment.

    aiohttp would read the environment at each request, in a thread. In that time kopf may close the session, because
    another request was rejected. The watch would then end with an error that kopf does not handle.
    """
    url = urlsplit(info.server)
    if info.proxy_url or (url.hostname and proxy_bypass(url.hostname)):
        return info.proxy_url
    return getproxies().get(url.scheme)


async def connection_info(configuration: Configuration) -> kopf.ConnectionInfo:
    """What kopf needs to reach the same API server, with the current token."""
    header = await configuration.get_api_key_with_prefix("BearerToken")
    scheme, _, token = (header or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme.capitalize() if token else None,
        token=token.strip() or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )
