"""Skeleton."""

import argparse
import tempfile
from pathlib import Path

from bench.ingester_speed import throughput
from bench.ingester_speed.processes import compile_bytecode
from bench.ingester_speed.versions import other_version, this_checkout


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", default="9d613d4")
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    versions = [this_checkout(), other_version(options.against)]
    for version in versions:
        compile_bytecode(version)
    with tempfile.TemporaryDirectory() as place:
        for number in range(options.rounds):
            for version in versions if number % 2 == 0 else reversed(versions):
                got = throughput.measure(version, throughput.FIREHOSE, events=options.events, place=Path(place))
                print(version.name, {name: round(value, 1) for name, value in got.items()}, flush=True)


if __name__ == "__main__":
    main()
