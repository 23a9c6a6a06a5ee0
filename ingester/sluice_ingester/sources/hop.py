"""The server that one attempt to connect reaches: the source, a redirect target, or a proxy. Pure.

Messages name the server at which an attempt failed.
"""

from dataclasses import dataclass
from typing import Final

_DEFAULT_PORTS: Final = {True: 443, False: 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """`source` is the configured host. `target` is the host and port of the current attempt.

    `proxy` names the proxy in between, empty if there is none. `reached`: the target is connected.
    """

    source: str
    target: str = ""
    proxy: str = ""
    reached: bool = False

    @property
    def target_name(self) -> str:
        """The target, for messages."""
        if self.target in {"", self.source}:
            return self.source
        return f"{self.target} (where {self.source} redirects to)"

    @property
    def peer_name(self) -> str:
        """The server that failed, for messages: the proxy, until the target is reached."""
        if self.proxy and not self.reached:
            return f"the proxy {self.proxy} (on the way to {self.target_name})"
        return self.target_name


def host_port(host: str, port: int | None, *, secure: bool) -> str:
    """Host and port, without the default port."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None or port == _DEFAULT_PORTS[secure] else f"{name}:{port}"
