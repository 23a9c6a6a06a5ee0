"""Counts requests of the audit log by verb and resource."""

from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from tests.integration.operator.audit import Request

_LEASES = "leases"


class Requests:
    """The requests of one user in one phase."""

    def __init__(self, found: Sequence[Request]) -> None:
        self._found = [one for one in found if one.resource != "selfsubjectaccessreviews"]

    @property
    def writes(self) -> int:
        """Requests that write, except of Leases."""
        return sum(one.is_write and one.resource != _LEASES for one in self._found)

    @property
    def lease_writes(self) -> int:
        """Requests that write a Lease."""
        return sum(one.is_write and one.resource == _LEASES for one in self._found)

    @property
    def reads(self) -> int:
        """All other requests. A dry run is one, and so are the begin and the end of a watch."""
        return sum(not one.is_write for one in self._found)

    @property
    def errors(self) -> int:
        """Requests that were answered with an error."""
        return sum(one.code >= HTTPStatus.BAD_REQUEST for one in self._found)

    @property
    def kinds(self) -> Mapping[str, int]:
        """The number of each kind of request, such as `patch labelers/status`; the most frequent first."""
        return dict(Counter(map(_kind, self._found)).most_common())

    def count(self, kind: str) -> int:
        """The number of one kind of request."""
        return self.kinds.get(kind, 0)


def _kind(one: Request) -> str:
    return f"{one.verb} {one.resource}" + (", dry run" if one.is_dry_run else "")
