"""Processes of the local cluster: records, signals, restarts and health checks."""

import os
import socket
import subprocess
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from e2e.cluster import records
from e2e.cluster.components import Component
from e2e.cluster.layout import Layout
from e2e.cluster.node import LONGEST_PAUSE, STEADY, Supervised, answers, reap
from e2e.cluster.process import ProcessRecord, parse_start_time, start_time, wait_until_gone
from tests.integration.ports import free_port


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def test_only_the_recorded_process_is_killed() -> None:
    process = sleeper()
    record = ProcessRecord.of(process.pid)
    reused = replace(record, started=record.started - 1)
    other_boot = replace(record, boot="another")
    for other in (reused, other_boot):
        assert not other.alive()
        other.kill()
    time.sleep(0.1)
    assert process.poll() is None
    assert record.alive()
    record.kill()
    assert process.wait(60) == -9
    assert not record.alive()
    record.kill()


def test_a_zombie_counts_as_gone() -> None:
    process = sleeper()
    record = ProcessRecord.of(process.pid)
    process.kill()
    assert wait_until_gone([record], seconds=60)
    assert process.returncode is None
    process.wait()


def test_waiting_for_a_process_that_does_not_end_times_out() -> None:
    assert not wait_until_gone([ProcessRecord.of(os.getpid())], seconds=0.1)


def test_a_process_that_does_not_exist_cannot_be_recorded() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert start_time(process.pid) is None
    with pytest.raises(ProcessLookupError):
        ProcessRecord.of(process.pid)


def test_start_time_of_a_name_with_brackets_and_spaces() -> None:
    rest = " ".join(str(number) for number in range(4, 23))
    assert parse_start_time(f"7 (a) R (b) S {rest}") == 22
    assert parse_start_time(f"7 (a) Z {rest}") is None


def test_a_record_is_read_back_and_runs_only_if_both_processes_do(tmp_path: Path) -> None:
    layout = Layout(state=tmp_path)
    assert records.read(layout) == []
    here = ProcessRecord.of(os.getpid())
    records.write(layout, [here])
    assert records.read(layout) == [here]
    assert records.running(layout) == []
    records.write(layout, [here, here])
    assert records.running(layout) == [here, here]
    records.write(layout, [here, replace(here, started=0)])
    assert records.running(layout) == []


def test_frequent_restarts_are_delayed_longer() -> None:
    item = Supervised(Component(name="x", argv=("x",)), started=100.0)
    pauses = []
    for _ in range(8):
        item.exited(1, now=100.0)
        pauses.append(item.not_before - 100.0)
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    item.exited(1, now=101.0 + STEADY)
    assert (item.exits, item.not_before) == (1, 101.0 + STEADY)


def test_reaping_notes_the_exit_code_of_the_component() -> None:
    item = Supervised(Component(name="x", argv=("x",)), pid=os.posix_spawnp("false", ["false"], {}))
    deadline = time.monotonic() + 60
    while not reap([item]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (item.pid, item.exit_code, item.exits) == (None, 1, 1)


def test_open_sockets_answer_and_closed_ones_do_not(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert not answers(str(path))
    with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", free_port())) as tcp:
        unix.bind(str(path))
        unix.listen()
        port = tcp.getsockname()[1]
        assert answers(str(path))
        assert answers(f"127.0.0.1:{port}")
    assert not answers(f"127.0.0.1:{port}")
    assert not answers(f"https://127.0.0.1:{port}/readyz")


def test_a_url_answers_with_status_200() -> None:
    words = {200: True, 503: False}

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for code, good in words.items():
            assert answers(f"http://127.0.0.1:{server.server_port}/{code}") is good
        server.shutdown()
    with socket.create_server(("127.0.0.1", 0)) as babbler:
        threading.Thread(target=lambda: babbler.accept()[0].sendall(b"220 no HTTP\r\n\r\n"), daemon=True).start()
        assert not answers(f"http://127.0.0.1:{babbler.getsockname()[1]}/health")
