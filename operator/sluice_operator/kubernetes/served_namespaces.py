"""Which of the watched namespaces are served: those in which the API server refuses nothing that is needed there.

A namespace whose Role is missing, or that does not exist, concerns nobody but its own users: it is left out until the
API server lets the operator in, and all others go on. What was known of it stays in the store, since its ingesters
run on and keep their cursors; but nobody looks at it, for nothing could be written.
"""

import logging
import math
from collections.abc import Iterable, Mapping

from sluice_operator.kubernetes.client import ApiResource
from sluice_operator.kubernetes.served_kinds import ServedKinds

logger = logging.getLogger(__name__)


class ServedNamespaces:
    """The watched namespaces; without any name all of the cluster are."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.kinds = ServedKinds()
        """Which kinds of resource are served in them."""
        self._refusals: Mapping[str, str] = {}
        self._watch_checks: set[str | None] = set()
        self._failures = 0
        self._is_checked = False

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """Where to list and watch: each namespace, or the whole cluster (None)."""
        return self.names or (None,)

    @property
    def served(self) -> tuple[str, ...]:
        """Those that are served."""
        return tuple(name for name in self.names if self.serves(name))

    @property
    def served_by_name(self) -> dict[str, bool]:
        """Whether each of them is served; empty before that is known."""
        return {name: self.serves(name) for name in self.names} if self._is_checked else {}

    @property
    def retry_seconds(self) -> float:
        """In how many seconds to try anew: a refusal may be over in a moment, or last for ever."""
        return 2.0 ** min(self._failures, 20) if self._refusals else math.inf

    def serves(self, name: str) -> bool:
        """Whether that namespace is served."""
        return name not in self._refusals

    def serves_kind(self, api: ApiResource, name: str) -> bool:
        """Whether objects of that kind are served in that namespace."""
        return self.serves(name) and self.kinds.serves(api, name)

    def watch_scopes(self, api: ApiResource) -> tuple[str | None, ...]:
        """Where objects of that kind are watched: namespaces, or the whole cluster (None); empty if nowhere."""
        scopes: tuple[str | None, ...] = self.served if self.names else (None,)
        return tuple(scope for scope in scopes if self.kinds.serves(api, scope))

    def require_watch_check(self, name: str | None) -> None:
        """A watch was refused there, so the right to list is not enough of a proof."""
        self._watch_checks.add(name)

    def needs_watch_check(self, name: str | None) -> bool:
        """Whether the right to watch must be proved there as well."""
        return name in self._watch_checks

    def limit_watch_checks(self, scopes: Iterable[str | None]) -> None:
        """Only in these scopes something is refused: in all others nothing is in doubt any more."""
        self._watch_checks &= set(scopes)

    def record_refusals(self, refusals: Mapping[str, str]) -> None:
        """All were tried: `refusals` has the server's words for those that it refused."""
        before, self._refusals = self._refusals, dict(refusals)
        self._is_checked = True
        if before.keys() == refusals.keys():
            self._failures += 1
            return
        self._failures = 0
        for name in refusals.keys() - before.keys():
            logger.error(
                "Namespace %s is not served until it exists and the operator has its Role and RoleBinding there, as "
                "the chart makes them for each of watchNamespaces. It is tried again at each resync: %s",
                name,
                refusals[name],
            )
        for name in before.keys() - refusals.keys():
            logger.info("Namespace %s is served", name)
