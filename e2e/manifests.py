"""The Kubernetes objects that the demo and the tests apply, as plain dicts."""

from typing import Any

from e2e import images

SIMULATOR_IMAGE = images.RELAYSIM.tag
SIMULATOR_PORT = 2470

Manifest = dict[str, Any]


def namespace(name: str) -> Manifest:
    """A namespace whose pods must meet the restricted Pod Security Standard."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }


def simulator(*, name: str, namespace: str, args: list[str]) -> list[Manifest]:
    """A simulated relay: a Deployment and the Service that gives it the host `name.namespace.svc:2470`."""
    labels = {"app.kubernetes.io/name": "relaysim", "app.kubernetes.io/instance": name}
    container: Manifest = {
        "name": "relaysim",
        "image": SIMULATOR_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "python3",
            "-m",
            "e2e.relaysim",
            "--host",
            "0.0.0.0",
            "--port",
            str(SIMULATOR_PORT),
            *args,
        ],
        "ports": [{"name": "xrpc", "containerPort": SIMULATOR_PORT}],
        "readinessProbe": {
            "httpGet": {"path": "/xrpc/_health", "port": "xrpc"},
            "periodSeconds": 1,
            # On a busy machine a response takes long. The source must not count as unreachable then.
            "timeoutSeconds": 10,
            "failureThreshold": 10,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 3,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                },
            },
        },
    }
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": labels,
            "ports": [{"name": "xrpc", "port": SIMULATOR_PORT, "targetPort": "xrpc"}],
        },
    }
    return [deployment, service]


def simulator_address(*, name: str, namespace: str) -> str:
    """The `spec.host` of a Relay that reads from that simulator."""
    return f"ws://{name}.{namespace}.svc:{SIMULATOR_PORT}"


def relay(*, name: str, namespace: str, host: str, **spec: Any) -> Manifest:
    """A Relay; `spec` holds further fields of its spec."""
    return _source("Relay", name=name, namespace=namespace, host=host, **spec)


def labeler(*, name: str, namespace: str, host: str, **spec: Any) -> Manifest:
    """A Labeler; `spec` holds further fields of its spec."""
    return _source("Labeler", name=name, namespace=namespace, host=host, **spec)


def _source(kind: str, *, name: str, namespace: str, host: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"host": host, **spec},
    }
