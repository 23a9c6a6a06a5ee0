"""Ports of this machine for the servers of tests: no two processes of tests get the same."""

import random
import socket

# Below those that the system gives to clients and to whoever asks for any port (ip_local_port_range), above those of
# well-known servers, and without the node ports of a cluster.
_PORTS = range(15_000, 30_000)
_taken: list[socket.socket] = []


def free_port() -> int:
    """A port on which nobody listens, kept for this process to its end: its server may stop and start at will."""
    for port in random.sample(_PORTS, len(_PORTS)):
        mark = socket.socket(socket.AF_UNIX)
        try:
            # In Linux's abstract namespace: one process at a time, and it is gone with the process.
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
