"""Errors of the API server: their reason and severity, by code and message."""

import pytest

from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.reconcile.api_errors import refusal_of

GONE = 'Internal error occurred: failed calling webhook "gone": failed to call webhook: Post "https://x": refused'
DENIED = 'admission webhook "team" denied the request: no team'


@pytest.mark.parametrize(
    ("code", "words", "reason", "passes", "lasting"),
    [
        (400, "bad", "ChildRefused", False, False),
        (403, DENIED, "ChildRefused", False, False),
        (413, "too large", "ChildRefused", False, False),
        (422, "invalid", "ChildRefused", False, False),
        (500, "failed to create typed patch object: no", "ChildRefused", False, False),
        (500, GONE, "ChildRefused", True, True),
        (500, DENIED, "ChildRefused", True, True),
        (504, "failed calling webhook: context deadline exceeded", "ChildRefused", True, True),
        (409, "modified", "ApiServerUnavailable", True, False),
        (429, "too many requests", "ApiServerUnavailable", True, False),
        (500, "etcd is away", "ApiServerUnavailable", True, False),
        (503, "", "ApiServerUnavailable", True, False),
        (0, "no answer in time", "ApiServerUnavailable", True, False),
    ],
)
def test_the_reason_of_an_error(*, code: int, words: str, reason: str, passes: bool, lasting: bool) -> None:
    refusal = refusal_of(ApiError(code, "Word", words), action="write the Deployment a-firehose")
    assert (refusal.reason, refusal.is_transient, refusal.stalls_if_persistent) == (reason, passes, lasting)
    assert "write the Deployment a-firehose" in refusal.message
    assert (words or "Word") in refusal.message
