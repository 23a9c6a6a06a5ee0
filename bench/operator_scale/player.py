"""Plays the nodes and the ingesters of a cluster, as a process: see `kubelets` and `ingesters`.

    python -m bench.operator_scale.player https://127.0.0.1:6443 TOKEN redis://127.0.0.1:6379

It prints a line when it is ready. Then it takes commands, one JSON object a line. It answers each when it is done, with
the moment on the monotonic clock at which it began:

    {"do": "halt", "host": "l0001.example", "reason": "ConsumerTooSlow", "message": "..."}
    {"do": "stream", "host": "l0001.example"}
    {"do": "restart", "host": "l0001.example"}

It ends when its input ends.
"""

import asyncio
import json
import sys
import time
from typing import Any

from redis.asyncio import Redis

from bench.operator_scale.api import Api
from bench.operator_scale.ingesters import Ingesters
from bench.operator_scale.kubelets import Kubelets
from bench.operator_scale.standard_input import lines_of_input
from sluice_redis.contract import SourceState


async def main() -> None:
    """Play until the input ends."""
    url, token, redis_url = sys.argv[1:]
    redis: Any = Redis.from_url(redis_url)
    async with Api(url, token) as api, redis:
        ingesters = Ingesters(redis)
        await ingesters.create_stream()
        kubelets = Kubelets(api, ingesters)
        tasks = [asyncio.create_task(kubelets.run()), asyncio.create_task(ingesters.run())]
        tasks.append(asyncio.create_task(_take_commands(kubelets, ingesters)))
        ended, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for task in ended:
            task.result()


async def _take_commands(kubelets: Kubelets, ingesters: Ingesters) -> None:
    await kubelets.listed.wait()
    print("ready", flush=True)
    async for line in lines_of_input():
        command, began = json.loads(line), time.monotonic()
        host = command["host"]
        match command["do"]:
            case "halt":
                await ingesters.set_state(host, SourceState.HALTED, command["reason"], command["message"])
            case "stream":
                await ingesters.set_state(host, SourceState.STREAMING)
            case "restart":
                await kubelets.restart(host)
        print(json.dumps(began), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
