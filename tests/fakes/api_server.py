"""A Kubernetes API server in memory, for tests of what the operator decides: no process, no network, no waiting.

It answers the requests of the real `KubernetesClient`, in place of its HTTP transport. It does what the operator relies
on: resource versions, generations, uids, conflicts, preconditions, finalizers, the status subresource, server-side
apply with owners of fields, selectors and pages of lists. `api_server_contract.py` runs the same tests against it and
against a real API server.

It has no schemas, no defaults of fields (except one), no admission, no RBAC and no controllers (except
`collect_garbage`). A test can make it refuse requests: see `faults`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.api_resource import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    LEASES,
    PODS,
    SECRETS,
    ApiResource,
    Manifest,
)
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.transport import Body, HttpResponse
from tests.fakes.faults import Faults
from tests.fakes.field_ownership import Manager, apply, update
from tests.fakes.object_store import ObjectStore, Stored, has_status, key_of, shown
from tests.fakes.patches import PatchError, json_patched, merge_patched
from tests.fakes.request import Request, StatusError, parse_request

_SERVED: Final = (*KINDS.watched.sources.values(), DEPLOYMENTS, PODS, SECRETS, CONFIG_MAPS, EVENTS, LEASES)
APPLY: Final = "application/apply-patch+yaml"
_IMMUTABLE: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


class FakeApiServer:
    """An API server that serves the kinds of the operator."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """All that were sent, in order."""
        self.faults = Faults()
        self.objects = ObjectStore()
        self.terminating: set[str] = set()
        """Namespaces in which nothing can be created any more."""
        self._served = {(api.api_version, api.plural) for api in _SERVED}
        self._pages: dict[str, tuple[list[Manifest], str]] = {}

    @property
    def client(self) -> KubernetesClient:
        """A new client of this server."""
        return KubernetesClient(self)

    @property
    def writes(self) -> list[Request]:
        """The requests that may change something, in order."""
        return [request for request in self.requests if request.is_write]

    def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object as it is now."""
        stored = self.objects.get(key_of(api, namespace, name))
        return shown(stored) if stored else None

    def all(self, api: ApiResource) -> list[Manifest]:
        """All objects of one kind."""
        return [shown(stored) for stored in self.objects.all((api.api_version, api.plural))]

    def edit(
        self, api: ApiResource, namespace: str, name: str, change: Callable[[Manifest], None], *, manager: str = "test"
    ) -> Manifest:
        """Create or change an object with its status, as somebody else may do at any time."""
        key = key_of(api, namespace, name)
        live = self.objects.get(key)
        before = live.manifest if live else {}
        head = {"apiVersion": api.api_version, "kind": api.kind}
        new = {**head, "metadata": {"name": name, "namespace": namespace, **self.objects.new_metadata(key.kind)}}
        after = deepcopy(before or new)
        change(after)
        return self.objects.put(key, after, update(before, after, live.owners if live else {}, (manager, "Update", "")))

    def delete(self, api: ApiResource, namespace: str, name: str) -> None:
        """Delete an object, as somebody else may do at any time. With finalizers it is only marked as deleted."""
        self.objects.delete(key_of(api, namespace, name), is_foreground=False)

    def remove_kind(self, api: ApiResource) -> None:
        """Remove a kind with all its objects, as a deletion of its CRD does."""
        self._served.discard((api.api_version, api.plural))
        self.objects.drop_kind((api.api_version, api.plural))

    def restore_kind(self, api: ApiResource) -> None:
        """Serve a kind again."""
        self._served.add((api.api_version, api.plural))

    async def send(
        self, method: str, path: str, *, query: Mapping[str, str], body: Body, content_type: str
    ) -> HttpResponse:
        """Answer a request of the client. Raises ApiError with code 0 if no answer comes."""
        await asyncio.sleep(0)  # other tasks run during a request
        request = parse_request(method, path, query, body, content_type)
        self.requests.append(request)
        fault = self.faults.meeting(request)
        if fault is None:
            return self._answer(request)
        if fault.is_carried_out:
            self._answer(request)
        return fault.respond()

    def _answer(self, request: Request) -> HttpResponse:
        if (request.version, request.plural) not in self._served:
            return HttpResponse(status=404, content=b"404 page not found\n")
        try:
            answer = self._handlers(request)[request.method](request)
        except StatusError as error:
            return error.response
        return HttpResponse(status=200, content=json.dumps(answer).encode())

    def _handlers(self, request: Request) -> Mapping[str, Callable[[Request], Any]]:
        return {
            "GET": (lambda request: shown(self._live(request))) if request.name else self._list,
            "POST": self._create,
            "PUT": lambda request: self._update(request, request.body),
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    def _list(self, request: Request) -> Manifest:
        if token := request.query.get("continue"):
            items, version = self._pages.pop(token)
        else:
            stored = map(shown, self.objects.all((request.version, request.plural)))
            items = [item for item in stored if request.namespace in {"", item["metadata"]["namespace"]}]
            items = [item for item in items if _is_selected(item, request.query)]
            version = str(self.objects.version)
        limit = int(request.query.get("limit", "0")) or len(items)
        page, rest = items[:limit], items[limit:]
        metadata = {"resourceVersion": version}
        if rest:
            metadata["continue"] = f"{request.plural}-{len(rest)}-{version}"
            self._pages[metadata["continue"]] = (rest, version)
        for item in page:  # a real server names neither in the items of a list
            del item["apiVersion"], item["kind"]
        return {"metadata": metadata, "items": page}

    def _create(self, request: Request) -> Manifest:
        self._check_namespace(request)
        if self.objects.get(request.key) is not None:
            raise StatusError(409, "AlreadyExists", f'{request.plural} "{request.key.name}" already exists')
        manifest = self._new(request)
        return self.objects.put(request.key, manifest, update({}, manifest, {}, _manager(request, "Update")))

    def _patch(self, request: Request) -> Manifest:
        if request.content_type == APPLY:
            return self._apply(request)
        live = self._live(request)
        if request.content_type == "application/merge-patch+json":
            return self._update(request, merge_patched(live.manifest, request.body))
        assert request.content_type == "application/json-patch+json", request.content_type
        try:
            return self._update(request, json_patched(live.manifest, request.body))
        except PatchError as error:
            raise StatusError(422, "Invalid", f"the server rejected our request: {error}") from error

    def _apply(self, request: Request) -> Manifest:
        live, manager = self.objects.get(request.key), _manager(request, "Apply")
        if live is None:
            if request.subresource:
                raise _not_found(request)
            self._check_namespace(request)
            if request.body["metadata"].get("uid"):
                raise _conflict(request)
            _, owners = apply({}, {}, _applied_part(request), manager)
            return self.objects.put(request.key, self._new(request), owners)
        _check_preconditions(request, live, request.body)
        after, owners = apply(live.manifest, live.owners, _applied_part(request), manager)
        after["metadata"] |= _immutable(live)
        return self._put(request, after, owners)

    def _update(self, request: Request, wanted: Manifest) -> Manifest:
        live = self._live(request)
        _check_preconditions(request, live, wanted)
        after = {name: value for name, value in deepcopy(wanted).items() if value is not None}
        if request.subresource == "status":
            after = {**deepcopy(live.manifest), "status": after.get("status", {})}
        elif has_status(request.key.kind):
            after.pop("status", None)
            after |= {name: live.manifest[name] for name in ("status",) if name in live.manifest}
        after["metadata"] = {**after["metadata"], **_immutable(live)}
        after["metadata"].pop("managedFields", None)
        if after.get("status") == {}:
            del after["status"]
        return self._put(request, after, update(live.manifest, after, live.owners, _manager(request, "Update")))

    def _put(self, request: Request, after: Manifest, owners: dict[Manager, Any]) -> Manifest:
        if request.is_dry_run:
            return shown(Stored(after, owners))
        return self.objects.put(request.key, after, owners)

    def _delete(self, request: Request) -> Manifest:
        live, options = self._live(request), request.body or {}
        uid = (options.get("preconditions") or {}).get("uid")
        if uid is not None and uid != live.manifest["metadata"]["uid"]:
            raise _conflict(request)
        self.objects.delete(request.key, is_foreground=options.get("propagationPolicy") == "Foreground")
        return {"kind": "Status", "status": "Success"}

    def _live(self, request: Request) -> Stored:
        if (live := self.objects.get(request.key)) is None:
            raise _not_found(request)
        return live

    def _new(self, request: Request) -> Manifest:
        metadata = {**request.body["metadata"], "namespace": request.namespace}
        new = {**metadata, **self.objects.new_metadata(request.key.kind)}
        hidden = {"status"} if has_status(request.key.kind) else set()
        return deepcopy({**{k: v for k, v in request.body.items() if k not in hidden}, "metadata": new})

    def _check_namespace(self, request: Request) -> None:
        if request.namespace in self.terminating:
            message = f"unable to create new content in namespace {request.namespace} because it is being terminated"
            raise StatusError(403, "Forbidden", message)


def _manager(request: Request, operation: str) -> Manager:
    return request.query.get("fieldManager", "sluice-operator"), operation, request.subresource


def _applied_part(request: Request) -> Manifest:
    """The part of a manifest that is applied: only the status, or everything else."""
    if request.subresource == "status":
        return {"status": request.body.get("status", {})}
    hidden = {"status"} if has_status(request.key.kind) else set()
    metadata = {k: v for k, v in request.body["metadata"].items() if k not in {"uid", "resourceVersion"}}
    return {**{k: v for k, v in request.body.items() if k not in hidden}, "metadata": metadata}


def _immutable(live: Stored) -> Manifest:
    """The fields that no request may change."""
    metadata = live.manifest["metadata"]
    return {name: metadata[name] for name in _IMMUTABLE if name in metadata}


def _check_preconditions(request: Request, live: Stored, wanted: Manifest) -> None:
    metadata, own = wanted.get("metadata") or {}, live.manifest["metadata"]
    if metadata.get("resourceVersion") not in {None, own["resourceVersion"]}:
        raise _conflict(request)
    if metadata.get("uid") in {None, own["uid"]} or request.subresource:
        return
    if request.content_type == APPLY:
        raise StatusError(422, "Invalid", f'{request.plural} "{request.key.name}": metadata.uid: field is immutable')
    raise _conflict(request)


def _not_found(request: Request) -> StatusError:
    return StatusError(404, "NotFound", f'{request.plural} "{request.key.name}" not found')


def _conflict(request: Request) -> StatusError:
    message = f'Operation cannot be fulfilled on {request.plural} "{request.key.name}": the object has been modified'
    return StatusError(409, "Conflict", message)


def _is_selected(item: Manifest, query: Mapping[str, str]) -> bool:
    labels = item["metadata"].get("labels") or {}
    by_label = [one.split("=", 1) for one in query.get("labelSelector", "").split(",") if one]
    by_field = [one.split("=", 1) for one in query.get("fieldSelector", "").split(",") if one]
    return all(labels.get(name) == value for name, value in by_label) and all(
        str(_at(item, name.split("."))) == value for name, value in by_field
    )


def _at(node: Any, path: list[str]) -> Any:
    for step in path:
        node = (node or {}).get(step)
    return node
