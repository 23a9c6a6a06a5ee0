"""An admission webhook on loopback. A function of the test changes or refuses what is written into one namespace."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.integration.ingester.certificate import make_certificate
from tests.integration.operator.control_plane import ApiServerError, Manifest, path_of
from tests.integration.operator.situation import Situation, eventually

Review = Callable[[Manifest], "list[Manifest] | str | None"]
"""Takes the written object. Returns the operations of a JSON patch, the message of a refusal, or None."""

DEPLOYMENTS: Manifest = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["deployments"],
}
_GROUP = "admissionregistration.k8s.io/v1"
_PROBE = "webhook-probe"


def set_field(path: str, value: Any) -> Review:
    """Sets the value at a JSON pointer."""
    return lambda _: [{"op": "add", "path": path, "value": value}]


@dataclass
class Webhook:
    """A running webhook."""

    port: int
    reviewed: list[str] = field(default_factory=list)
    """The name of the object of each request, dry runs included."""


@contextmanager
def webhook(
    situation: Situation,
    directory: Path,
    review: Review,
    *,
    mutating: bool = True,
    rules: Sequence[Manifest] = (DEPLOYMENTS,),
    side_effects: str = "None",
    failure_policy: str = "Fail",
) -> Iterator[Webhook]:
    """A webhook for the situation's namespace only, while the context lasts."""
    certificate = make_certificate(directory)
    hook = Webhook(port=0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hook, review))
    server.socket = certificate.context.wrap_socket(server.socket, server_side=True)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kind = "MutatingWebhookConfiguration" if mutating else "ValidatingWebhookConfiguration"
    configuration = {
        "apiVersion": _GROUP,
        "kind": kind,
        "metadata": {"name": situation.namespace},
        "webhooks": [
            {
                "name": f"{situation.namespace}.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": side_effects,
                "failurePolicy": failure_policy,
                "clientConfig": {
                    "caBundle": base64.b64encode(certificate.chain.read_bytes()).decode(),
                    "url": f"https://127.0.0.1:{hook.port}/",
                },
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": situation.namespace}},
                "rules": list(rules),
            }
        ],
    }
    try:
        situation.control_plane.apply(configuration)
        eventually(lambda: _is_called(situation, hook))
        yield hook
    finally:
        situation.control_plane.request("DELETE", path_of(kind, None, situation.namespace))
        server.shutdown()
        server.server_close()


def _is_called(situation: Situation, hook: Webhook) -> bool:
    """Whether the configuration is in force: the API server reads it some time after it is stored."""
    labels = {"app": _PROBE}
    probe = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _PROBE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
        },
    }
    try:
        situation.control_plane.request("POST", path_of("Deployment", situation.namespace) + "?dryRun=All", probe)
    except ApiServerError as error:
        return _PROBE in hook.reviewed or "webhook" in str(error)
    return _PROBE in hook.reviewed


def _handler(hook: Webhook, review: Review) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            hook.reviewed.append(request.get("name") or request["object"]["metadata"]["name"])
            is_probe = hook.reviewed[-1] == _PROBE
            response: Manifest = {"uid": request["uid"], "allowed": True}
            verdict = None if is_probe else review(request["object"])
            if isinstance(verdict, str):
                response |= {"allowed": False, "status": {"message": verdict}}
            elif verdict:
                patch = base64.b64encode(json.dumps(verdict).encode()).decode()
                response |= {"patchType": "JSONPatch", "patch": patch}
            answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
