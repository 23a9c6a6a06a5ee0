"""What the pods of a source were started with, as hashes on them: another hash makes another pod. Pure.

What can't be found for a while, such as a Secret that was deleted, is no reason to take a pod away that runs: the hash
is then that of what runs.
"""

from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.source import Source
from sluice_operator.desired.naming import CA_HASH_ANNOTATION, REDIS_HASH_ANNOTATION, REDIS_TLS_HASH_ANNOTATION
from sluice_operator.status.reasons import EventReason
from sluice_operator.status.transitions import Event

_CHANGE_EVENTS: Final = {
    REDIS_HASH_ANNOTATION: (
        EventReason.SECRET_CHANGED,
        "The URL of Redis has changed: the ingester is restarted with it",
    ),
    REDIS_TLS_HASH_ANNOTATION: (
        EventReason.SECRET_CHANGED,
        "The files that the URL of Redis names have changed: the ingester is restarted with them",
    ),
    CA_HASH_ANNOTATION: (
        EventReason.CA_BUNDLE_CHANGED,
        "The certificate authorities in spec.caBundle have changed: the ingester is restarted with them",
    ),
}
"""By annotation, what is told when its hash is another."""


def desired_hashes(
    live: Mapping[str, Any] | None, *, found: Mapping[str, str | None], source: Source
) -> dict[str, str]:
    """The hashes that should stand on the pods of `live`, by annotation.

    What was `found` is None if nothing is known of it now, and empty if there is nothing to hash.
    """
    running = _pod_annotations(live)
    wanted = {name: running.get(name) if found.get(name) is None else found[name] for name in _CHANGE_EVENTS}
    if source.spec.ca_bundle is None:
        del wanted[CA_HASH_ANNOTATION]
    return {name: digest for name, digest in wanted.items() if digest}


def change_events(live: Mapping[str, Any] | None, desired: Mapping[str, str]) -> list[Event]:
    """What is to be told of the way from the hashes of `live` to those that are `wanted`."""
    running = _pod_annotations(live)
    return [
        Event(type="Normal", reason=reason, message=message)
        for name, (reason, message) in _CHANGE_EVENTS.items()
        if running.get(name) and name in desired and desired[name] != running[name]
    ]


def _pod_annotations(deployment: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Those of the pods of `deployment`."""
    template = (deployment or {}).get("spec", {}).get("template", {})
    annotations: Mapping[str, str] = template.get("metadata", {}).get("annotations") or {}
    return annotations
