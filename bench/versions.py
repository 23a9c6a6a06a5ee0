"""Compares versions of the ingester: events a second, CPU time of an event, memory.

    git worktree add ../before COMMIT && make -C ../before .venv/ready
    uv run python -m bench.versions ../before .

Each argument is a checkout with its packages in .venv. Every round runs each of them once, as its own process with its
own Redis, on the same frames of the simulated relay. The order changes from round to round, so that load of the machine
affects all alike. Read the ratios, above all that of the CPU time: rates by the wall clock fall on a busy machine. The
start, with the first tenth of the frames, is not measured.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from bench.processes import cpu_seconds, ingester, memory, redis, source

_PATIENCE_SECONDS: Final = 900


@dataclass(frozen=True, kw_only=True)
class Run:
    """The measurements of one run."""

    events_per_second: float
    cpu_microseconds: float
    """For each event."""
    peak_mebibytes: float
    """Of what was resident."""


COLUMNS: Final[dict[str, Callable[[Run], float]]] = {
    "events/s": lambda run: run.events_per_second,
    "us CPU an event": lambda run: run.cpu_microseconds,
    "peak RSS, MiB": lambda run: run.peak_mebibytes,
}


def main() -> None:
    """Measure, round by round, and print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkouts", nargs="+", type=Path, help="the first is what the others are compared with")
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--corpus", type=int, default=3_000, help="different frames to make for that")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    checkouts = [path.resolve() for path in options.checkouts]
    runs: dict[Path, list[Run]] = {path: [] for path in checkouts}
    with tempfile.TemporaryDirectory() as place:
        for number in range(options.rounds):
            for path in checkouts if number % 2 == 0 else reversed(checkouts):
                run = asyncio.run(_run(path, Path(place), frames=options.frames, corpus=options.corpus))
                runs[path].append(run)
                print(f"round {number + 1}  {_row([read(run) for read in COLUMNS.values()])}  {path.name}", flush=True)
    _report(runs)


async def _run(checkout: Path, place: Path, *, frames: int, corpus: int) -> Run:
    command = [str(checkout / ".venv" / "bin" / "sluice-ingester")]
    bytecode = place / f"bytecode-{checkout.name}"
    relay = ("--corpus", str(corpus), "--rate", "0", "--limit", str(frames))
    with redis(place / "redis") as server:
        async with (
            source(*relay) as (url, first),
            ingester(command, server=server, url=url, bytecode=bytecode) as process,
            Redis.from_url(server.url) as client,
        ):
            key = f"firehose_live:cursor:{url.split('//')[1]}"
            await _reach(client, process, key, first + frames // 10)
            began, cpu, before = time.monotonic(), cpu_seconds(process.pid), await client.xlen("firehose_live")
            await _reach(client, process, key, first + frames - 1)
            wall, cpu = time.monotonic() - began, cpu_seconds(process.pid) - cpu
            events = await client.xlen("firehose_live") - before
            return Run(
                events_per_second=events / wall,
                cpu_microseconds=1e6 * cpu / events,
                peak_mebibytes=memory(process.pid)["VmHWM"] / 1024,
            )


async def _reach(client: Any, process: asyncio.subprocess.Process, key: str, seq: int) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while int(await client.get(key) or 0) < seq:
            if process.returncode is not None:
                sys.exit(f"the ingester ended with {process.returncode}")
            await asyncio.sleep(0.02)


def _report(runs: dict[Path, list[Run]]) -> None:
    print(f"\n{'median of all rounds':<28}{''.join(f'{name:>18}' for name in COLUMNS)}")
    medians = {path: [statistics.median(map(read, taken)) for read in COLUMNS.values()] for path, taken in runs.items()}
    reference, *others = medians
    print(f"{reference.name:<28}{_row(medians[reference])}")
    for path in others:
        print(f"{path.name:<28}{_row(medians[path])}")
        ratios = [now / before for now, before in zip(medians[path], medians[reference], strict=True)]
        print(f"{'  of ' + reference.name:<28}{''.join(f'{ratio:>17.2f}x' for ratio in ratios)}")


def _row(numbers: list[float]) -> str:
    return "".join(f"{number:>18,.1f}" for number in numbers)


if __name__ == "__main__":
    main()
