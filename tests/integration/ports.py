"""Free ports for the servers of tests. No two test processes get the same port."""

import random
import socket

# Below the ephemeral ports of the system (ip_local_port_range), above those of well-known servers, and without the
# node ports of a cluster.
_PORTS = range(15_000, 30_000)
_taken: list[socket.socket] = []


def free_port() -> int:
    """A port on which nobody listens. It is reserved for this process, so its server may stop and start again."""
    for port in random.sample(_PORTS, len(_PORTS)):
        mark = socket.socket(socket.AF_UNIX)
        try:
            # A socket in Linux's abstract namespace belongs to one process, and disappears with it.
            mark.bind(f"\0sluice-test-port-{port}")
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("", port))
        except OSError:
            mark.close()
        else:
            _taken.append(mark)
            return port
    raise RuntimeError(f"no port of {_PORTS} is free")
