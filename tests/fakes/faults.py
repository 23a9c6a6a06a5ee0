"""Faults of the fake API server: refusals, lost answers and outages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.transport import HttpResponse
from tests.fakes.request import Request, status_response


@dataclass(kw_only=True)
class Fault:
    """A fault, and the requests that it affects."""

    match: Mapping[str, str]
    """Attributes of the requests that it meets."""
    respond: Callable[[], HttpResponse]
    is_carried_out: bool = False
    """Whether the request is carried out all the same, and only its answer is lost."""
    left: float
    """How many more requests it meets."""

    def meets(self, request: Request) -> bool:
        return self.left > 0 and all(getattr(request, name) == value for name, value in self.match.items())


class Faults:
    """The current faults of one server. Each lasts as long as its context manager."""

    def __init__(self) -> None:
        self.is_away = False
        """Whether no connection can be made at all."""
        self._faults: list[Fault] = []

    def meeting(self, request: Request) -> Fault | None:
        """The fault for `request`, if any. Counts the request."""
        if self.is_away:
            return Fault(match={}, respond=_no_connection, left=1)
        fault = next((one for one in self._faults if one.meets(request)), None)
        if fault is not None:
            fault.left -= 1
        return fault

    @contextmanager
    def refuse(
        self,
        code: int,
        reason: str = "",
        message: str = "refused by the test",
        *,
        retry_after: int | None = None,
        times: float = float("inf"),
        **match: Any,
    ) -> Iterator[Fault]:
        """Refuse requests. Limit them by `method`, `plural`, `namespace`, `name` or `subresource`."""
        pause = "" if retry_after is None else str(retry_after)
        answer = status_response(code, reason, message, retry_after=pause)
        with self._lasting(Fault(match=match, respond=lambda: answer, left=times)) as fault:
            yield fault

    @contextmanager
    def lose_answers(self, *, times: float = float("inf"), **match: Any) -> Iterator[Fault]:
        """Carry out requests, but lose their answers, as a broken connection does."""
        with self._lasting(Fault(match=match, respond=_disconnected, is_carried_out=True, left=times)) as fault:
            yield fault

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Refuse all connections."""
        self.is_away = True
        try:
            yield
        finally:
            self.is_away = False

    @contextmanager
    def _lasting(self, fault: Fault) -> Iterator[Fault]:
        self._faults.append(fault)
        try:
            yield fault
        finally:
            self._faults.remove(fault)


def _no_connection() -> HttpResponse:
    raise ApiError(0, "ClientConnectorError", "Cannot connect to host")


def _disconnected() -> HttpResponse:
    raise ApiError(0, "ServerDisconnectedError", "Server disconnected")
