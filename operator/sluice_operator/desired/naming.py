"""Names and labels of the objects that the operator makes.

A name of a resource may have 253 characters, a label's value or a host name only 63: what is too long is cut
and ends in a hash of the whole, so that different resources never share a name.
"""

import hashlib
from typing import Final

from sluice_operator.api.base import GROUP
from sluice_operator.desired.component import Component

FIELD_MANAGER: Final = "sluice-operator"
"""The field manager under which children are applied."""

CHILD_SELECTOR: Final = f"app.kubernetes.io/managed-by={FIELD_MANAGER}"
"""The label selector of all objects that the operator makes."""

COMPONENT_LABEL: Final = "app.kubernetes.io/component"
"""The label that tells what a pod does for its source: see `Component`."""

REDIS_HASH_ANNOTATION: Final = f"{GROUP}/redis-secret-hash"
"""On a pod: the hash of the Redis URL that it was started with."""

CA_HASH_ANNOTATION: Final = f"{GROUP}/ca-bundle-hash"
"""On a pod: the hash of the certificate authorities that it was started with."""

REDIS_TLS_HASH_ANNOTATION: Final = f"{GROUP}/redis-client-hash"
"""On a pod: the hash of the files that its Redis URL names, such as a client certificate."""

RECONCILE_ANNOTATION: Final = f"{GROUP}/reconcile-requested-at"
"""On a resource, set by anybody: look at it at once, whatever was given up for a while."""

DESIRED_HASH_ANNOTATION: Final = f"{GROUP}/desired-hash"
"""On each child: the hash of all that is wanted of it, which shows a field that is wanted no longer."""

_MAX_LENGTH: Final = 63
_HASH_LENGTH: Final = 8


def source_label(kind: str) -> str:
    """The label on a child that holds the name of its owner of that kind, such as sluice.dev/relay."""
    return f"{GROUP}/{kind.lower()}"


def child_name(resource: str, suffix: str) -> str:
    """`<resource>-<suffix>`, at most 63 characters."""
    return _truncate_with_hash(resource, suffix=f"-{suffix}")


def redis_secret_name(*, kind: str, resource: str) -> str:
    """The Secret with the operator's default URL: a Relay and a Labeler of one name have one each.

    It is never `<release>-redis`, as the chart calls the Secret of its own Redis.
    """
    return child_name(resource, f"{kind.lower()}-redis-url")


def label_value(name: str) -> str:
    """`name` as the value of a label, at most 63 characters."""
    return _truncate_with_hash(name, suffix="")


def pod_selector(*, resource: str, component: Component) -> dict[str, str]:
    """The labels that tell the pods of one ingester. A Deployment can't change them: neither can we."""
    return {
        "app.kubernetes.io/name": "sluice-ingester",
        "app.kubernetes.io/instance": label_value(resource),
        COMPONENT_LABEL: component.name,
    }


def owned_labels(*, kind: str, resource: str) -> dict[str, str]:
    """The labels of everything that the operator makes for a resource."""
    return {
        "app.kubernetes.io/managed-by": FIELD_MANAGER,
        source_label(kind): label_value(resource),
    }


def _truncate_with_hash(name: str, *, suffix: str) -> str:
    whole = name + suffix
    if len(whole) <= _MAX_LENGTH:
        return whole
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    head = name[: _MAX_LENGTH - len(suffix) - 1 - _HASH_LENGTH].rstrip("-.")
    return f"{head}-{digest}{suffix}"
