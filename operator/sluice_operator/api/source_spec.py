"""The fields of the spec that all kinds of source share."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from sluice_operator.api.address import IS_ADDRESS, LOOKS_LIKE_ADDRESS
from sluice_operator.api.base import Model
from sluice_operator.api.cursor import NEW_POSITION_NEEDS_NEW_NONCE, CursorSpec, OnCursorLost
from sluice_operator.api.deletion import DeletionPolicy
from sluice_operator.api.deployment_metadata import DeploymentMetadata
from sluice_operator.api.health import HealthSpec
from sluice_operator.api.host_rule import same_host_expression
from sluice_operator.api.limits import limits_of
from sluice_operator.api.object_names import DataKey, ObjectName
from sluice_operator.api.pod_template import MOUNTS_HAVE_VOLUMES, PodTemplate
from sluice_operator.api.pooling import Pooling
from sluice_operator.api.rules import Rule, cel_string
from sluice_redis import ingester_settings

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"

_PORT: Final = re.compile(r":([0-9]{1,5})$")

Host = Annotated[
    str,
    Field(max_length=300),
    Rule.matches(
        rf"(?:(?:wss?|https?)://)?(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?",
        message=(
            "give a host name or address alone, such as relay1.us-east.bsky.network, with a port if it needs "
            "one (localhost:2583) and ws:// or http:// in front if it has no TLS: no path, no user, no spaces"
        ),
    ),
    Rule(
        cel=("!self.matches(':[0-9]{1,5}$') || (int(self.find('[0-9]+$')) >= 1 && int(self.find('[0-9]+$')) <= 65535)"),
        message="the port of the host must be between 1 and 65535",
        holds=lambda host: (port := _PORT.search(host)) is None or 1 <= int(port[1]) <= 65535,
    ),
    Rule(
        cel=f"!self.matches({cel_string(LOOKS_LIKE_ADDRESS)}) || self.matches({cel_string(IS_ADDRESS)})",
        message=(
            "this is not an IP address: give four numbers from 0 to 255 (198.51.100.7), an IPv6 address in brackets "
            "([2001:db8::7]), or a host name"
        ),
        holds=lambda host: re.search(LOOKS_LIKE_ADDRESS, host) is None or re.search(IS_ADDRESS, host) is not None,
    ),
    Rule.transition(
        same_host_expression("self", "oldSelf"),
        message=(
            "the host is immutable: create another resource for another source, and delete this one. Only the spelling "
            "can change: the scheme before ://, upper and lower case, the default port of the scheme, and the form of "
            "an IPv6 address"
        ),
    ),
]
"""Where a source is found. It is immutable, because all numbers in a status (cursor, gaps, restarts, rates) belong to
one source. So do the sequence numbers in `startFrom` and `cursor.position`, and the listing of a backfill.

All other fields can change, because they do not mix two cursors. `redis.secretRef` and `redis.keyPrefix` lead to other
keys, which have their own cursor or start at `startFrom`. Another spelling of the host leads to the same key (see
`sluice_redis.hosts`). A stream that is disabled and enabled again continues from its cursor.
"""

Image = Annotated[
    str,
    Field(max_length=1024),
    Rule.matches(
        r"\S+",
        message="give an image as a container runtime takes it, such as registry.example.com/sluice:0.1.0",
    ),
]

ImagePullPolicy = Literal["Always", "IfNotPresent", "Never"]

KeyPrefix = Annotated[
    str,
    Field(max_length=100),
    Rule.matches(r"[!-~]*", message="give printable ASCII characters without blanks, such as {sluice}:"),
]


class SecretKeyRef(Model):
    """A reference to a key of a Secret in the namespace of the resource."""

    name: ObjectName
    """Name of the Secret, in the namespace of this resource."""

    key: DataKey = "url"
    """Key of the Secret that holds the URL."""


class RedisSpec(Model):
    """The Redis that events are written to."""

    secret_ref: SecretKeyRef | None = None
    """The Secret that holds the URL of the Redis. The URL is redis://user:password@redis:6379/0, rediss:// for TLS,
    redis+sentinel://host,host/service or redis+cluster://host,host. The ingester restarts when the content of the
    Secret changes. If not set, the default Redis of the operator is used.
    """

    key_prefix: KeyPrefix = ingester_settings.KEY_PREFIX.default
    """Prefix of every key in Redis. A Redis Cluster needs a prefix with a hash tag, such as {sluice}:, so that all keys
    of a source are in one hash slot. Defaults to no prefix.
    """


class BatchSpec(Model):
    """When events are written to Redis. A batch is written when it has reached the size or the timeout."""

    size: Annotated[int, limits_of(ingester_settings.BATCH_SIZE)] = ingester_settings.BATCH_SIZE.default
    """Number of events after which a batch is written. A batch holds only whole messages of the source, so it can be
    slightly larger.
    """

    timeout_milliseconds: Annotated[int, limits_of(ingester_settings.BATCH_TIMEOUT_MS)] = (
        ingester_settings.BATCH_TIMEOUT_MS.default
    )
    """Number of milliseconds after its first event at which a batch is written, even if it is not full."""


class BackpressureSpec(Model):
    """When the ingester stops reading from the source."""

    high_water_mark: Annotated[int, limits_of(ingester_settings.HIGH_WATER_MARK)] = (
        ingester_settings.HIGH_WATER_MARK.default
    )
    """Number of entries in the stream at which the ingester stops reading. It drops no event. It continues from its
    cursor when consumers have deleted entries. The last batch can exceed this number. Sources that write to the same
    stream should have the same value. Otherwise a source with a higher value can fill the stream, and one with a lower
    value never continues.
    """


class RetentionSpec(Model):
    """Which entries the ingester removes from the stream."""

    trim_consumed: bool = ingester_settings.TRIM_CONSUMED.default
    """Whether the ingester removes entries that every consumer group of the stream has acknowledged. Entries that a
    group has not read or not acknowledged are kept. If the stream has no consumer group, all entries stay.
    """


class ConfigMapKeyRef(Model):
    """A reference to a key of a ConfigMap in the namespace of the resource."""

    name: ObjectName
    """Name of the ConfigMap, in the namespace of this resource."""

    key: DataKey = "ca.crt"
    """Key of the ConfigMap that holds the certificates."""


class CABundle(Model):
    """Certificates of certificate authorities (CAs) of a private network."""

    config_map_ref: ConfigMapKeyRef
    """The ConfigMap that holds the CA certificates in PEM format."""


class SourceSpec(Model):
    """The fields that the specs of all kinds of source share."""

    host: Host
    """Host name or IP address of the source, with a port if it needs one, such as relay1.us-east.bsky.network. The
    connection uses TLS unless the host starts with ws:// or http://. The cursor in Redis belongs to the host, so the
    host is immutable: create another resource for another source. Only the spelling can change: the scheme before ://,
    upper and lower case, the default port of the scheme, and the form of an IPv6 address.
    """

    redis: RedisSpec | None = None
    """The Redis that events are written to. If not set, the default Redis of the operator is used."""

    cursor: Annotated[CursorSpec, NEW_POSITION_NEEDS_NEW_NONCE] | None = None
    """Sets the cursor, once for each nonce. The running ingester continues from the new cursor within seconds, without
    a restart.
    """

    on_cursor_lost: OnCursorLost | None = None
    """What to do when the source cannot continue from the cursor. Halt stops until a person acts. Oldest continues from
    the oldest event that the source still has. Live continues with new events only. If not set, an outdated cursor
    continues from the oldest event; a cursor in the future of the source halts, and so does a sequence that moved back.
    The status reports what was lost.
    """

    batch: BatchSpec = BatchSpec()
    """When events are written to Redis."""

    backpressure: BackpressureSpec = BackpressureSpec()
    """When the ingester stops reading from the source, so that a slow consumer loses no event."""

    retention: RetentionSpec = RetentionSpec()
    """Which entries the ingester removes from the stream. By default it removes none."""

    image: Image | None = None
    """Container image of the ingester. If not set, the image of the operator is used, so that both have the same
    version.
    """

    image_pull_policy: ImagePullPolicy | None = None
    """When to pull the image: Always, IfNotPresent or Never. If not set, the policy of the operator is used."""

    pod_template: Annotated[PodTemplate, MOUNTS_HAVE_VOLUMES] = PodTemplate()
    """Additions to the pod of the ingester: labels, annotations, environment variables, resources, scheduling and
    volumes. A change replaces the pod. The new pod continues from the cursor.
    """

    pooling: Pooling = Pooling()
    """Whether the ingester shares a pod with other sources. By default it has a pod of its own."""

    deployment: DeploymentMetadata | None = None
    """Additions to the metadata of the Deployments of this resource: labels and annotations. A change does not restart
    the pods. They have no effect on Deployments that several resources share.
    """

    ca_bundle: CABundle | None = None
    """CA certificates that the ingester trusts for the source and for Redis. They replace the public CAs."""

    suspend: bool = False
    """Whether to stop the ingester. Its cursor is kept, and it continues from there when this is false again."""

    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What happens to the cursor in Redis when this resource is deleted. Retain keeps it: a new resource with the same
    host continues from there. DeleteCursor stops the ingester, then deletes its cursors and its health hashes: a new
    resource with the same host starts from the beginning. The entries of the streams are kept in both cases. If Redis
    cannot be reached for a minute, the resource is deleted anyway, and an Event names the keys that are left.
    """

    health: HealthSpec = HealthSpec()
    """How long a problem can last before the status reports it."""
