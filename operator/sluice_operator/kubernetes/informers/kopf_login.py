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

PAUSES: Final = (0.0, 1.0, 5.0, 15.0)
"""Before the same token is offered again: an API server that has just started may refuse any for a moment."""
FORGET_SECONDS: Final = 60.0
"""A token that was good for so long is offered again at once."""


class RefusedError(kopf.PermanentError):
    """The API server refuses the credentials: the process must end, and may find better ones at its next start."""


class Login:
    """Gives kopf a session at its start, and whenever the API server has refused the last one."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        plurals: Collection[str],
        relisted: Callable[[], None],
        forbidden: Callable[[str | None], None],
        refused: asyncio.Future[None] | None = None,
    ) -> None:
        """`relisted` is called after each list of kopf's and when a kind is not there any more, `forbidden` with the
        namespace that kopf may not read, or None for the cluster.
        """
        self._configuration = configuration
        self._plurals = plurals
        self._relisted = relisted
        self._forbidden = forbidden
        self._token: str | None = None
        self._at = 0.0
        self._tries = 0
        self.refused: asyncio.Future[None] = refused or asyncio.get_running_loop().create_future()
        """Fails when the API server refuses the credentials for good: kopf alone would wait for others for ever."""

    def another(self) -> "Login":
        """For another engine, which offers tokens by itself; both tell of a refusal for good by the same future."""
        return Login(
            self._configuration,
            plurals=self._plurals,
            relisted=self._relisted,
            forbidden=self._forbidden,
            refused=self.refused,
        )

    async def log_in(self, **_: Any) -> kopf.AiohttpSession:
        """A new session, with the token of this moment. Raises RefusedError if that was refused again
        and again.
        """
        token, now = (await connection_info(self._configuration)).token, time.monotonic()
        is_new = token != self._token or now - self._at > FORGET_SECONDS
        self._tries = 0 if is_new else self._tries + 1
        if self._tries >= len(PAUSES):
            error = RefusedError("the API server refuses the credentials, and there are no newer ones")
            if not self.refused.done():
                self.refused.set_exception(error)
            raise error
        await asyncio.sleep(PAUSES[self._tries])
        info = await connection_info(self._configuration)
        self._token, self._at = info.token, time.monotonic()
        return kopf.AiohttpSession(server=info.server, aiohttp_session=self._session(info))

    def _session(self, info: kopf.ConnectionInfo) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._listen)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers={**info.as_http_headers(), "User-Agent": f"sluice-operator/{__version__} watches"},
            proxy=_proxy(info),
            trace_configs=[trace],
        )

    async def _listen(self, _session: object, _context: object, request: aiohttp.TraceRequestEndParams) -> None:
        url, status = request.url, request.response.status
        if url.name not in self._plurals:
            return
        if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.OK and "watch" not in url.query):
            self._relisted()
        *_, scope, namespace, _ = url.parts
        if status == HTTPStatus.FORBIDDEN:
            self._forbidden(namespace if scope == "namespaces" else None)


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
