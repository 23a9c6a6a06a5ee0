"""The keys of a source: in the work queue and the cache, and in Redis."""

from sluice_operator.api.source import Source
from sluice_operator.desired.deletion_plan import stream_keys
from sluice_operator.desired.redis_secret import key_prefix
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_redis.contract import StreamKeys


def source_key(source: Source) -> SourceKey:
    """The key under which the work queue and the cache know `source`."""
    return SourceKey(type(source).__name__, source.metadata.namespace, source.metadata.name)


def keys_of(source: Source, stream: DesiredStream) -> StreamKeys:
    """The Redis keys of that stream of `source`."""
    return stream_keys(stream.stream, address=source.spec.host, prefix=key_prefix(source))
