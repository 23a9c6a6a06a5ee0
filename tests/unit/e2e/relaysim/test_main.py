"""The command: its options, its signals and its end."""

import http.client
import json
import signal
import subprocess
import sys

import pytest

from e2e.relaysim.__main__ import first_seq, parse
from e2e.relaysim.cursors import PROFILES
from e2e.relaysim.sim import FIRST_SEQ


def test_options_reach_the_simulator() -> None:
    options = parse(["--port", "0", "--rate", "0", "--corpus", "10", "--cursors", "indigo", "--listing", "pds"])
    assert (options.host, options.port, options.rate, options.corpus) == ("0.0.0.0", 0, 0, 10)
    assert (options.rules, options.label_rules) == (PROFILES["indigo"], PROFILES["ozone"])
    assert (options.listing, options.first_seq, options.limit) == ("pds", FIRST_SEQ, None)


def test_both_sequences_can_start_by_the_clock() -> None:
    options = parse(["--first-seq", "clock", "--first-label-seq", "clock"])
    assert min(options.first_seq, options.first_label_seq) > FIRST_SEQ
    assert parse([]).first_label_seq == 1


def test_a_process_is_bounded_by_default() -> None:
    assert (parse([]).seconds, parse([]).exit) == (7200, False)
    assert parse(["--for", "90"]).seconds == 90
    assert parse(["--for", "0"]).seconds is None


def test_a_process_ends_by_itself_with_exit() -> None:
    command = [sys.executable, "-m", "e2e.relaysim", "--host", "127.0.0.1", "--port", "0", "--corpus", "20"]
    ended = subprocess.run([*command, "--for", "0.5", "--exit"], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ended.stdout.splitlines()[-1])["event"] == "stopped"
    assert ended.stderr == ""


def test_a_sequence_by_the_clock_starts_high_and_grows() -> None:
    assert first_seq("5") == 5
    assert FIRST_SEQ < first_seq("clock") <= first_seq("clock")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_serves_and_ends_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "e2e.relaysim", "--host", "127.0.0.1", "--port", "0", "--prefill", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        listening = json.loads(process.stdout.readline())
        assert (listening["event"], listening["next_seq"]) == ("listening", FIRST_SEQ + 5)
        connection = http.client.HTTPConnection(listening["url"].removeprefix("ws://"), timeout=60)
        connection.request("GET", "/xrpc/com.atproto.sync.listRepos?limit=2")
        assert len(json.load(connection.getresponse())["repos"]) == 2
        connection.close()
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(60) == 0
        assert json.loads(rest.splitlines()[-1])["event"] == "stopped"
        assert process.stderr.read() == ""
