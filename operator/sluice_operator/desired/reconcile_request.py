"""The request to reconcile a resource at once, and the answer in its status. Pure.

A person or a tool sets the annotation to a value of its own, such as the time. The status repeats the value when a
reconciliation that began with it is complete.
"""

from collections.abc import Mapping
from typing import TypeVar

from sluice_operator.api.ingester_status import MAX_RECONCILE_REQUEST_LENGTH, SourceStatus
from sluice_operator.desired.naming import RECONCILE_ANNOTATION

StatusT = TypeVar("StatusT", bound=SourceStatus)


def is_pending(annotations: Mapping[str, str] | None, status: SourceStatus) -> bool:
    """Whether there is a request that `status` does not answer yet."""
    wanted = _requested(annotations)
    return wanted is not None and wanted != status.last_handled_reconcile_at


def acknowledge(annotations: Mapping[str, str] | None, status: StatusT) -> StatusT:
    """`status` with the answer to the request. The last answer stays when the annotation is removed."""
    if not is_pending(annotations, status):
        return status
    return status.model_copy(update={"last_handled_reconcile_at": _requested(annotations)})


def _requested(annotations: Mapping[str, str] | None) -> str | None:
    word = (annotations or {}).get(RECONCILE_ANNOTATION, "")
    return word[:MAX_RECONCILE_REQUEST_LENGTH] or None
