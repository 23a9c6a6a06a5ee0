"""How the operator finds its API server: by kubeconfig, or from within the cluster."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.library import (
    ApiClient,
    ConfigException,
    Configuration,
    load_incluster_config,
    load_kube_config,
)
from sluice_operator.kubernetes.transport import HttpTransport

_TOKEN_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class UnconfiguredError(Exception):
    """No configuration names an API server. The text says what to do."""


@asynccontextmanager
async def connect() -> AsyncIterator[tuple[KubernetesClient, Configuration]]:
    """A client, and the configuration that it was made from. Raises UnconfiguredError."""
    configuration = await load_configuration()
    async with ApiClient(configuration) as api_client:
        yield KubernetesClient(HttpTransport(api_client)), configuration


async def load_configuration() -> Configuration:
    """The address and the credentials of the API server. Raises UnconfiguredError if none are found.

    Looked for in this order: $KUBECONFIG, the service account of the pod, ~/.kube/config.
    """
    configuration, file = Configuration(), os.environ.get("KUBECONFIG")
    try:
        if not file and await asyncio.to_thread(_TOKEN_FILE.exists):
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=file, client_configuration=configuration, persist_config=False
            )
    except ConfigException as error:
        raise UnconfiguredError(f"set KUBECONFIG, or run in a cluster with a service account: {error}") from error
    return configuration
