"""Names and labels of the objects that the operator makes.

The name of a resource can have 253 characters, but the value of a label or a host name only 63. A longer name is cut
and ends in a hash of the whole name, so that different resources never share a name.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from sluice_operator.api.base import GROUP

FIELD_MANAGER: Final = "sluice-operator"
"""The field manager of the children."""

MANAGED_BY: Final[Mapping[str, str]] = {"app.kubernetes.io/managed-by": FIELD_MANAGER}
"""The label of all objects that the operator makes."""

CHILD_SELECTOR: Final = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
"""The label selector of all objects that the operator makes."""

COMPONENT_LABEL: Final = "app.kubernetes.io/component"
"""The label with the name of a pod's component: see `Component`."""

REDIS_HASH_ANNOTATION: Final = f"{GROUP}/redis-secret-hash"
"""On a pod: the hash of the Redis URL that it started with."""

CA_HASH_ANNOTATION: Final = f"{GROUP}/ca-bundle-hash"
"""On a pod: the hash of the CA certificates that it started with."""

REDIS_TLS_HASH_ANNOTATION: Final = f"{GROUP}/redis-client-hash"
"""On a pod: the hash of the files that its Redis URL names, such as a client certificate."""

RECONCILE_ANNOTATION: Final = f"{GROUP}/reconcile-requested-at"
"""On a resource: a request by a user to reconcile it at once, without any back-off."""

DESIRED_HASH_ANNOTATION: Final = f"{GROUP}/desired-hash"
"""On a child: the hash of its desired content. If it differs, another content is desired now."""

DEFAULT_REDIS_SECRET: Final = "sluice-redis-url"  # noqa: S105 (a name, not a password)
"""The name of the Secret with the operator's default URL, one in each namespace. The chart's own Secret has another
name.
"""

_MAX_LENGTH: Final = 63
_HASH_LENGTH: Final = 8


def source_label(kind: str) -> str:
    """The label on a child that holds the name of its owner of that kind, such as sluice.dev/relay."""
    return f"{GROUP}/{kind.lower()}"


def child_name(resource: str, suffix: str) -> str:
    """`<resource>-<suffix>`, at most 63 characters."""
    return _truncate_with_hash(resource, suffix=f"-{suffix}")


def former_redis_secret_name(*, kind: str, resource: str) -> str:
    """The name of the Secret with the operator's default URL that older versions made for each source."""
    return child_name(resource, f"{kind.lower()}-redis-url")


def label_value(name: str) -> str:
    """`name` as the value of a label, at most 63 characters."""
    return _truncate_with_hash(name, suffix="")


def pod_selector(*, resource: str, component: str) -> dict[str, str]:
    """The labels that select the pods of one ingester: that of a resource, or that of a shared Deployment.

    The selector of a Deployment is immutable, so they must never change.
    """
    return {
        "app.kubernetes.io/name": "sluice-ingester",
        "app.kubernetes.io/instance": label_value(resource),
        COMPONENT_LABEL: component,
    }


def owned_labels(*, kind: str, resource: str) -> dict[str, str]:
    """The labels of every object that the operator makes for a resource."""
    return {
        **MANAGED_BY,
        source_label(kind): label_value(resource),
    }


def _truncate_with_hash(name: str, *, suffix: str) -> str:
    whole = name + suffix
    if len(whole) <= _MAX_LENGTH:
        return whole
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    head = name[: _MAX_LENGTH - len(suffix) - 1 - _HASH_LENGTH].rstrip("-.")
    return f"{head}-{digest}{suffix}"
