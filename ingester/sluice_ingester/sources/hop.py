"""Where one attempt to reach a source leads: to itself, to where it redirects, or to a proxy. Pure.

What fails on the way is told of the place where it failed.
"""

from dataclasses import dataclass
from typing import Final

_DEFAULT_PORTS: Final = {True: 443, False: 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """`source` is as it was configured, `target` the host and port that are asked now.

    `proxy` names the proxy in between, empty if there is none. `reached`: the connection to the target stands.
    """

    source: str
    target: str = ""
    proxy: str = ""
    reached: bool = False

    @property
    def target_name(self) -> str:
        """The target, as a reader knows it."""
        if self.target in {"", self.source}:
            return self.source
        return f"{self.target} (where {self.source} redirects to)"

    @property
    def peer_name(self) -> str:
        """Whoever did not answer: the proxy, as long as it has not led to the target."""
        if self.proxy and not self.reached:
            return f"the proxy {self.proxy} (on the way to {self.target_name})"
        return self.target_name


def host_port(host: str, port: int | None, *, secure: bool) -> str:
    """A target in the form in which sources are named: the default port is left out."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None or port == _DEFAULT_PORTS[secure] else f"{name}:{port}"
