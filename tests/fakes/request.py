"""Requests to the fake API server, and its answers."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.kubernetes.transport import Body, HttpResponse
from tests.fakes.object_store import Key

_PATH: Final = re.compile(
    r"/apis?/(?P<version>(?:[^/]+/)?v[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request."""

    method: str
    version: str
    plural: str
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]
    body: Any
    content_type: str

    @property
    def key(self) -> Key:
        return Key((self.version, self.plural), self.namespace, self.name or self.body["metadata"]["name"])

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def is_dry_run(self) -> bool:
        return "dryRun" in self.query


class StatusError(Exception):
    """The server refuses a request."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.response = status_response(code, reason, message)


def parse_request(method: str, path: str, query: Mapping[str, str], body: Body, content_type: str) -> Request:
    match = _PATH.fullmatch(path)
    assert match, f"no path of the Kubernetes API: {path}"
    parts = {name: value or "" for name, value in match.groupdict().items()}
    return Request(method=method, query=query, body=_parsed(body), content_type=content_type.partition(";")[0], **parts)


def status_response(code: int, reason: str, message: str, *, retry_after: str = "") -> HttpResponse:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return HttpResponse(status=code, content=json.dumps(body).encode(), retry_after=retry_after)


def _parsed(body: Body) -> Any:
    if not isinstance(body, bytes):
        return deepcopy(body)
    # The client's YAML is JSON, except for the escapes of characters beyond U+FFFF.
    return json.loads(re.sub(r"\\U([0-9a-f]{8})", lambda match: chr(int(match[1], 16)), body.decode()))
