"""The asynchronous half of the Kubernetes client library, without the other half.

The package `kubernetes` imports its synchronous client as well, and with it the libraries `requests`, `oauthlib` and
`websocket`. The operator uses none of them, and they would take 8 MiB and a sixth of a second at each start. So the
package is entered into the list of modules without running its `__init__`.
"""

import importlib.util
import sys


def _enter_package() -> None:
    if "kubernetes" in sys.modules:
        return
    spec = importlib.util.find_spec("kubernetes")
    if spec is not None:
        sys.modules["kubernetes"] = importlib.util.module_from_spec(spec)


_enter_package()

from kubernetes.aio.client import ApiClient, Configuration  # noqa: E402
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config  # noqa: E402

__all__ = ["ApiClient", "ConfigException", "Configuration", "load_incluster_config", "load_kube_config"]
