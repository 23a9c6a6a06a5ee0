"""The metadata of every child: labels, an owner reference and a hash of its desired content."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from sluice_operator.api.base import API_VERSION, GROUP
from sluice_operator.api.source import Source
from sluice_operator.desired.naming import (
    DESIRED_HASH_ANNOTATION,
    FIELD_MANAGER,
    MANAGED_BY,
    label_value,
    owned_labels,
    source_label,
)

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object that holds only the fields that the operator owns, for server-side apply."""


def build_child(
    source: Source,
    *,
    api_version: str,
    kind: str,
    name: str,
    body: Manifest,
    labels: Mapping[str, str] = MappingProxyType({}),
    annotations: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:
    """A child of `source`, annotated with the hash of its content."""
    metadata: Manifest = {
        "name": name,
        "namespace": source.metadata.namespace,
        "labels": {**labels, **owned_labels(kind=_kind(source), resource=source.metadata.name)},
        "ownerReferences": [_controller_reference(source)],
    }
    return _with_hash(metadata, api_version=api_version, kind=kind, annotations=annotations, body=body)


def build_shared_child(
    namespace: str,
    *,
    owners: Sequence[Manifest],
    api_version: str,
    kind: str,
    name: str,
    body: Manifest,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:
    """A child that several sources share, annotated with the hash of its content.

    It has no controller. The garbage collector deletes it when none of the `owners` exists any more.
    """
    metadata: Manifest = {
        "name": name,
        "namespace": namespace,
        "labels": {**labels, **MANAGED_BY},
        "ownerReferences": list(owners),
    }
    return _with_hash(metadata, api_version=api_version, kind=kind, annotations={}, body=body)


def member_reference(source: Source) -> Manifest:
    """The owner reference of one of several sources that share a child."""
    return {"apiVersion": API_VERSION, "kind": _kind(source), "name": source.metadata.name, "uid": source.metadata.uid}


def is_shared(child: Mapping[str, Any]) -> bool:
    """Whether several sources can share `child`: the operator made it, and none of its owners is its controller."""
    metadata = child["metadata"]
    labels = metadata.get("labels") or {}
    is_controlled = any(one.get("controller") for one in metadata.get("ownerReferences") or [])
    return not is_controlled and MANAGED_BY.items() <= labels.items()


def _with_hash(
    metadata: Manifest, *, api_version: str, kind: str, annotations: Mapping[str, str], body: Manifest
) -> Manifest:
    desired_hash = {DESIRED_HASH_ANNOTATION: _digest([metadata, *([dict(annotations)] if annotations else []), body])}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {**metadata, "annotations": {**annotations, **desired_hash}},
        **body,
    }


def is_controlled_by(live: Mapping[str, Any], source: Source) -> bool:
    """Whether `source` is the controller of `live`. An object of the same name without that owner is not touched."""
    references = live.get("metadata", {}).get("ownerReferences") or []
    return any(
        reference.get("controller") is True and reference["uid"] == source.metadata.uid for reference in references
    )


def belongs_to(live: Mapping[str, Any], *, kind: str, name: str, uid: str) -> bool:
    """Whether `live` is a child of the source with that kind, name and uid.

    If somebody removed the owner reference, the label decides.
    """
    metadata = live["metadata"]
    controllers = [one["uid"] for one in metadata.get("ownerReferences") or [] if one.get("controller")]
    if controllers:
        return bool(controllers == [uid])
    return bool((metadata.get("labels") or {}).get(source_label(kind)) == label_value(name))


def is_managed(live: Mapping[str, Any]) -> bool:
    """Whether the operator created `live`, according to its labels. Then the operator may delete and recreate it."""
    metadata = live["metadata"]
    owners = [one for one in metadata.get("ownerReferences") or [] if one.get("controller")]
    labels = metadata.get("labels") or {}
    return bool(owners) or labels.get("app.kubernetes.io/managed-by") == FIELD_MANAGER


def is_owned_by_former_source(live: Mapping[str, Any], *, kind: str, name: str, uid: str) -> bool:
    """Whether `live` is a child of a deleted source with that kind and name. The garbage collector is about to delete
    it.
    """
    controllers = [one for one in live["metadata"].get("ownerReferences") or [] if one.get("controller")]
    former = [
        one["apiVersion"].startswith(f"{GROUP}/") and (one["kind"], one["name"]) == (kind, name) and one["uid"] != uid
        for one in controllers
    ]
    return former == [True]


def _controller_reference(source: Source) -> Manifest:
    # Garbage collection needs only the uid. To block the owner's deletion, the operator would need the right to update
    # its finalizers, and the owner would only wait.
    return {**member_reference(source), "controller": True, "blockOwnerDeletion": False}


def _kind(source: Source) -> str:
    return type(source).__name__


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
