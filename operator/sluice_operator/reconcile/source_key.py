"""The key of a parsed source."""

from sluice_operator.api.source import Source
from sluice_operator.kubernetes.source_key import SourceKey


def source_key(source: Source) -> SourceKey:
    """The key under which the work queue and the cache know `source`."""
    return SourceKey(type(source).__name__, source.metadata.namespace, source.metadata.name)
