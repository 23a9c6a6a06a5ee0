"""What every child has: an owner, and a stamp of what was wanted of it."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from sluice_operator.api.base import API_VERSION, GROUP
from sluice_operator.api.source import Source
from sluice_operator.desired.naming import (
    DESIRED_HASH_ANNOTATION,
    FIELD_MANAGER,
    label_value,
    owned_labels,
    source_label,
)

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object that holds only the fields that the operator owns, ready for server-side apply."""


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
    """A child of `source`, stamped with the hash of its own content."""
    metadata: Manifest = {
        "name": name,
        "namespace": source.metadata.namespace,
        "labels": {**labels, **owned_labels(kind=_kind(source), resource=source.metadata.name)},
        "ownerReferences": [_owner_reference(source)],
    }
    stamp = {DESIRED_HASH_ANNOTATION: _digest([metadata, *([dict(annotations)] if annotations else []), body])}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {**metadata, "annotations": {**annotations, **stamp}},
        **body,
    }


def is_controlled_by(live: Mapping[str, Any], source: Source) -> bool:
    """Whether `live` is a child of `source`. One of the same name that is not is a stranger's: hands off."""
    references = live.get("metadata", {}).get("ownerReferences") or []
    return any(
        reference.get("controller") is True and reference["uid"] == source.metadata.uid for reference in references
    )


def belongs_to(live: Mapping[str, Any], *, kind: str, name: str, uid: str) -> bool:
    """Whether `live` is a child of the source of that kind, name and uid, even one whose owner somebody took away:
    then its label tells.
    """
    metadata = live["metadata"]
    controllers = [one["uid"] for one in metadata.get("ownerReferences") or [] if one.get("controller")]
    if controllers:
        return bool(controllers == [uid])
    return bool((metadata.get("labels") or {}).get(source_label(kind)) == label_value(name))


def is_managed(live: Mapping[str, Any]) -> bool:
    """Whether `live` says that the operator has made it, so that it may be deleted and made anew."""
    metadata = live["metadata"]
    owners = [one for one in metadata.get("ownerReferences") or [] if one.get("controller")]
    labels = metadata.get("labels") or {}
    return bool(owners) or labels.get("app.kubernetes.io/managed-by") == FIELD_MANAGER


def is_owned_by_former_source(live: Mapping[str, Any], *, kind: str, name: str, uid: str) -> bool:
    """Whether `live` is a child of a former source of that kind and name, which the garbage collector is about to
    remove.
    """
    controllers = [one for one in live["metadata"].get("ownerReferences") or [] if one.get("controller")]
    former = [
        one["apiVersion"].startswith(f"{GROUP}/") and (one["kind"], one["name"]) == (kind, name) and one["uid"] != uid
        for one in controllers
    ]
    return former == [True]


def _owner_reference(source: Source) -> Manifest:
    # Garbage collection needs only the uid. Blocking the owner's deletion would need the right to update
    # its finalizers, and would only make the owner wait.
    return {
        "apiVersion": API_VERSION,
        "kind": _kind(source),
        "name": source.metadata.name,
        "uid": source.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _kind(source: Source) -> str:
    return type(source).__name__


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
