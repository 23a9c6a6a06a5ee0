"""What the API server's answers mean for a resource, as facts. Pure.

What it refuses for good is known from its answer (`KubeError.is_refusal`), and a person must act at once. The rest may
pass by itself. A webhook that can't be reached is in between: it may come back, but when it has been away for a while
somebody should look at it. An API server that is overloaded or away needs nobody who looks at this resource.
"""

import re
from typing import Final

from sluice_operator.kubernetes.client import ApiError
from sluice_operator.observed.facts import Refusal
from sluice_operator.status.reasons import ConditionReason

_WEBHOOK: Final = re.compile(r"failed calling webhook|admission webhook .* denied the request")
_WEBHOOK_ADVICE: Final = "it is tried again; bring the webhook back, mend it, or delete its configuration"


def refusal_of(error: ApiError, *, action: str) -> Refusal:
    """What it means that the API server did not do what was asked; `doing` says what that was, as in `write x`."""
    words = error.message or error.reason or str(error.code)
    if error.is_refusal:
        message = f"The API server refuses to {action}: {words}; mend the spec, or what forbids it"
        return Refusal(reason=ConditionReason.CHILD_REFUSED, message=message)
    if _WEBHOOK.search(error.message):
        message = f"The API server can't {action}: {words}; {_WEBHOOK_ADVICE}"
        return Refusal(
            reason=ConditionReason.CHILD_REFUSED, message=message, is_transient=True, stalls_if_persistent=True
        )
    code = f" ({error.code})" if error.code else ""
    message = f"The API server can't {action}{code}: {words}; it is tried again"
    return Refusal(reason=ConditionReason.API_SERVER_UNAVAILABLE, message=message, is_transient=True)
