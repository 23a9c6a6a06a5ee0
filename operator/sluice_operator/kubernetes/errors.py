"""Errors of requests to the API server, and how soon a failed request is worth another attempt."""

from http import HTTPStatus
from typing import Final

_IMMUTABLE_FIELD: Final = "field is immutable"
_TYPED_PATCH_ERRORS: Final = ("failed to create typed patch object", "failed to convert new object")
"""How the message of a 500 begins if a field of a server-side apply is unknown or of the wrong type. The API server has
no other code for that.
"""
_REFUSAL_CODES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


class ApiError(Exception):
    """A request to the API server failed.

    - `code` is the HTTP status, or 0 if there was no response.
    - `reason` and `message` are those of the server's response.
    - `retry_after` is the number of seconds that the server asks to wait, for example with a 429. 0 if it does not ask.
    """

    def __init__(self, code: int, reason: str, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def is_refusal(self) -> bool:
        """Whether the server understood the request and will refuse it until somebody changes something."""
        if self.code == HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.message.startswith(_TYPED_PATCH_ERRORS)
        return self.code in _REFUSAL_CODES

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else has changed the object since it was read."""
        return self.code == HTTPStatus.CONFLICT

    @property
    def is_immutable_field(self) -> bool:
        """Whether a field can't be changed, so that the object must be replaced by a new one."""
        return self.code == HTTPStatus.UNPROCESSABLE_ENTITY and _IMMUTABLE_FIELD in self.message


class IncompleteError(ApiError):
    """Some requests failed, and everything that did not depend on them was done.

    `retry_within` is the longest time in seconds until the next attempt, however many attempts have failed.
    """

    def __init__(self, error: ApiError, *, retry_within: float) -> None:
        super().__init__(error.code, error.reason, error.message, retry_after=error.retry_after)
        self.retry_within = retry_within


def requested_pause(error: Exception) -> float:
    """The number of seconds that the API server asks to wait. 0 if it does not ask."""
    return error.retry_after if isinstance(error, ApiError) else 0.0


def retry_limit(error: Exception) -> float:
    """The longest time in seconds until the next attempt after `error`. Infinite if there is no such limit."""
    return error.retry_within if isinstance(error, IncompleteError) else float("inf")
