"""The hashes of what an ingester reads at its start. They are annotations of its pod, so a new hash gives a new pod.
Pure.

If something can't be read, such as a deleted Secret, its hash stays as it is on the pod. So a running pod is not
replaced.
"""

from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.source import Source
from sluice_operator.desired.naming import CA_HASH_ANNOTATION, REDIS_HASH_ANNOTATION, REDIS_TLS_HASH_ANNOTATION
from sluice_operator.kubernetes.event import Event
from sluice_operator.status.event_reasons import EventReason
from sluice_operator.status.events import event_of

_CHANGE_EVENTS: Final = {
    REDIS_HASH_ANNOTATION: (
        EventReason.SECRET_CHANGED,
        "The URL of Redis has changed: the ingester is restarted with the new one",
    ),
    REDIS_TLS_HASH_ANNOTATION: (
        EventReason.SECRET_CHANGED,
        "The files that the URL of Redis names have changed: the ingester is restarted with the new ones",
    ),
    CA_HASH_ANNOTATION: (
        EventReason.CA_BUNDLE_CHANGED,
        "The certificates in spec.caBundle have changed: the ingester is restarted with the new ones",
    ),
}
"""By annotation: the Event when its hash changes."""


def desired_hashes(
    live: Mapping[str, Any] | None, *, found: Mapping[str, str | None], source: Source
) -> dict[str, str]:
    """The desired hashes on the pods of the Deployment `live`, by annotation.

    `found` holds the hashes as read now: None if that is unknown, empty if there is nothing to hash.
    """
    running = _pod_annotations(live)
    desired = {name: running.get(name) if found.get(name) is None else found[name] for name in _CHANGE_EVENTS}
    if source.spec.ca_bundle is None:
        del desired[CA_HASH_ANNOTATION]
    return {name: digest for name, digest in desired.items() if digest}


def change_events(live: Mapping[str, Any] | None, desired: Mapping[str, str]) -> list[Event]:
    """The Events about hashes of the Deployment `live` that are replaced by the `desired` ones."""
    running = _pod_annotations(live)
    return [
        event_of(reason, message)
        for name, (reason, message) in _CHANGE_EVENTS.items()
        if running.get(name) and name in desired and desired[name] != running[name]
    ]


def _pod_annotations(deployment: Mapping[str, Any] | None) -> Mapping[str, str]:
    template = (deployment or {}).get("spec", {}).get("template", {})
    annotations: Mapping[str, str] = template.get("metadata", {}).get("annotations") or {}
    return annotations
