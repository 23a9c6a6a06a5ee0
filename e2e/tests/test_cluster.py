"""The API server of the test cluster calls admission webhooks in pods, which other tests need."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e import deploy, manifests
from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster
from e2e.tests.wait import eventually
from e2e.tests.webhooks.webhook import Webhook

NAMESPACE: Final = "sluice-webhook"
LABEL: Final = {"op": "add", "path": "/metadata/labels", "value": {"called": "yes"}}


@pytest.fixture
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    """A mutating webhook, in a namespace of its own."""

    def kubectl(*args: str, stdin: str | None = None) -> str:
        return cluster.kubectl("--namespace", NAMESPACE, *args, stdin=stdin)

    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=280s")
    deploy.apply(cluster, manifests.namespace(NAMESPACE))
    webhook = Webhook(kubectl=kubectl, name="label", namespace=NAMESPACE, answers={"/label": [LABEL]})
    webhook.start()
    yield webhook
    webhook.withdraw("/label")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=280s")


def test_the_api_server_calls_a_webhook_behind_a_service(webhook: Webhook) -> None:
    """A pod answers at the address of the Service, and the API server applies its answer."""
    webhook.register("/label", kind="Mutating", resources={"configmaps": ""}, labels={"try": "it"})
    eventually(lambda: written(webhook), until=lambda seen: seen == {"called": "yes"}, every=1)
    assert any(call.startswith("/label CREATE try-it ") for call in webhook.calls())


def written(webhook: Webhook) -> dict[str, Any] | str:
    """The labels of a ConfigMap that is created again, or why it was refused.

    The API server reads a new configuration after a moment, and kube-proxy a new pod.
    """
    metadata = {"name": "try-it", "labels": {"try": "it"}}
    webhook.kubectl("delete", "configmap", "try-it", "--ignore-not-found")
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    try:
        answer = json.loads(webhook.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(made)))
    except ClusterError as error:
        return str(error)
    labels: dict[str, Any] = answer["metadata"]["labels"]
    return labels
