"""The session by which kopf talks to the API server, so that what kopf does not tell can be heard.

kopf lists anew when a watch can't go on where it stopped, and never tells: what was deleted in between would be
kept for alive until the next list of ours. So it is heard by its requests. It also keeps on for a minute where it is
forbidden to read, and then ends everything: so that is heard as well.
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
from kubernetes.aio.client import Configuration

from sluice_operator import __version__

RETRY_PAUSES_SECONDS: Final = (0.0, 1.0, 5.0, 15.0)
"""Before the same token is offered again: an API server that has just started may refuse any for a moment."""
RETRY_RESET_SECONDS: Final = 60.0
"""A token that was good for so long is offered again at once."""


class CredentialsRejectedError(kopf.PermanentError):
    """The API server refuses the credentials: the process must end, and may find better ones at its next start."""


class KopfLogin:
    """Gives kopf a session at its start, and whenever the API server has refused the last one."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        plurals: Collection[str],
        on_relist: Callable[[], None],
        on_forbidden: Callable[[str | None], None],
        rejected: asyncio.Future[None] | None = None,
    ) -> None:
        """`relisted` is called after each list of kopf's and when a kind is not there any more, `forbidden` with the
        namespace that kopf may not read, or None for the cluster.
        """
        self._configuration = configuration
        self._plurals = plurals
        self._on_relist = on_relist
        self._on_forbidden = on_forbidden
        self._token: str | None = None
        self._token_used_at = 0.0
        self._failures = 0
        self.rejected: asyncio.Future[None] = rejected or asyncio.get_running_loop().create_future()
        """Fails when the API server refuses the credentials for good: kopf alone would wait for others for ever."""

    def for_another_engine(self) -> "KopfLogin":
        """For another engine, which offers tokens by itself; both tell of a refusal for good by the same future."""
        return KopfLogin(
            self._configuration,
            plurals=self._plurals,
            on_relist=self._on_relist,
            on_forbidden=self._on_forbidden,
            rejected=self.rejected,
        )

    async def log_in(self, **_: Any) -> kopf.AiohttpSession:
        """A new session, with the token of this moment. Raises RefusedError if that was refused again
        and again.
        """
        token, now = (await connection_info(self._configuration)).token, time.monotonic()
        is_new = token != self._token or now - self._token_used_at > RETRY_RESET_SECONDS
        self._failures = 0 if is_new else self._failures + 1
        if self._failures >= len(RETRY_PAUSES_SECONDS):
            error = CredentialsRejectedError("the API server refuses the credentials, and there are no newer ones")
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
        if url.name not in self._plurals:
            return
        if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.OK and "watch" not in url.query):
            self._on_relist()
        *_, scope, namespace, _ = url.parts
        if status == HTTPStatus.FORBIDDEN:
            self._on_forbidden(namespace if scope == "namespaces" else None)


def _proxy(info: kopf.ConnectionInfo) -> str | None:
    """The proxy to the API server, from the environment if none is configured.

    aiohttp would look that up at each request, in a thread. In that moment kopf may close the session because
    another request was refused, and the watch would end in an error that kopf does not expect.
    """
    url = urlsplit(info.server)
    if info.proxy_url or (url.hostname and proxy_bypass(url.hostname)):
        return info.proxy_url
    return getproxies().get(url.scheme)


async def connection_info(configuration: Configuration) -> kopf.ConnectionInfo:
    """What kopf needs to reach the same API server, with a token that is fresh now."""
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
