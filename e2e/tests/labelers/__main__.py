"""The process: it obeys the commands on its standard input, and ends with it.

    python -m e2e.tests.labelers --host 198.18.0.1 --count 300 --certificate server.pem --key server.key

It prints a line of JSON with the port of each labeler, in their order. Then each line of its standard input is a
command: a list in JSON, with the name of a method of `Commands` and its arguments. Each is answered by a line.
"""

import argparse
import asyncio
import json
import random
import ssl
import sys
from pathlib import Path
from typing import Any, Final

from e2e.tests.labelers.labeler import Labeler
from e2e.tests.labelers.labels import HISTORY, name_of

_QUIET_RATE: Final = 1.0
"""Labels a second, of all labelers together."""


class Commands:
    """What a test can say. The methods with a name without an underscore are the commands."""

    def __init__(self, labelers: list[Labeler]) -> None:
        self._labelers = labelers
        self._speaking: list[int] = []
        self._quiet = True

    def speak(self, *numbers: int) -> None:
        """These send a label each second."""
        self._speaking = list(numbers)

    def hush(self) -> list[int]:
        """Nobody sends labels any more. The newest seq of each labeler."""
        self._quiet, self._speaking = False, []
        return [labeler.labels.newest for labeler in self._labelers]

    def cut(self, number: int) -> None:
        """End the connections of one."""
        self._labelers[number].cut()

    def refuse(self, number: int) -> None:
        """One refuses connections."""
        self._labelers[number].refuse()

    def flood(self, number: int, seconds: float, large: bool) -> None:  # noqa: FBT001 - from JSON
        """One sends as fast as it can."""
        self._labelers[number].flood(seconds=seconds, large=large)

    def stop_flood(self, number: int) -> bool:
        """One does so no more. False if its time was over."""
        return self._labelers[number].stop_flood()

    async def _send(self) -> None:
        """Send labels. Those that speak do so at different moments of each second."""
        rng, tick = random.Random("labelers"), 0
        while True:
            step = 1 / max(len(self._speaking), 1)
            await asyncio.sleep(step)
            if self._speaking:
                self._labelers[self._speaking[tick % len(self._speaking)]].send()
            if self._quiet and rng.random() < step * _QUIET_RATE:
                rng.choice(self._labelers).send()
            tick += 1


async def _run(options: argparse.Namespace) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    labelers = [Labeler(name_of(number), host=options.host, context=context) for number in range(options.count)]
    for labeler in labelers:
        await labeler.start()
        for _ in range(HISTORY):
            labeler.send()
    print(json.dumps([labeler.port for labeler in labelers]), flush=True)
    commands = Commands(labelers)
    sending = asyncio.create_task(commands._send())
    while line := await asyncio.to_thread(sys.stdin.readline):
        if sending.done():
            sending.result()
        print(json.dumps(_obey(commands, json.loads(line))), flush=True)


def _obey(commands: Commands, command: list[Any]) -> Any:
    return getattr(commands, command[0])(*command[1:])


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--host", required=True, help="address to listen on")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--certificate", type=Path, required=True, help="PEM")
    parser.add_argument("--key", type=Path, required=True, help="PEM")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
