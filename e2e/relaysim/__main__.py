"""``python -m e2e.relaysim``: the simulator as a process; JSON lines on stdout, SIGTERM ends it."""

import argparse
import asyncio
import logging
import signal
import ssl
import sys
import time
from dataclasses import replace
from pathlib import Path

from e2e.relaysim.server import log
from e2e.relaysim.sim import FIRST_SEQ, Options, RelaySim
from e2e.relaysim.window import PROFILES

_CLOCK_RATE = 1000
_CLOCK_START = 1_790_000_000


def first_seq(text: str) -> int:
    """A number, or ``clock``: one that grows by 1,000 a second, so that a restarted relay goes on higher."""
    if text == "clock":
        return FIRST_SEQ + int((time.time() - _CLOCK_START) * _CLOCK_RATE)
    return int(text)


def parse(args: list[str] | None = None) -> Options:
    """Options from the command line."""
    d = Options()
    parser = argparse.ArgumentParser(prog="python -m e2e.relaysim", description="A simulated AT Protocol relay.")
    add = parser.add_argument
    add("--host", default="0.0.0.0", help="address to listen on")
    add("--port", type=int, default=2470, help="port, 0 for a free one")
    add("--seed", default=d.seed, help="the same seed gives the same network and events")
    add("--first-seq", type=first_seq, default=FIRST_SEQ, help="a number, or 'clock'")
    add(
        "--rate",
        type=float,
        default=d.rate,
        help="messages a second, 0 for as fast as readers take them; a commit may hold several operations",
    )
    add("--limit", type=int, help="how many messages to emit in all")
    add("--paused", action="store_true", help="emit nothing until told to")
    add("--accounts", type=int, default=d.accounts, help="accounts that write")
    add("--dormant", type=int, default=d.dormant, help="accounts that are only listed")
    add("--corpus", type=int, default=0, help="make so many events at the start and serve them in rounds")
    add("--prefill", type=int, default=0, help="events in the window at the start")
    add("--window", type=int, default=d.window, help="replay window, in events")
    add("--journal", type=int, default=d.window, help="journal, in events")
    add("--cursors", choices=PROFILES, default="spec", help="how cursors are read")
    add("--listing", choices=("uid", "pds"), default=d.listing, help="form of listRepos' cursors")
    add("--label-rate", type=float, default=d.label_rate, help="label frames a second, 0 as above")
    add("--label-limit", type=int, help="how many label frames to emit in all")
    add("--label-cursors", choices=PROFILES, default="ozone", help="how the labeler reads cursors")
    add("--tls-cert", type=Path, help="PEM certificate chain: serve wss:// and https://")
    add("--tls-key", type=Path, help="its key")
    given = vars(parser.parse_args(args))
    cert, key = given.pop("tls_cert"), given.pop("tls_key")
    rules, label_rules = PROFILES[given.pop("cursors")], PROFILES[given.pop("label_cursors")]
    options = Options(**given, rules=rules, label_rules=label_rules)
    if cert is None:
        return options
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return replace(options, tls=context)


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT."""
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    async with RelaySim(options) as sim:
        log("listening", url=sim.url, next_seq=sim.repos.next_seq)
        await done.wait()
    log("stopped", emitted=sim.journal.total)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    asyncio.run(serve(parse()))
