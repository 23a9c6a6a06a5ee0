"""Opening a WebSocket connection, with Happy Eyeballs, proxies, redirects and TLS, each chosen for its target."""

import asyncio
from functools import partial
from typing import Any, Final
from urllib.parse import urljoin

import aiofastnet
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, SecurityError
from websockets.uri import WebSocketURI, parse_uri

from sluice_ingester.byte_budget import ByteBudget
from sluice_ingester.sources import handshake_response
from sluice_ingester.sources.frame_connection import FrameConnection
from sluice_ingester.sources.hop import Hop, host_port
from sluice_ingester.sources.proxy import proxy_for
from sluice_ingester.sources.tls import Tls

NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305 (Happy Eyeballs): the delay before the next address of a name is tried as well."""

_WRITE_BYTES: Final = 17 * 1024
"""The buffer for what is sent: at least one record of TLS. A source gets nothing but a handshake and pings."""

_REDIRECTS: Final = frozenset({300, 301, 302, 303, 307, 308})
_PROXY_SCHEMES: Final = {True: ("wss", "socks", "https"), False: ("ws", "socks", "https", "http")}
"""The schemes whose proxy is used, in order of preference, with and without TLS: RFC 6455, 4.1."""


class Connector(connect):
    """Opens one connection. After a failure, `hop` says where it happened.

    `source` is the configured host. `allow_plaintext`: a redirect may lead to a server without TLS. `budget` is that of
    the process. `read_bytes` is the size of the buffer for one read from a connection with TLS, which it keeps.
    """

    def __init__(
        self,
        uri: str,
        *,
        source: str,
        allow_plaintext: bool,
        tls: Tls,
        budget: ByteBudget,
        read_bytes: int,
        **options: Any,
    ) -> None:
        super().__init__(
            uri,
            create_connection=partial(FrameConnection, budget=budget),  # type: ignore[arg-type]
            happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
            interleave=1,
            **options,
        )
        self.hop = Hop(source=source)
        self._tls = tls
        self._allow_plaintext = allow_plaintext
        self._read_bytes = read_bytes
        self._options = dict(self.create_connection_kwargs)
        self._library_factory = self.factory
        self.factory = self._make_connection

    async def open_tcp_connection(self) -> ClientConnection:
        """Connect to the target, which may come from a redirect. The library calls this."""
        host, port, secure = self.ws_uri.host, self.ws_uri.port, self.ws_uri.secure
        is_redirected = self.hop.target != ""
        target = host_port(host, port, secure=secure) if is_redirected else self.hop.source
        self.hop = Hop(source=self.hop.source, target=target)
        proxy = proxy_for(host, port, schemes=_PROXY_SCHEMES[secure])
        self.proxy = None if proxy is None else proxy.url
        self.create_connection_kwargs = dict(self._options)
        if secure:
            self.create_connection_kwargs["ssl"] = self._tls.context
        if proxy is not None:
            self.hop = Hop(source=self.hop.source, target=target, proxy=proxy.name)
            if proxy.is_tls:
                self.create_connection_kwargs["proxy_ssl"] = self._tls.context
            return await super().open_tcp_connection()
        return await self._open_direct_connection()

    async def _open_direct_connection(self) -> ClientConnection:
        """The same without a proxy, on sockets and TLS that take less CPU time than those of asyncio."""
        options = dict(self.create_connection_kwargs)
        if self.ws_uri.secure:
            options |= {"ssl_incoming_bio_size": self._read_bytes, "ssl_outgoing_bio_size": _WRITE_BYTES}
        _, connection = await aiofastnet.create_connection(
            asyncio.get_running_loop(),
            lambda: self.factory(self.ws_uri),
            self.ws_uri.host,
            self.ws_uri.port,
            server_hostname=self.ws_uri.host if self.ws_uri.secure else None,
            **options,
        )
        return connection

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The WebSocket URL that `exc` redirects to. Servers may give it as http(s)://. The library calls this."""
        if not isinstance(exc, InvalidStatus) or exc.response.status_code not in _REDIRECTS:
            return exc
        locations = exc.response.headers.get_all("Location")
        if not locations:
            return exc
        location = locations[0]
        if location.lower().startswith("http"):
            location = "ws" + location[len("http") :]
        try:
            uri = urljoin(self.uri, location)
            target = parse_uri(uri)
        except (InvalidURI, ValueError):
            return InvalidURI(location, "it is not the URL of a WebSocket")
        if self.ws_uri.secure and not target.secure and not self._allow_plaintext:
            name = host_port(target.host, target.port, secure=False)
            return SecurityError(f"ws://{name} is not encrypted; if that is wanted, name the source as ws://{name}")
        return uri

    def _make_connection(self, uri: WebSocketURI) -> ClientConnection:
        """Make the connection object. The library calls this when the target, or the tunnel to it, is connected."""
        self.hop = Hop(source=self.hop.source, target=self.hop.target, proxy=self.hop.proxy, reached=True)
        connection = self._library_factory(uri)
        protocol = connection.protocol
        protocol.parser = handshake_response.parse_response(protocol)
        next(protocol.parser)
        return connection
