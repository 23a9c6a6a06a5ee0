"""Starts the operator and the ingester as processes that are forked from one that has imported them.

The imports take most of the CPU time of a start, and the tests start these two some hundred times. A fork server
imports one package and nothing else happens in it: no thread, no event loop, no connection. Each process that it
forks gets its own environment and output, and runs the package as `python -m` does.

The cluster tests and some others start the commands themselves.
"""

import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

from tests.integration.fast_clock import speed_up

_MAX_REQUEST = 2**18
"""In bytes: a request has the whole environment."""


class ForkedProcess:
    """A process that a fork server has started. It has what tests use of `subprocess.Popen`."""

    def __init__(self, results: BinaryIO) -> None:
        """`results` has a line with the process ID, and a line with the exit code when the process has ended."""
        self._results = results
        self._returncode: int | None = None
        self.pid = int(results.readline())

    def poll(self) -> int | None:
        """The exit code, negative for a signal. None while the process runs."""
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code when the process has ended. subprocess.TimeoutExpired after `timeout` seconds."""
        if self._returncode is None:
            if not select.select([self._results], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._returncode = int(self._results.readline())
            self._results.close()
        return self._returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless the process has ended."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The fork server of one package. It ends when this process ends."""

    def __init__(self, package: str) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Byte code is kept, as in an image, even if that is switched off for the tests.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with theirs:
            command = [sys.executable, "-m", "tests.integration.fork_server", package, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)

    def start(self, *, environment: Mapping[str, str], output: BinaryIO, speed: float = 1.0) -> ForkedProcess:
        """Start the package with these variables and this standard output and error.

        Its timers run `speed` times as fast as real time.
        """
        request = json.dumps({"environment": dict(environment), "speed": speed}).encode()
        results, theirs = os.pipe()
        try:
            socket.send_fds(self._requests, [request], [output.fileno(), theirs])
        finally:
            os.close(theirs)
        return ForkedProcess(os.fdopen(results, "rb", buffering=0))


@functools.cache
def fork_server(package: str) -> ForkServer:
    """The fork server of `package`, which is started when it is needed first."""
    return ForkServer(package)


def _wait_for_request(requests: socket.socket) -> tuple[dict[str, Any], int] | None:
    """In a new process, a request and its output. In the fork server None, when nobody can send requests any more."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, _MAX_REQUEST, 2)
        if not message:
            return None
        output, results = descriptors
        if os.fork():
            os.close(output)
            os.close(results)
            continue
        requests.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if pid := os.fork():
            os.close(output)
            os.write(results, b"%d\n" % pid)
            _, status = os.waitpid(pid, 0)
            os.write(results, b"%d\n" % os.waitstatus_to_exitcode(status))
            os._exit(0)
        os.close(results)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return json.loads(message), output


def _prepare(environment: Mapping[str, str], output: int) -> None:
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


def main() -> None:
    """Serve requests; in a process that was forked for one, run the package."""
    package, descriptor = sys.argv[1:]
    importlib.import_module(f"{package}.app")
    gc.collect()
    gc.freeze()
    # The processes that wait for the others need no answer from here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Ctrl-C ends the tests, and with them the fork server.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = _wait_for_request(socket.socket(fileno=int(descriptor)))
    if request is None:
        return
    fields, output = request
    _prepare(fields["environment"], output)
    if fields["speed"] != 1.0:
        speed_up(fields["speed"])
    sys.argv = [package]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
