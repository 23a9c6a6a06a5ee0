"""A client of the API server for tests that ask often.

A test that waits for a state reads it several times a second. Each read here is one request on an open connection; a
`kubectl` process for each costs a hundred times the CPU.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from kubernetes.config import new_client_from_config

_TIMEOUT_SECONDS: Final = 60.0
_PATIENCE_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.5
_ROOTS: Final = {
    "relays": "/apis/sluice.dev/v1alpha1",
    "labelers": "/apis/sluice.dev/v1alpha1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "pods": "/api/v1",
    "secrets": "/api/v1",
    "events": "/api/v1",
    "leases": "/apis/coordination.k8s.io/v1",
}
"""Plural -> path of its API group and version."""

Manifest = dict[str, Any]


class ApiError(Exception):
    """The API server answered with an error: its HTTP status code and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """For any number of threads: each has a connection of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        settings = new_client_from_config(config_file=str(kubeconfig)).configuration  # type: ignore[no-untyped-call]
        self._host = urlsplit(settings.host).netloc
        self._context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        if not settings.verify_ssl:
            self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        if settings.cert_file:
            self._context.load_cert_chain(settings.cert_file, settings.key_file)
        self._headers = {"Content-Type": "application/json"}
        if token := settings.get_api_key_with_prefix("BearerToken", "authorization"):
            self._headers["Authorization"] = token
        self._local = threading.local()

    def get(self, path: str, **query: str) -> Any:
        """GET `path`, decoded from JSON. Raises ApiError.

        Asks again when the connection breaks, or the server does not answer in time.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._request("GET", target)
            except (http.client.HTTPException, OSError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def post(self, path: str, body: Manifest, **query: str) -> Any:
        """POST `body` as JSON. Raises ApiError.

        It is sent again if the server has closed the connection, which was idle, before it answered.
        """
        target, content = f"{path}?{urlencode(query)}", json.dumps(body).encode()
        try:
            return self._request("POST", target, content)
        except (ConnectionError, ssl.SSLError):
            return self._request("POST", target, content)

    def delete(self, path: str) -> None:
        """DELETE `path`. Raises ApiError."""
        self._request("DELETE", path)

    def find(self, plural: str, namespace: str, name: str) -> Manifest | None:
        """One object, None if there is none of that name."""
        try:
            found: Manifest = self.get(f"{_path(plural, namespace)}/{name}")
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise
        return found

    def read(self, plural: str, namespace: str, name: str) -> Manifest:
        """One object. Raises ApiError if there is none."""
        found: Manifest = self.get(f"{_path(plural, namespace)}/{name}")
        return found

    def list(self, plural: str, namespace: str, **query: str) -> list[Manifest]:
        """Objects of a namespace; `query` takes `labelSelector` and `fieldSelector`."""
        items: list[Manifest] = self.get(_path(plural, namespace), **query)["items"]
        return items

    def _request(self, method: str, target: str, body: bytes | None = None) -> Any:
        connection = self._connection()
        try:
            connection.request(method, target, body=body, headers=self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except (http.client.HTTPException, OSError):
            connection.close()  # the next request opens it again
            raise
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise ApiError(answer.status, _message(content))
        return json.loads(content)

    def _connection(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=_TIMEOUT_SECONDS)
            self._local.connection = connection
        return connection


def _path(plural: str, namespace: str) -> str:
    return f"{_ROOTS[plural]}/namespaces/{namespace}/{plural}"


def _message(content: bytes) -> str:
    """The message of a Status object, or the text as it is."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")
