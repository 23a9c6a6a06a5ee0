"""The parts that every source has in its spec, a relay as well as a labeler."""

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
from sluice_operator.api.object_names import DataKey, ObjectName
from sluice_operator.api.pod_template import MOUNTS_HAVE_VOLUMES, PodTemplate
from sluice_operator.api.rules import Rule, cel_string

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
            "this is no IP address: give four numbers from 0 to 255 (198.51.100.7), an IPv6 address in brackets "
            "([2001:db8::7]), or a host name"
        ),
        holds=lambda host: re.search(LOOKS_LIKE_ADDRESS, host) is None or re.search(IS_ADDRESS, host) is not None,
    ),
    Rule.transition(
        same_host_expression("self", "oldSelf"),
        message=(
            "the host can't be changed, except for ws://, wss://, http:// or https:// in front, for capitals, for a "
            "port that is the default of the scheme and for the spelling of an IPv6 address: make another resource "
            "for another source, and delete this one"
        ),
    ),
]
"""Where a source is found. It can't be changed: all that a status counts and compares (cursor, gaps, restarts,
rates), the seq in `startFrom` and `cursor.position`, and the listing of a backfill are of one source.

Nothing else of a spec would mix two cursors, so nothing else is immutable: `redis.secretRef` and
`redis.keyPrefix` lead to other keys, which have a cursor of their own or begin at `startFrom`; another spelling leads
to the same key of the same source (see `sluice_redis.hosts`); streams that are switched off and on go on from
their cursor.
"""

Image = Annotated[
    str,
    Field(max_length=1024),
    Rule.matches(
        r"\S+",
        message="give an image as a container runtime takes it, such as registry.example.com/sluice:0.1.0",
    ),
]

KeyPrefix = Annotated[
    str,
    Field(max_length=100),
    Rule.matches(r"[!-~]*", message="give printable ASCII characters without blanks, such as {sluice}:"),
]


class SecretKeyRef(Model):
    """A key of a Secret in the resource's own namespace."""

    name: ObjectName
    """The name of the Secret, in the namespace of this resource."""

    key: DataKey = "url"
    """The key of the Secret under which the URL stands."""


class RedisSpec(Model):
    """Where events are written."""

    secret_ref: SecretKeyRef | None = None
    """The Secret that holds the URL of the Redis, such as redis://user:password@redis:6379/0, rediss:// for
    TLS, redis+sentinel://host,host/service or redis+cluster://host,host. The ingester restarts by itself when
    its content changes. Without it the operator's default Redis is used.
    """

    key_prefix: KeyPrefix = ""
    """Stands before every key in Redis. A cluster needs one with a hash tag, such as {sluice}:, so that the
    keys of a source stand in one slot.
    """


class BatchSpec(Model):
    """How events are gathered before they are written together."""

    size: Annotated[int, Field(ge=1, le=10_000)] = 500
    """How many events close a batch. A batch holds whole messages of the source only, so it may become
    somewhat larger.
    """

    timeout_milliseconds: Annotated[int, Field(ge=10, le=60_000)] = 1000
    """How many milliseconds after its first event a batch is written, however small it is."""


class BackpressureSpec(Model):
    """When to stop reading from the source."""

    high_water_mark: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100_000
    """How many entries the stream may hold. At this length the ingester stops reading, drops nothing, and
    goes on from its cursor when consumers have deleted entries. The last batch may overshoot it. Give all sources that
    write to one stream the same: where the mark of one is lower, the others can fill the stream above it for ever.
    """


class RetentionSpec(Model):
    """What becomes of entries in Redis."""

    trim_consumed: bool = False
    """Whether entries are removed that every consumer group of the stream has acknowledged. What any group
    has not read or not acknowledged stays, and without groups everything does.
    """


class ConfigMapKeyRef(Model):
    """A key of a ConfigMap in the resource's own namespace."""

    name: ObjectName
    """The name of the ConfigMap, in the namespace of this resource."""

    key: DataKey = "ca.crt"
    """The key of the ConfigMap under which the certificates stand."""


class CABundle(Model):
    """Certificate authorities of a private network."""

    config_map_ref: ConfigMapKeyRef
    """The ConfigMap that holds the certificates in PEM form."""


class SourceSpec(Model):
    """What the specs of all kinds of source have in common."""

    host: Host
    """The host of the source, with its port if it has one, such as relay1.us-east.bsky.network. TLS is used
    unless ws:// or http:// stands in front. The cursor in Redis is kept under this host, so it can't be
    changed, except for what stands in front of ://, for capitals, for a port that is the default of the scheme
    and for the spelling of an IPv6 address: another source is another resource.
    """

    redis: RedisSpec | None = None
    """The Redis that takes the events. Without it the operator's default is used."""

    cursor: Annotated[CursorSpec, NEW_POSITION_NEEDS_NEW_NONCE] | None = None
    """Sets the cursor, once for each nonce. The running ingester follows within seconds, without a restart."""

    on_cursor_lost: OnCursorLost | None = None
    """What to do when the source can't go on from the cursor: Halt, until a person acts; Oldest, which goes
    on from the oldest event that the source still has; or Live, which goes on with what comes from then on.
    Without it an outdated cursor goes on from the oldest event, and one in the future of the source, or a
    sequence that moved back, halts. What is lost is named in the status.
    """

    batch: BatchSpec = BatchSpec()
    """How events are gathered before they are written together."""

    backpressure: BackpressureSpec = BackpressureSpec()
    """When the ingester stops reading, so that a slow consumer loses nothing."""

    retention: RetentionSpec = RetentionSpec()
    """What becomes of entries in Redis that consumers are done with."""

    image: Image | None = None
    """The image of the ingester. Without it the operator's own image is used, so that both are of one
    version.
    """

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled: Always, IfNotPresent or Never. Without it the operator's own policy is
    used.
    """

    pod_template: Annotated[PodTemplate, MOUNTS_HAVE_VOLUMES] = PodTemplate()
    """What is added to the ingester's pod: labels, variables, resources, placement and volumes. A change makes
    another pod, which goes on from the cursor.
    """

    deployment: DeploymentMetadata | None = None
    """What is added to the Deployments of this resource themselves: labels and annotations. A change leaves the pods
    alone.
    """

    ca_bundle: CABundle | None = None
    """Certificate authorities that the ingester trusts, for the source and for Redis, in place of the
    public ones.
    """

    suspend: bool = False
    """Stops the ingester, and keeps its cursor, until this is false again."""

    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What becomes of the cursor in Redis when this resource is deleted: Retain keeps it, so that a resource of
    the same host goes on from there; DeleteCursor stops the ingester and deletes its cursors and what it told of
    its health, so that a resource of the same host begins anew. What stands in the streams stays in any case.
    If Redis can't be reached for a minute, the resource goes nevertheless, and an Event tells what remains.
    """

    health: HealthSpec = HealthSpec()
    """How long things may take before the status calls them wrong."""
