"""Measures the ingester's speed, what it consists of, and how long an event takes. The command of `make bench`.

    make bench
    make bench BENCH_ARGS="--quick"
    make bench BENCH_ARGS="--against main --only firehose floors"
    make bench BENCH_ARGS="--against ../other-checkout 9d613d4 --rounds 9"

It compares this checkout with others (--against), each a commit or a directory. A commit is built in .cache/bench.
Source, Redis and ingester are processes of their own on this machine. The source replays frames of the network's shape
over TLS, and is never the bottleneck. All runs alternate, in another order each round, so that load of the machine
affects all alike. Read the ratios, above all that of CPU time: rates by the clock fall on a busy machine.

Sections:

- firehose, labels, repos: the whole ingester at full speed
- floors: what remains if it did nothing but read, or nothing but store
- stages: its parts, each alone
- delay: from the source to a consumer, at two rates and two batch delays (INGESTER_BATCH_TIMEOUT_MS)
- restart: from `kill -9` to the first new event
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.ingester_speed import corpus
from bench.ingester_speed.appending import measure_appends
from bench.ingester_speed.delay import measure_delay
from bench.ingester_speed.floors import READERS, measure_reading
from bench.ingester_speed.processes import compile_bytecode
from bench.ingester_speed.restart import RATE, measure_restart
from bench.ingester_speed.stages import measure_stages
from bench.ingester_speed.table import Measures, Results
from bench.ingester_speed.throughput import FIREHOSE, LABELS, REPOS, measure_throughput
from bench.ingester_speed.versions import Version, other_version, this_checkout
from sluice_redis.ingester_settings import BATCH_TIMEOUT_MS

_SECTIONS: Final = {
    "firehose": "Firehose at full speed",
    "floors": "Floors",
    "stages": "Stages",
    "labels": "Labels at full speed",
    "repos": "Listing of repositories at full speed",
    "delay": "Delay from the source to a consumer",
    "restart": "From kill -9 to the first new event",
}
_RATES: Final = (350, 5_000)
_BATCH_MILLISECONDS: Final = (BATCH_TIMEOUT_MS.default, 20)
_REPOS_PER_EVENT: Final = 4
"""A repository costs so little that there must be more of them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Something to measure once a round. Its `measure` gives measures by what was measured."""

    section: str
    name: str
    measure: Callable[[], Mapping[str, Measures]]


def main() -> None:
    """Measure, round by round, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--against", nargs="+", default=["9d613d4"], metavar="PATH_OR_COMMIT", help="to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=150_000, help="in each run at full speed")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run at a steady rate")
    parser.add_argument("--quick", action="store_true", help="one short round, to try it")
    parser.add_argument("--only", nargs="+", choices=list(_SECTIONS), default=list(_SECTIONS), metavar="SECTION")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.events, options.seconds = 1, 40_000, 3.0

    corpus.commits()
    corpus.labels()
    versions = [this_checkout(), *map(other_version, options.against)]
    for version in versions:
        compile_bytecode(version)
    results = Results()
    with tempfile.TemporaryDirectory() as place:
        runs = [run for run in _runs(versions, options, Path(place)) if run.section in options.only]
        for number in range(options.rounds):
            for run in _order(runs, number):
                _measure(run, results, f"round {number + 1} of {options.rounds}")
    this, *others = (version.name for version in versions)
    for section in _SECTIONS.values():
        for other in others:
            results.add_ratios(section, f"{this} : {other}", this, other)
    print(f"\n{results.markdown()}")


def _order(runs: list[Run], number: int) -> list[Run]:
    """The order of a round: the table's at first, then another one each time."""
    return random.Random(number).sample(runs, len(runs)) if number else runs


def _measure(run: Run, results: Results, when: str) -> None:
    began = time.monotonic()
    for what, measures in run.measure().items():
        results.add(_SECTIONS[run.section], what, measures)
        shown = "  ".join(f"{value:,.1f} {measure}" for measure, value in measures.items())
        print(f"{when}, {time.monotonic() - began:3.0f} s  {run.section}: {what}: {shown}", flush=True)


def _runs(versions: list[Version], options: argparse.Namespace, place: Path) -> Iterator[Run]:
    def one(section: str, what: str, measure: Callable[[], Measures]) -> Run:
        return Run(section=section, name=what, measure=lambda: {what: measure()})

    events, this = options.events, versions[0]
    for section, stream, count in (
        ("firehose", FIREHOSE, events),
        ("labels", LABELS, events),
        ("repos", REPOS, _REPOS_PER_EVENT * events),
    ):
        for version in versions:
            yield one(section, version.name, partial(measure_throughput, version, stream, events=count, place=place))
    for client, name in READERS.items():
        yield one("floors", name, partial(measure_reading, client, events=events))
    yield one("floors", "appends of the same events alone", partial(measure_appends, events=events, place=place))
    yield Run(section="stages", name="stages", measure=partial(measure_stages, place=place))
    for rate in _RATES:
        for milliseconds in _BATCH_MILLISECONDS:
            delay = partial(measure_delay, rate=rate, batch_milliseconds=milliseconds, seconds=options.seconds)
            name = f"{rate:,} events/s, batch delay {milliseconds} ms"
            yield one("delay", name, partial(delay, this, place=place))
    for milliseconds in _BATCH_MILLISECONDS:
        name = f"{RATE} events/s, batch delay {milliseconds} ms"
        yield one("restart", name, partial(measure_restart, this, batch_milliseconds=milliseconds, place=place))


if __name__ == "__main__":
    main()
