"""The reasons of conditions: what each word means and what to do about it.

Users write alerts and scripts against these words, so a word never gets another meaning. The docstring of a reason
is a row of docs/status.md: its first paragraph says when the reason is given, its second what to do. `make generate`
writes the table.

An ingester has reasons of its own (`HealthField.REASON` in Redis). They replace the operator's where they say more.
"""

from enum import StrEnum
from typing import Self

from sluice_operator.status.severity import Severity


class ConditionReason(StrEnum):
    """Why a condition has its status."""

    severities: tuple[Severity, ...]
    """The severities that `Ready` can have with this reason, in the order of time. Empty if `Ready` never has it."""

    def __new__(cls, value: str, *severities: Severity) -> Self:
        """The reason `value`."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.severities = severities
        return member

    # The spec and the objects made from it.

    INVALID_SPEC = "InvalidSpec", Severity.STALLED
    """The spec asks for something impossible.

    Correct the field that the message names.
    """
    SECRET_MISSING = "SecretMissing", Severity.PROGRESSING, Severity.STALLED
    """The Secret with the Redis URL does not exist, or has no such key, or the key is empty.

    Create the Secret, or add the key.
    """
    CHILD_REFUSED = "ChildRefused", Severity.PROGRESSING, Severity.STALLED
    """The API server refuses to write a Deployment or a Secret. `Stalled` at once if the answer is final, later if a
    webhook can't be reached.

    Correct what the API server's words in the message name: the spec, a policy, a quota or a webhook.
    """
    SPEC_NOT_APPLIED = "SpecNotApplied"
    """The Deployment and the Secret do not exist yet, or belong to an older generation of the spec.

    See the reason of `Ready`.
    """
    API_SERVER_UNAVAILABLE = "ApiServerUnavailable", Severity.HEALTHY, Severity.PROGRESSING, Severity.DEGRADED
    """The API server can't answer for an object that the operator reads or writes. The operator retries.

    Nothing, unless it lasts: then check the API server.
    """
    POOL_MISMATCH = "PoolMismatch", Severity.STALLED
    """The resource shares a pool, and a field that all resources of the pool have in common differs from that of the
    oldest of them. Its ingester does not run.

    Set the field that the message names as in that resource, or choose another pool.
    """
    CHILD_CONFLICT = "ChildConflict", Severity.STALLED
    """An object of the name that the operator needs exists and belongs to somebody else.

    Delete or rename that object. If it is a Deployment, you can rename the resource instead.
    """
    SET_BY_ADMISSION = "SetByAdmission"
    """A mutating webhook or an admission policy changes a field at each write. The operator leaves the field.

    Set the same value in the spec, or exclude the object from the webhook or policy.
    """
    CONTESTED = "Contested", Severity.STALLED
    """Somebody changes a field, or deletes the object, again and again. The operator leaves it and retries ever more
    rarely. `Stalled` only if the object is missing.

    Stop whoever the message names, or set the same value in the spec.
    """
    DUPLICATE_SOURCE = "DuplicateSource", Severity.PROGRESSING, Severity.STALLED
    """An older resource writes the same cursor, so this ingester does not run. `Stalled` unless the older resource is
    being deleted.

    Delete one of the two, or give one another Redis or another `spec.redis.keyPrefix`.
    """
    TERMINATING = "Terminating", Severity.PROGRESSING
    """The resource is being deleted.

    Nothing. If it lasts, the message says what the deletion waits for.
    """

    # The rollout.

    PROGRESSING = "Progressing", Severity.PROGRESSING
    """The Deployment is being created or rolled out.

    Nothing. If it lasts, the message says what the pod waits for.
    """
    POD_NOT_RUNNING = "PodNotRunning", Severity.PROGRESSING
    """The ingester's container does not run, and Kubernetes is about to start it.

    Nothing. If it lasts, the message says what the pod waits for.
    """
    POD_REFUSED = "PodRefused", Severity.PROGRESSING, Severity.STALLED
    """Pods can't be created: a quota, a policy or an admission webhook forbids it.

    Change the quota, policy or webhook, or `spec.podTemplate`.
    """
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded", Severity.STALLED
    """The rollout has not ended within the progress deadline of the Deployment.

    Run the command in the message: it shows what the pod waits for.
    """
    IMAGE_PULL_FAILED = "ImagePullFailed", Severity.PROGRESSING, Severity.STALLED
    """The ingester's image can't be pulled. `Stalled` when a retry has failed too.

    Correct `spec.image`, `spec.imagePullPolicy` or `spec.podTemplate.imagePullSecrets`.
    """
    CONTAINER_CONFIG_ERROR = "ContainerConfigError", Severity.PROGRESSING, Severity.STALLED
    """The container can't be created, for example because a Secret or a ConfigMap is missing.

    Create what is missing, or correct `spec.podTemplate` or `spec.image`.
    """
    REFERENCE_MISSING = "ReferenceMissing", Severity.PROGRESSING, Severity.STALLED
    """A Secret or a ConfigMap that the pod references, or a key of it, does not exist.

    Create it, or reference another one.
    """
    VOLUME_NOT_MOUNTED = "VolumeNotMounted", Severity.PROGRESSING, Severity.STALLED
    """A volume of the pod can't be mounted, or its claim does not exist.

    Create what is missing, or correct `spec.podTemplate.volumes`.
    """
    SIDECAR_FAILED = "SidecarFailed", Severity.PROGRESSING, Severity.STALLED
    """Another container of the pod fails, for example of a service mesh, and keeps the ingester from starting.

    Repair that container, or keep it out of the pod with labels or annotations in `spec.podTemplate`.
    """
    CRASH_LOOP = "CrashLoop", Severity.STALLED
    """The ingester exits right after each start, three times or more.

    Run the command in the message: it shows the log of the last run. After `OOMKilled`, raise the memory limit.
    """

    # Several writers.

    EXTRA_PODS = "ExtraPods"
    """The Deployment runs more than one ingester pod.

    Run the command in the message.
    """
    OTHER_INGESTER = "OtherIngester"
    """An ingester that the Deployment did not create writes the same stream.

    Stop the ingester that the message names.
    """

    # The source.

    CONNECTING = "Connecting", Severity.PROGRESSING
    """The ingester has not connected to the source yet.

    Nothing. If it lasts, the message says why.
    """
    STREAMING = "Streaming", Severity.HEALTHY
    """The ingester is connected, and what it reads is stored."""
    LISTING = "Listing", Severity.HEALTHY
    """The ingester lists the repos of the source, page by page."""
    LISTED = "Listed", Severity.HEALTHY
    """The listing of repos is complete."""
    RECONNECTING = "Reconnecting", Severity.HEALTHY
    """The connection was lost, and the ingester reconnects."""
    SOURCE_UNAVAILABLE = "SourceUnavailable", Severity.DEGRADED
    """The source has been unreachable for longer than `spec.health.degradedAfterSeconds`.

    Check `spec.host`, the network and any proxy; ask the operator of the source.
    """
    HALTED = "Halted", Severity.STALLED
    """The ingester has halted until a person acts, and gave no reason of its own.

    Look into its log.
    """
    NOT_REPORTING = "NotReporting", Severity.PROGRESSING, Severity.DEGRADED
    """The container runs, but the ingester has written no report to Redis for 30 seconds. A start may take
    `spec.health.degradedAfterSeconds`.

    Look into its log, and check that the pod can reach Redis.
    """

    # Redis.

    SINK_REACHABLE = "SinkReachable"
    """Redis answers, and the ingester reports no problem with it."""
    BACKPRESSURE = "Backpressure", Severity.HEALTHY, Severity.PROGRESSING, Severity.DEGRADED
    """Redis takes no events. The ingester has stopped reading, and nothing is lost.

    See the reason of `SinkWritable`.
    """
    SINK_UNREACHABLE = "SinkUnreachable", Severity.HEALTHY, Severity.PROGRESSING, Severity.DEGRADED
    """Redis does not answer the operator, or has just come back.

    If it lasts, check Redis, its Service and network policies.
    """
    SINK_UNAUTHORIZED = "SinkUnauthorized", Severity.PROGRESSING, Severity.STALLED
    """Redis refuses the user or the password, or the user lacks a right.

    Correct the URL in the Secret, or grant the right: see [redis.md](redis.md).
    """
    SINK_URL_INVALID = "SinkUrlInvalid", Severity.PROGRESSING, Severity.STALLED
    """The Secret does not hold a usable Redis URL, or the URL names a Redis Cluster and `spec.redis.keyPrefix` has no
    hash tag. No pod is started with it; a running pod is left alone.

    Correct the URL or the prefix as the message says.
    """
    SINK_ERROR = "SinkError", Severity.HEALTHY, Severity.PROGRESSING, Severity.DEGRADED
    """Redis answers with an error.

    Correct what the message names.
    """

    # Events, the cursor, restarts and errors.

    FLOWING = "Flowing"
    """Events were stored within `spec.health.quietAfterSeconds`."""
    QUIET = "Quiet"
    """The ingester is connected, but has stored nothing for a while. That is normal for a labeler.

    Nothing, if the source may be quiet. Else check `spec.firehose.collections` and the source.
    """
    NOT_CONNECTED = "NotConnected"
    """No events can arrive, because there is no connection to the source.

    See the reason of `Connected`.
    """
    CURSOR_STORED = "CursorStored"
    """The cursor is a sequence number of the source."""
    NO_CURSOR = "NoCursor"
    """No cursor is stored yet."""
    CURSOR_MALFORMED = "CursorMalformed"
    """The cursor in Redis is not a sequence number.

    Set `spec.cursor`, or set or delete the key in Redis.
    """
    NO_RECENT_RESTARTS = "NoRecentRestarts"
    """No restart within `spec.health.stableWindowSeconds`."""
    RESTARTED_RECENTLY = "RestartedRecently"
    """A restart within `spec.health.stableWindowSeconds`.

    If it happens again, see the reason and exit code in the message.
    """
    NO_RECENT_ERRORS = "NoRecentErrors"
    """No error within `spec.health.stableWindowSeconds`."""
    RECENT_ERRORS = "RecentErrors"
    """An error within `spec.health.stableWindowSeconds`.

    Read the newest error in the message.
    """
    NOT_OBSERVED = "NotObserved"
    """There was nothing to observe, because no ingester runs."""

    # The ingester is not wanted.

    SUSPENDED = "Suspended", Severity.HEALTHY
    """`spec.suspend` is true, and the ingester has stopped."""
    SUSPENDING = "Suspending", Severity.PROGRESSING
    """`spec.suspend` is true, and the ingester is stopping."""
    NOTHING_TO_RUN = "NothingToRun", Severity.HEALTHY
    """The spec enables no stream."""
