"""Finds the Secrets and ConfigMaps that a pod needs before its containers can start, and which are missing. Pure.

It reads the pod as it is in the cluster, so objects that an admission webhook has added count too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sluice_operator.api.volumes import CA_VOLUME
from sluice_operator.desired.pod import CONTAINER
from sluice_redis.ingester_settings import REDIS_URL

ReferenceKind = Literal["Secret", "ConfigMap"]
_KINDS: Final[dict[str, tuple[ReferenceKind, str]]] = {
    "secret": ("Secret", "secretName"),
    "configMap": ("ConfigMap", "name"),
}
"""By the field of a volume, the kind of object and the field with its name."""
_ENV: Final[dict[str, ReferenceKind]] = {
    "secretKeyRef": "Secret",
    "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret",
    "configMapRef": "ConfigMap",
}
_URL: Final = REDIS_URL.variable


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReference:
    """An object that a pod references and needs."""

    kind: ReferenceKind
    name: str
    keys: tuple[str, ...] = ()
    """The keys that the object must have."""
    field: str
    """The field that references it: of the Relay or Labeler if it is from there."""

    def missing(self, found: Mapping[str, Any] | None) -> str:
        """What is missing and what to do, if the object is as `found` (None if it does not exist). Else empty."""
        if found is None:
            return f"There is no {self.kind} {self.name}, which {self.field} names: create it, or name another one"
        there = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
        missing = [key for key in self.keys if key not in there]
        if not missing:
            return ""
        word = "key" if len(missing) == 1 else "keys"
        keys = ", ".join(missing)
        return (
            f"The {self.kind} {self.name} has no {word} {keys}, which {self.field} names: add it, or name another one"
        )


def references(pod: Mapping[str, Any]) -> list[ObjectReference]:
    """The Secrets and ConfigMaps that `pod` needs, except the Secret with the Redis URL, which is checked elsewhere."""
    spec = pod.get("spec") or {}
    found = [one for volume in spec.get("volumes") or () for one in _of_volume(volume)]
    for field in ("initContainers", "containers"):
        found += [one for container in spec.get(field) or () for one in _of_container(container)]
    return list(dict.fromkeys(found))


def pull_secrets(pod: Mapping[str, Any]) -> list[ObjectReference]:
    """The pull Secrets. A pod starts without them if the image can be pulled without credentials."""
    named = (pod.get("spec") or {}).get("imagePullSecrets") or ()
    place = "spec.podTemplate.imagePullSecrets"
    return [ObjectReference(kind="Secret", name=str(one["name"]), field=place) for one in named if one.get("name")]


def _of_volume(volume: Mapping[str, Any]) -> Iterator[ObjectReference]:
    place = "spec.caBundle" if volume.get("name") == CA_VOLUME else "spec.podTemplate.volumes"
    projected = (volume.get("projected") or {}).get("sources") or ()
    for source in (volume, *projected):
        for field, (kind, name) in _KINDS.items():
            part = source.get(field)
            if not isinstance(part, Mapping) or part.get("optional"):
                continue
            keys = tuple(str(item["key"]) for item in part.get("items") or () if item.get("key"))
            if named := part.get(name) or part.get("name"):
                yield ObjectReference(kind=kind, name=str(named), keys=keys, field=place)
    secret = ((volume.get("csi") or {}).get("nodePublishSecretRef") or {}).get("name")
    if secret:
        yield ObjectReference(kind="Secret", name=str(secret), field=place)


def _of_container(container: Mapping[str, Any]) -> Iterator[ObjectReference]:
    is_ours = container.get("name") == CONTAINER
    place = "spec.podTemplate.env" if is_ours else f"the container {container.get('name')}"
    sources = [one.get("valueFrom") or {} for one in container.get("env") or () if one.get("name") != _URL]
    for source in (*sources, *(container.get("envFrom") or ())):
        for field, kind in _ENV.items():
            part = source.get(field)
            if isinstance(part, Mapping) and part.get("name") and not part.get("optional"):
                keys = (str(part["key"]),) if part.get("key") else ()
                yield ObjectReference(kind=kind, name=str(part["name"]), keys=keys, field=place)
