"""The server in the pod. The path of a request names the answer; standard library only.

    python3 server.py CERTIFICATE KEY ANSWERS PORT

ANSWERS is a JSON object: path -> JSON Patch (RFC 6902). A path that is not in it allows the request as it is.
Each request is logged as a line `PATH OPERATION NAME USER`.
"""

from __future__ import annotations

import base64
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def review(answers: dict[str, Any], path: str, request: dict[str, Any]) -> dict[str, Any]:
    """The AdmissionReview that answers `request`."""
    response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
    if patch := answers.get(path):
        encoded = base64.b64encode(json.dumps(patch).encode()).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def handler(answers: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    """A handler that gives these answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path = self.path.split("?")[0]
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            print(path, request["operation"], request.get("name"), request["userInfo"]["username"], flush=True)
            body = json.dumps(review(answers, path, request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: what matters is printed above."""

    return Handler


def main(certificate: str, key: str, answers: str, port: str) -> None:
    """Serve until the process is ended."""
    server = ThreadingHTTPServer(("", int(port)), handler(json.loads(Path(answers).read_text())))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
