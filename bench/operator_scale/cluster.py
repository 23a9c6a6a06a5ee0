"""All that runs for one measurement: the control plane, Redis, the player, and a watch of the statuses.

Each measurement has a new one, so that all begin alike, with an empty cluster.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from bench.operator_scale.api import Api
from bench.operator_scale.control_plane import PROGRAMS, FastControlPlane
from bench.operator_scale.helper import Helper, helper
from bench.operator_scale.machine import machine_cpu_seconds
from bench.operator_scale.operator_process import OperatorProcess
from bench.operator_scale.requests import Requests
from bench.operator_scale.statuses import Statuses
from bench.processes import cpu_seconds
from tests.integration.operator.audit import AuditLog
from tests.integration.operator.control_plane import ADMIN, OPERATOR, PLURALS, ROOT
from tests.integration.operator.rights import grant_everywhere, rules
from tests.integration.operator.situation import eventually
from tests.integration.redis_server import RedisServer

MACHINE: Final = "the machine"
_CONNECTIONS: Final = 8
_SETTLED_SHARE: Final = 0.3
"""Of one core, with all that the cluster does while it is empty."""
_SETTLE_SECONDS: Final = 90


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    control_plane: FastControlPlane
    redis: RedisServer
    redis_pid: int
    player: Helper
    api: Api
    statuses: Statuses
    directory: Path

    def operator(self, *, kubeconfig: Path | None = None) -> OperatorProcess:
        """An operator for this cluster, not started yet."""
        return OperatorProcess(
            kubeconfig=kubeconfig or self.control_plane.kubeconfig(OPERATOR),
            redis_url=self.redis.url,
            directory=self.directory,
        )

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU time of each process that the operator depends on, of the player, of this one, and of all."""
        pids = {name: self.control_plane.pid(name) for name in PROGRAMS}
        pids |= {"redis": self.redis_pid, "player": self.player.pid}
        pids["benchmark"] = os.getpid()
        return {name: cpu_seconds(pid) for name, pid in pids.items()} | {MACHINE: machine_cpu_seconds()}

    @property
    def audit(self) -> AuditLog:
        """The audit log from now on."""
        return self.control_plane.audit.from_now()

    def kubeconfig_for(self, url: str) -> Path:
        """The operator's kubeconfig, with another address of the API server."""
        found = yaml.safe_load(self.control_plane.kubeconfig(OPERATOR).read_text())
        found["clusters"][0]["cluster"]["server"] = url
        path = self.directory / "other.kubeconfig"
        path.write_text(yaml.safe_dump(found))
        return path


def requests_of_operator(audit: AuditLog) -> Requests:
    """What the operator, or the floor in its place, has requested since `audit` was taken."""
    return Requests(audit.requests(OPERATOR))


@asynccontextmanager
async def cluster(title: str) -> AsyncIterator[Cluster]:
    """Start a cluster, and stop it at the end."""
    print(f"{title}: starting a cluster", flush=True)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-bench-")))
        for name in ("control-plane", "redis"):
            (directory / name).mkdir()
        redis = RedisServer(directory / "redis")
        stack.callback(redis.kill)
        redis.start()
        control_plane = FastControlPlane(directory / "control-plane")
        stack.callback(control_plane.stop)
        control_plane.start()
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        grant_everywhere(control_plane, rules(), OPERATOR)
        for kind in ("Relay", "Labeler"):
            eventually(partial(control_plane.request, "GET", PLURALS[kind]))
        api = await stack.enter_async_context(Api(control_plane.url, f"{ADMIN}-token", connections=_CONNECTIONS))
        arguments = (control_plane.url, f"{ADMIN}-token", redis.url)
        player = await stack.enter_async_context(helper("player", *arguments))
        await player.line()
        statuses = Statuses(api)
        stack.push_async_callback(_cancel, asyncio.create_task(statuses.run()))
        await statuses.listed.wait()
        with redis.client as client:
            information: Any = client.info("server")
        running = Cluster(
            control_plane=control_plane,
            redis=redis,
            redis_pid=int(information["process_id"]),
            player=player,
            api=api,
            statuses=statuses,
            directory=directory,
        )
        await _settle()
        yield running


async def _settle() -> None:
    """Wait until the API server has finished its own start, and until other programs of the machine rest."""
    for second in range(_SETTLE_SECONDS):
        before = machine_cpu_seconds()
        await asyncio.sleep(1.0)
        if machine_cpu_seconds() - before < _SETTLED_SHARE:
            return
        if second % 20 == 19:
            print("    waiting, as the machine is busy", flush=True)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
