"""Runs the floor (see `floor`): what the same writes take without an operator."""

from typing import Final

from bench.operator_scale.applying import apply_until_ready, cpu_share
from bench.operator_scale.cluster import Cluster, cluster, requests_of_operator
from bench.operator_scale.helper import helper
from bench.operator_scale.labelers import create_namespaces, labelers
from bench.operator_scale.options import Options
from bench.operator_scale.table import Measures
from bench.operator_scale.template import Template
from tests.integration.operator.control_plane import OPERATOR

CONCURRENCIES: Final = (8, 16, 32)
_TRIAL_RESOURCES: Final = 50


async def best_concurrency(template: Template, options: Options) -> int:
    """The fastest of the concurrencies, with few resources, each in a cluster of its own."""
    seconds = {}
    for concurrency in CONCURRENCIES:
        async with cluster(f"floor with {_TRIAL_RESOURCES} resources, {concurrency} at a time") as running:
            measures = await measure_floor(running, template, options, count=_TRIAL_RESOURCES, concurrency=concurrency)
        seconds[concurrency] = measures["until all are Ready, s"]
        print(f"    {seconds[concurrency]:.2f} s", flush=True)
    return min(seconds, key=lambda one: seconds[one])


async def measure_floor(
    running: Cluster, template: Template, options: Options, *, count: int, concurrency: int
) -> Measures:
    """One run of the floor in a new cluster."""
    resources = labelers(count, namespaces=options.namespaces)
    await create_namespaces(running.api, resources)
    file = running.directory / "template.json"
    file.write_text(template.dump())
    url, kubeconfig = running.control_plane.url, str(running.control_plane.kubeconfig(OPERATOR))
    arguments = (url, f"{OPERATOR}-token", str(file), str(count), str(concurrency))
    audit = running.audit
    async with helper("floor", *arguments, environment={"KUBECONFIG": kubeconfig}) as process:
        await process.line()
        applied = await apply_until_ready(running, resources, options, check=lambda: None)
        cpu = float(await process.line())
    found = requests_of_operator(audit)
    return {
        "the user's apply, s": applied.apply_seconds,
        "until all are Ready, s": applied.ready_seconds,
        "CPU of the floor, s": cpu,
        "CPU of the floor, ms a resource": 1000 * cpu / count,
        **cpu_share(applied.cpu | {"floor": cpu}, applied.ready_seconds),
        "writes a resource": found.writes / count,
        **{f"{kind}, a resource": number / count for kind, number in found.kinds.items() if number >= count / 10},
        "answers with an error, such as 404": found.errors,
        "writes at a time": concurrency,
    }
