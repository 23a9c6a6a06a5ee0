"""A local port that `kubectl port-forward` connects to a Service, while a context lasts."""

from __future__ import annotations

import re
import subprocess
import threading

from e2e.cluster.provider import Cluster


class PortForward:
    """`__enter__` gives the local port."""

    def __init__(self, cluster: Cluster, *, namespace: str, target: str, port: int) -> None:
        self._command = ["kubectl", "port-forward", "-n", namespace, target, f":{port}"]
        self._environment = cluster.environment()

    def __enter__(self) -> int:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, f"kubectl port-forward: {line}"
        # It prints a line for each connection, and blocks once nobody reads them.
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._reader.start()
        return int(found[1])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
