"""Kinds and namespaces that the operator serves before anything was listed: all of them."""

from sluice_common.clock import Clock
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.served_kinds import ServedKinds
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces


def served_kinds(clock: Clock | None = None) -> ServedKinds:
    return ServedKinds(KINDS.watched.sources.values(), clock=clock)


def served_namespaces(*names: str) -> ServedNamespaces:
    """These namespaces, or the whole cluster if none are named."""
    return ServedNamespaces(served_kinds(), names)
