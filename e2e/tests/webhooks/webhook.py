"""A webhook server of a test: pod, Service, and the configurations by which the API server calls it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.hazmat.primitives import serialization

from e2e import manifests
from e2e.cluster.certs import Authority, Leaf, issue, make_authority

_SCRIPT: Final = Path(__file__).with_name("server.py")
_PORT: Final = 8443
_FILES: Final = "/etc/webhook"
_LABEL: Final = "sluice-tests-webhook-of"


_KINDS: Final = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


def withdraw_all(kubectl: Callable[..., str], *, namespace: str) -> None:
    """Delete the webhook configurations of a namespace."""
    kubectl("delete", ",".join(_KINDS), "--selector", f"{_LABEL}={namespace}")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """`answers`: path -> JSON Patch, see `server`. The names of cluster-wide objects begin with the namespace."""

    kubectl: Callable[..., str]
    """In the namespace."""
    name: str
    namespace: str
    answers: Mapping[str, Any]
    _authority: Authority = field(default_factory=make_authority)

    def start(self) -> None:
        """Apply pod and Service and wait until the pod is ready."""
        self._apply(*self._objects())
        self.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=280s")

    def scale(self, replicas: int) -> None:
        """Scale the server to 0 or back to 1."""
        self.kubectl("scale", f"deployment/{self.name}", f"--replicas={replicas}")
        self.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=280s")

    def register(
        self,
        path: str,
        *,
        kind: Literal["Mutating", "Validating"],
        resources: Mapping[str, str],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Let the API server call `path` for what is created or updated in this namespace.

        `resources`: plural -> API group. `labels`: of the objects that it is called for, all by default.
        """
        rules = [
            {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [plural]}
            for plural, group in resources.items()
        ]
        service = {"name": self.name, "namespace": self.namespace, "path": path, "port": _PORT}
        bundle = base64.b64encode(self._authority.certificate.public_bytes(serialization.Encoding.PEM)).decode()
        webhook = {
            "name": f"{path.strip('/')}.webhook.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 5,
            "clientConfig": {"service": service, "caBundle": bundle},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "objectSelector": {"matchLabels": dict(labels or {})},
            "rules": rules,
        }
        self._apply(
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": f"{kind}WebhookConfiguration",
                "metadata": {"name": self._registered(path), "labels": {_LABEL: self.namespace}},
                "webhooks": [webhook],
            }
        )

    def withdraw(self, path: str) -> None:
        """Delete its configuration."""
        for kind in _KINDS:
            self.kubectl("delete", kind, self._registered(path), "--ignore-not-found")

    def calls(self) -> list[str]:
        """The log of the server, see `server`: one line for each request, the oldest first."""
        return self.kubectl("logs", f"deployment/{self.name}").splitlines()

    def _registered(self, path: str) -> str:
        return f"{self.namespace}-{self.name}-{path.strip('/')}"

    def _apply(self, *objects: manifests.Manifest) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listed))

    def _objects(self) -> list[manifests.Manifest]:
        certificate, key = issue(
            self._authority, Leaf(file=self.name, user=self.name, names=(f"{self.name}.{self.namespace}.svc",))
        )
        encoding, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        data = {
            "server.py": _SCRIPT.read_text(),
            "answers.json": json.dumps(dict(self.answers)),
            "tls.crt": certificate.public_bytes(encoding).decode(),
            "tls.key": key.private_bytes(encoding, private, serialization.NoEncryption()).decode(),
        }
        metadata = {"name": self.name, "namespace": self.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        deployment, service = manifests.simulator(name=self.name, namespace=self.namespace, args=[])
        pod = deployment["spec"]["template"]["spec"]
        [container] = pod["containers"]
        files = [f"{_FILES}/{name}" for name in ("server.py", "tls.crt", "tls.key", "answers.json")]
        pod["volumes"] = [{"name": "files", "secret": {"secretName": self.name}}]
        container |= {
            "name": "webhook",
            "command": ["python3", *files, str(_PORT)],
            "ports": [{"name": "https", "containerPort": _PORT}],
            "volumeMounts": [{"name": "files", "mountPath": _FILES, "readOnly": True}],
        }
        container["readinessProbe"] |= {"tcpSocket": {"port": "https"}}
        del container["readinessProbe"]["httpGet"]
        container["resources"]["requests"] = {"cpu": "5m", "memory": "32Mi"}
        service["spec"]["ports"] = [{"name": "https", "port": _PORT, "targetPort": "https"}]
        return [secret, deployment, service]
