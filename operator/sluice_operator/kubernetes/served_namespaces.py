"""Which of the watched namespaces are served: those in which the operator has all the rights that it needs.

If a namespace does not exist, or if the operator's Role is missing there, that namespace is not served. All others are.
Its objects stay in the cache, because its ingesters continue and keep their cursors. They are not reconciled, because
nothing could be written.
"""

import logging
import math
from collections.abc import Iterable, Mapping

from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.kubernetes.served_kinds import Scope, ServedKinds

logger = logging.getLogger(__name__)


class ServedNamespaces:
    """The watched namespaces, or the whole cluster if none are named."""

    def __init__(self, kinds: ServedKinds, names: Iterable[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.kinds = kinds
        """Which kinds of sources are served in them."""
        self._refusals: Mapping[str, str] = {}
        self._watch_checks: set[Scope] = set()
        self._failures = 0
        self._is_checked = False

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Where to list and watch: each namespace, or the whole cluster (None)."""
        return self.names or (None,)

    @property
    def served(self) -> tuple[str, ...]:
        """The named namespaces that are served."""
        return tuple(name for name in self.names if self.serves(name))

    @property
    def served_by_name(self) -> dict[str, bool]:
        """By named namespace, whether it is served. Empty before that is known."""
        return {name: self.serves(name) for name in self.names} if self._is_checked else {}

    @property
    def retry_seconds(self) -> float:
        """The number of seconds until the refused ones are tried again. It doubles each time, as a refusal may be
        permanent.
        """
        return 2.0 ** min(self._failures, 20) if self._refusals else math.inf

    def serves(self, name: str) -> bool:
        """Whether that namespace is served."""
        return name not in self._refusals

    def serves_kind(self, api: ApiResource, name: str) -> bool:
        """Whether objects of that kind are served in that namespace."""
        return self.serves(name) and self.kinds.serves(api, name)

    def watch_scopes(self, api: ApiResource) -> tuple[Scope, ...]:
        """Where objects of that kind are watched: namespaces, or the whole cluster (None). Empty if nowhere."""
        scopes: tuple[Scope, ...] = self.served if self.names else (None,)
        return tuple(scope for scope in scopes if self.kinds.serves(api, scope))

    def require_watch_check(self, scope: Scope) -> None:
        """Record that a watch was refused there, so that a successful list does not prove the rights any more."""
        self._watch_checks.add(scope)

    def needs_watch_check(self, scope: Scope) -> bool:
        """Whether to check there that watching is allowed as well."""
        return scope in self._watch_checks

    def limit_watch_checks(self, scopes: Iterable[Scope]) -> None:
        """Require the check in these scopes only. In the others nothing is refused any more."""
        self._watch_checks &= set(scopes)

    def record_refusals(self, refusals: Mapping[str, str]) -> None:
        """Record which namespaces the API server has refused, with its messages. All others are served."""
        before, self._refusals = self._refusals, dict(refusals)
        self._is_checked = True
        if before.keys() == refusals.keys():
            self._failures += 1
            return
        self._failures = 0
        for name in refusals.keys() - before.keys():
            logger.error(
                "Namespace %s is not served until it exists and the operator has its Role and RoleBinding there. The "
                "chart creates them for each of watchNamespaces. It is tried again at each resync: %s",
                name,
                refusals[name],
            )
        for name in before.keys() - refusals.keys():
            logger.info("Namespace %s is served", name)
