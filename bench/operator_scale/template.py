"""What the floor has to write for each resource: a copy of what the operator wrote for one of them.

The objects are found by their controller, whatever their kinds are. Objects that many resources share cost nothing.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bench.operator_scale.api import Api, Manifest, path_in
from bench.operator_scale.labelers import Labeler
from bench.operator_scale.managed_fields import applied_by
from bench.operator_scale.statuses import Statuses


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """An object that belongs to the resource."""

    plural: str
    manager: str
    manifest: Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """The writes for the resource `name` in `namespace`, whose uid is `uid`."""

    namespace: str
    name: str
    uid: str
    children: tuple[Child, ...]
    statuses: tuple[Manifest, ...]
    status_manager: str
    events: tuple[Manifest, ...]
    has_pod: bool

    def dump(self) -> str:
        """As JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(plain | {"children": [[one.plural, one.manager, one.manifest] for one in self.children]})

    @classmethod
    def load(cls, text: str) -> "Template":
        """From the JSON of `dump`."""
        plain = json.loads(text)
        children = tuple(Child(plural=one[0], manager=one[1], manifest=one[2]) for one in plain["children"])
        return cls(**(plain | {"children": children}))

    def for_resource(self, namespace: str, name: str, uid: str) -> "Template":
        """The writes for another resource. Its name is part of its host."""
        text = self.dump()
        for old, new in ((self.uid, uid), (self.name, name), (self.namespace, namespace)):
            text = text.replace(old, new)
        return Template.load(text)


async def make_template(
    api: Api, statuses: Statuses, *, status_writes: float, events: float, has_pod: bool
) -> Template:
    """The template from a resource for which the operator wrote as often as for the mean resource.

    `status_writes` and `events` are the means of a resource.
    """
    wanted = max(1, round(status_writes))
    key = min(statuses.history, key=lambda one: abs(len(statuses.history[one]) - wanted))
    live, versions = statuses.newest[key], statuses.history[key]
    versions = (versions + [versions[-1]] * wanted)[:wanted] if len(versions) < wanted else versions[-wanted:]
    return Template(
        namespace=key.namespace,
        name=key.name,
        uid=live["metadata"]["uid"],
        children=tuple([child async for child in _children(api, key, live["metadata"]["uid"])]),
        statuses=tuple(versions),
        status_manager=_status_manager(live),
        events=await _events(api, key, round(events)),
        has_pod=has_pod,
    )


async def _children(api: Api, key: Labeler, uid: str) -> AsyncIterator[Child]:
    """The objects that name the resource as their controller, in the order of their creation."""
    found = []
    for path, plural in await _listable(api):
        answer = await api.request("GET", path_in(f"{path}/{plural}", key.namespace))
        kind = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        found += [(plural, kind | item) for item in answer["items"] if _is_owned(item, uid)]
    for plural, live in sorted(found, key=lambda one: one[1]["metadata"]["creationTimestamp"]):
        manager = next(one["manager"] for one in live["metadata"]["managedFields"] if one["operation"] == "Apply")
        yield Child(plural=plural, manager=manager, manifest=applied_by(live, manager))


async def _listable(api: Api) -> list[tuple[str, str]]:
    """The path of the group and the plural of each namespaced kind that can be listed."""
    groups = (await api.request("GET", "/apis"))["groups"]
    paths = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    found: list[tuple[str, str]] = []
    for path in paths:
        resources: list[Any] = (await api.request("GET", path))["resources"]
        names = [one["name"] for one in resources if one["namespaced"] and {"list", "patch"} <= set(one["verbs"])]
        found += [(path, name) for name in names if name != "events"]
    return found


def _is_owned(item: Manifest, uid: str) -> bool:
    return any(one["uid"] == uid and one.get("controller") for one in item["metadata"].get("ownerReferences", ()))


def _status_manager(live: Manifest) -> str:
    entries = live["metadata"]["managedFields"]
    return str(next(one["manager"] for one in entries if one.get("subresource") == "status"))


async def _events(api: Api, key: Labeler, count: int) -> tuple[Manifest, ...]:
    """The Events about the resource, repeated until there are so many."""
    path = path_in("/api/v1/events", key.namespace)
    answer = await api.request(
        "GET", f"{path}?fieldSelector=involvedObject.kind=Labeler,involvedObject.name={key.name}"
    )
    copies = []
    for number, item in enumerate(answer["items"]):
        metadata = {"name": f"{key.name}.{number:x}", "namespace": key.namespace}
        copies.append({**item, "apiVersion": "v1", "kind": "Event", "metadata": metadata})
    repeated = [copies[number % len(copies)] for number in range(count if copies else 0)]
    return tuple(
        {**one, "metadata": {**one["metadata"], "name": f"{key.name}.{number:x}"}}
        for number, one in enumerate(repeated)
    )
