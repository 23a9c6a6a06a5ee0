"""The command ``python -m e2e.relaysim``: a simulator as a process that logs JSON lines and ends on SIGTERM."""

import argparse
import asyncio
import contextlib
import gc
import logging
import signal
import ssl
import sys
import time
from dataclasses import replace
from pathlib import Path

from e2e.relaysim.cursors import PROFILES
from e2e.relaysim.log import log
from e2e.relaysim.options import FIRST_SEQ, Options
from e2e.relaysim.sim import RelaySim

_CLOCK_RATE = 1000
_CLOCK_START = 1_790_000_000
_CORPUS = 1_000
_SECONDS = 7_200.0


def first_seq(text: str) -> int:
    """A number, or ``clock``: a seq that grows by 1,000 a second, so that it is higher after a restart."""
    if text == "clock":
        return FIRST_SEQ + int((time.time() - _CLOCK_START) * _CLOCK_RATE)
    return int(text)


def seconds(text: str) -> float | None:
    """A number of seconds; 0 is no bound."""
    return float(text) or None


def parse(args: list[str] | None = None) -> Options:
    """Options from the command line."""
    given = vars(_parser().parse_args(args))
    cert, key = given.pop("tls_cert"), given.pop("tls_key")
    rules, label_rules = PROFILES[given.pop("cursors")], PROFILES[given.pop("label_cursors")]
    options = Options(**given, rules=rules, label_rules=label_rules)
    if cert is None:
        return options
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return replace(options, tls=context)


def _parser() -> argparse.ArgumentParser:
    d = Options()
    parser = argparse.ArgumentParser(
        prog="python -m e2e.relaysim",
        description="A simulated AT Protocol relay and labeler.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="0.0.0.0", help="address to listen on")
    add("--port", type=int, default=2470, help="port; 0 takes a free one")
    add("--seed", default=d.seed, help="the same seed gives the same network and events")
    add("--first-seq", type=first_seq, default=FIRST_SEQ, help="seq of the first event: a number, or 'clock'")
    add(
        "--rate",
        type=float,
        default=d.rate,
        help="messages a second, 0 for as fast as readers take them; a commit may hold several operations",
    )
    add("--limit", type=int, help="how many messages to emit in all; none: no limit")
    add("--paused", action="store_true", help="emit nothing until the control interface says so")
    add(
        "--for",
        type=seconds,
        default=_SECONDS,
        dest="seconds",
        metavar="SECONDS",
        help="emit for so long after the start or the last change of the pace, then stay silent and keep "
        "serving; 0 for no bound",
    )
    add("--exit", action="store_true", help="end the process when --for is over; a pod would be restarted")
    add("--accounts", type=int, default=d.accounts, help="accounts that write")
    add("--dormant", type=int, default=d.dormant, help="accounts that are only listed")
    add(
        "--corpus",
        type=int,
        default=_CORPUS,
        help="make this many events of each stream at the start and serve them in rounds; 0 makes each event "
        "when it is emitted, at ten times the cost",
    )
    add("--prefill", type=int, default=d.prefill, help="events in the window at the start")
    add("--window", type=int, default=d.window, help="size of the replay window, in events")
    add("--journal", type=int, default=d.window, help="size of the journal, in events")
    add("--cursors", choices=PROFILES, default="spec", help="how cursors are read")
    add("--listing", choices=("uid", "pds"), default=d.listing, help="form of the cursors of listRepos")
    add("--label-rate", type=float, default=d.label_rate, help="label messages a second; 0 as in --rate")
    add(
        "--first-label-seq",
        type=first_seq,
        default=d.first_label_seq,
        help="seq of the first label message: a number, or 'clock'",
    )
    add("--label-limit", type=int, help="how many label messages to emit in all; none: no limit")
    add("--label-cursors", choices=PROFILES, default="ozone", help="how the labeler reads cursors")
    add("--tls-cert", type=Path, help="PEM certificate chain: serve wss:// and https://")
    add("--tls-key", type=Path, help="PEM key of the certificate")
    return parser


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT, or with ``exit`` until ``seconds`` are over."""
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    async with RelaySim(options) as sim:
        gc.freeze()  # the corpus stays: no collection has to look at it
        log("listening", url=sim.url, next_seq=sim.repos.next_seq)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.seconds if options.exit else None):
                await done.wait()
    log("stopped", emitted=sim.journal.total)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    asyncio.run(serve(parse()))
