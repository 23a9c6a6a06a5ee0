"""Turns an error of the API server into a fact for the status of a source. Pure.

- A refusal lasts until somebody changes something: a person must act now.
- A webhook that can't be reached may recover. If it does not, a person must act.
- An API server that is overloaded or down is no problem of the source: the operator retries.
"""

import re
from typing import Final

from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.status.condition_reasons import ConditionReason

_WEBHOOK: Final = re.compile(r"failed calling webhook|admission webhook .* denied the request")
_WEBHOOK_ADVICE: Final = "the operator tries again; repair the webhook, or delete its configuration"


def refusal_of(error: ApiError, *, action: str) -> Refusal:
    """The fact about `error`. `action` is the failed request, such as `write the Deployment x`."""
    text = error.message or error.reason or str(error.code)
    if error.is_refusal:
        message = f"The API server refuses to {action}: {text}; correct the spec, or change what forbids it"
        return Refusal(reason=ConditionReason.CHILD_REFUSED, message=message)
    if _WEBHOOK.search(error.message):
        message = f"The API server can't {action}: {text}; {_WEBHOOK_ADVICE}"
        return Refusal(
            reason=ConditionReason.CHILD_REFUSED, message=message, is_transient=True, stalls_if_persistent=True
        )
    code = f" ({error.code})" if error.code else ""
    message = f"The API server can't {action}{code}: {text}; the operator tries again"
    return Refusal(reason=ConditionReason.API_SERVER_UNAVAILABLE, message=message, is_transient=True)
