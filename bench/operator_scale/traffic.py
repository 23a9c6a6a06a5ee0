"""Measures the bytes between the operator and the API server, with few resources: all connections pass a forwarder."""

import asyncio
from typing import Final

from bench.operator_scale.applying import apply_until_ready
from bench.operator_scale.cluster import Cluster
from bench.operator_scale.helper import helper
from bench.operator_scale.labelers import create_namespaces, labelers
from bench.operator_scale.options import Options
from bench.operator_scale.table import Measures

_REST_SECONDS: Final = 60.0


async def measure_bytes(running: Cluster, options: Options) -> Measures:
    """Bytes a resource until all are Ready, and bytes a second at rest. TLS is included."""
    count = options.bytes_resources
    resources = labelers(count, namespaces=options.namespaces)
    await create_namespaces(running.api, resources)
    port = running.control_plane.url.rpartition(":")[2]
    async with helper("forwarder", port) as forwarder:
        own_port = await forwarder.line()
        operator = running.operator(kubeconfig=running.kubeconfig_for(f"https://127.0.0.1:{own_port}"))
        try:
            await operator.start()
            at_start = await forwarder.ask()
            await apply_until_ready(running, resources, options, check=operator.check)
            at_ready = await forwarder.ask()
            await asyncio.sleep(options.settle_seconds)
            at_rest = await forwarder.ask()
            seconds = min(_REST_SECONDS, options.rest_seconds)
            await asyncio.sleep(seconds)
            at_end = await forwarder.ask()
        finally:
            operator.stop()
    (sent, received), (sent_at_rest, received_at_rest) = (
        [after - before for before, after in zip(*pair, strict=True)]
        for pair in ((at_start, at_ready), (at_rest, at_end))
    )
    return {
        "sent until Ready, bytes a resource": sent / count,
        "received until Ready, bytes a resource": received / count,
        "sent at rest, bytes/s": sent_at_rest / seconds,
        "received at rest, bytes/s": received_at_rest / seconds,
    }
