"""The request to reconcile a resource at once, and its acknowledgement in the status. Pure.

A person or a tool sets an annotation to any value, such as the time. When a reconciliation that began with this value
is complete, the operator copies it to the status.
"""

from collections.abc import Mapping
from typing import TypeVar

from sluice_operator.api.ingester_status import MAX_RECONCILE_REQUEST_LENGTH, SourceStatus
from sluice_operator.desired.naming import RECONCILE_ANNOTATION

StatusT = TypeVar("StatusT", bound=SourceStatus)


def is_pending(annotations: Mapping[str, str] | None, status: SourceStatus) -> bool:
    """Whether there is a request that `status` does not acknowledge yet."""
    wanted = _requested(annotations)
    return wanted is not None and wanted != status.last_handled_reconcile_at


def acknowledge(annotations: Mapping[str, str] | None, status: StatusT) -> StatusT:
    """`status` with the request acknowledged. If the annotation is removed, the last value stays."""
    if not is_pending(annotations, status):
        return status
    return status.model_copy(update={"last_handled_reconcile_at": _requested(annotations)})


def _requested(annotations: Mapping[str, str] | None) -> str | None:
    word = (annotations or {}).get(RECONCILE_ANNOTATION, "")
    return word[:MAX_RECONCILE_REQUEST_LENGTH] or None
