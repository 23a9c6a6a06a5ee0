"""The vocabulary of reasons: every word that may stand as the `reason` of a condition, and what it means.

One place for all of them, since users write alerts and scripts against these words: a word is never
reused with another meaning. An ingester's own words (`Health.reason`) are passed through where it knows
more than the operator does.
"""

from enum import StrEnum


class ConditionReason(StrEnum):
    """Why a condition has its status."""

    # The spec and the objects made from it.

    INVALID_SPEC = "InvalidSpec"
    """The spec asks for something that can't be: see the message. Stalled."""
    SECRET_MISSING = "SecretMissing"  # noqa: S105 (a reason, not a password)
    """The Secret with the URL of Redis, or its key, is not there. Stalled after `spec.health.stalledAfterSeconds`."""
    CHILD_REFUSED = "ChildRefused"
    """The API server refuses an object that the operator wants to write. Stalled; if it is because a webhook can't be
    reached, after `spec.health.stalledAfterSeconds`.
    """
    SPEC_NOT_APPLIED = "SpecNotApplied"
    """The objects of the resource are not there yet, or are those of a former spec."""
    API_SERVER_UNAVAILABLE = "ApiServerUnavailable"
    """The API server can't answer for an object that the operator reads or writes: it is tried again."""
    CHILD_CONFLICT = "ChildConflict"
    """An object of the name that the operator needs exists and belongs to somebody else. Stalled."""
    SET_BY_ADMISSION = "SetByAdmission"
    """Admission (a mutating webhook or policy) sets a field otherwise at each write: it is left as it is."""
    CONTESTED = "Contested"
    """Somebody sets a field, or deletes an object, again and again: it is left, and tried ever more rarely. Stalled if
    the object is missing.
    """
    DUPLICATE_SOURCE = "DuplicateSource"
    """An older resource writes the same cursor: the ingester does not run. Stalled, unless that one is about to go."""
    TERMINATING = "Terminating"
    """The resource is being deleted: the message tells what its end waits for."""

    # The rollout.

    PROGRESSING = "Progressing"
    """The Deployment is being rolled out."""
    POD_NOT_RUNNING = "PodNotRunning"
    """The ingester's container is not running, and Kubernetes is about to start it."""
    POD_REFUSED = "PodRefused"
    """Pods can't be created: a quota, a policy or an admission webhook is against it. Stalled after
    `spec.health.stalledAfterSeconds`.
    """
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    """The rollout has not come to its end in the Deployment's time. Stalled."""
    IMAGE_PULL_FAILED = "ImagePullFailed"
    """The ingester's image can't be pulled. Stalled when a retry has not helped."""
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    """The container can't be made, for want of a Secret or a ConfigMap. Stalled after
    `spec.health.stalledAfterSeconds`.
    """
    REFERENCE_MISSING = "ReferenceMissing"
    """A Secret or a ConfigMap that the pod names, such as that of `spec.caBundle`, or a key of it, is not there.
    Stalled after `spec.health.stalledAfterSeconds`.
    """
    VOLUME_NOT_MOUNTED = "VolumeNotMounted"
    """A volume of the pod can't be mounted, or its claim is not there. Stalled after
    `spec.health.stalledAfterSeconds`.
    """
    SIDECAR_FAILED = "SidecarFailed"
    """Another container of the pod fails, such as one of a service mesh, and the ingester's waits for it. Stalled after
    `spec.health.stalledAfterSeconds`.
    """
    CRASH_LOOP = "CrashLoop"
    """The ingester ends again and again right after its start. Stalled at the third restart."""

    # Several writers.

    EXTRA_PODS = "ExtraPods"
    """The Deployment runs more ingester pods than the one that is needed: see the message for the command."""
    OTHER_INGESTER = "OtherIngester"
    """An ingester that the Deployment has not made writes the same stream: see the message for its name."""

    # The source.

    CONNECTING = "Connecting"
    """The first connection to the source is not yet there."""
    STREAMING = "Streaming"
    """The ingester is connected, and what it reads is stored."""
    LISTING = "Listing"
    """The ingester lists repos, page by page."""
    LISTED = "Listed"
    """The listing of repos has come to its end."""
    RECONNECTING = "Reconnecting"
    """The connection was lost and is being made again."""
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    """The source could not be reached for longer than `spec.health.degradedAfterSeconds`."""
    HALTED = "Halted"
    """The ingester will not go on until a person acts, and gave no word of its own. Stalled."""
    NOT_REPORTING = "NotReporting"
    """The container runs but the ingester in it has told nothing for half a minute."""

    # The sink.

    SINK_REACHABLE = "SinkReachable"
    """Redis answers, and the ingester reports no trouble with it."""
    BACKPRESSURE = "Backpressure"
    """The stream is full or Redis refuses writes: the ingester has stopped reading, and loses nothing."""
    SINK_UNREACHABLE = "SinkUnreachable"
    """Redis does not answer."""
    SINK_UNAUTHORIZED = "SinkUnauthorized"
    """Redis refuses the user or the password. Stalled after `spec.health.stalledAfterSeconds`."""
    SINK_URL_INVALID = "SinkUrlInvalid"
    """What stands in the Secret is not the URL of a Redis. Stalled after `spec.health.stalledAfterSeconds`."""
    SINK_ERROR = "SinkError"
    """Redis answers with an error: see the message."""

    # Events, the cursor, restarts and errors.

    FLOWING = "Flowing"
    """Events were stored a short time ago."""
    QUIET = "Quiet"
    """Connected, but the source has sent nothing for a while. Usual of a labeler."""
    NOT_CONNECTED = "NotConnected"
    """There is no connection that events could come through."""
    CURSOR_STORED = "CursorStored"
    """The cursor is a sequence number that the source gave."""
    NO_CURSOR = "NoCursor"
    """Nothing is stored yet."""
    CURSOR_MALFORMED = "CursorMalformed"
    """What stands under the cursor's key is not a sequence number."""
    NO_RECENT_RESTARTS = "NoRecentRestarts"
    """No restart in the window of `spec.health.stableWindowSeconds`."""
    RESTARTED_RECENTLY = "RestartedRecently"
    """A restart in that window."""
    NO_RECENT_ERRORS = "NoRecentErrors"
    """No error in that window."""
    RECENT_ERRORS = "RecentErrors"
    """An error in that window: the newest stands in the message."""
    NOT_OBSERVED = "NotObserved"
    """There was nothing to look at."""

    # Wanted rest.

    SUSPENDED = "Suspended"
    """`spec.suspend` is true, and the ingester has stopped."""
    SUSPENDING = "Suspending"
    """`spec.suspend` is true, and the ingester is stopping."""
    NOTHING_TO_RUN = "NothingToRun"
    """The spec asks for no stream at all."""


class RestartReason(StrEnum):
    """Why an ingester was restarted, where no container told its own reason (such as Error or OOMKilled)."""

    POD_REPLACED = "PodReplaced"
    """A new pod of the same template took the place of one that is gone."""


class EventReason(StrEnum):
    """The reasons of Kubernetes Events."""

    CONNECTED = "Connected"
    """The ingester is connected to the source, for the first time or again. Not told of one that only could not be
    seen for a while.
    """
    DISCONNECTED = "Disconnected"
    """The connection to the source was lost: see the message."""
    RESTARTED = "Restarted"
    """The ingester was restarted or its pod replaced, and nobody asked for it: with reason and exit code."""
    OOM_KILLED = "OOMKilled"
    """The same, because the ingester needed more memory than its limit: raise the limit."""
    IMAGE_PULL_FAILED = "ImagePullFailed"
    """The image can't be pulled, told before it is Stalled for that."""
    SUSPENDED = "Suspended"
    """The ingester has stopped, as `spec.suspend` asks."""
    RESUMED = "Resumed"
    """`spec.suspend` is false again."""
    STALLED = "Stalled"
    """A person must act: the message begins with the reason and says what to do."""
    RECOVERED = "Recovered"
    """What it was Stalled for is over."""
    READY = "Ready"
    """The resource has become Ready."""
    NOT_READY = "NotReady"
    """The source or Redis has been away, or Redis full, for longer than `spec.health.degradedAfterSeconds`, or the
    ingester is silent.
    """
    BACKPRESSURE_ON = "BackpressureOn"
    """Redis is full, gone or refuses: nothing is read from the source, and nothing is lost."""
    BACKPRESSURE_OFF = "BackpressureOff"
    """Redis takes events again."""
    BACKFILL_DONE = "BackfillDone"
    """All repos of the source are listed."""
    CURSOR_MOVED_BACK = "CursorMovedBack"
    """The cursor in Redis went back, and not by `spec.cursor`: somebody set it, or Redis lost data."""
    CURSOR_RESET = "CursorReset"
    """The cursor was set as `spec.cursor` asks: from where, to where, with its nonce."""
    CURSOR_RESET_FAILED = "CursorResetFailed"
    """It could not be set, and is tried again."""
    CURSOR_DELETED = "CursorDeleted"
    """The resource is gone and its cursors with it, as `spec.deletionPolicy: DeleteCursor` asks."""
    CURSOR_NOT_DELETED = "CursorNotDeleted"
    """The cursors are not deleted with the resource, since they are another's (Normal), or because something is in
    the way: the message names what remains.
    """
    EVENTS_LOST = "EventsLost"
    """The source could not give a range of events: which one, why, and that the ingester has gone on behind it."""
    FENCED = "Fenced"
    """Another hand has set the cursor, or another ingester writes it: the ingester has gone on from there."""
    CHILD_REFUSED = "ChildRefused"
    """The API server refuses to write a Deployment or a Secret: its words. What was there before runs on."""
    SEVERAL_WRITERS = "SeveralWriters"
    """More than one ingester writes the stream: which pod, and the command that ends it."""
    CREATED = "Created"
    """A Deployment or a Secret was created."""
    UPDATED = "Updated"
    """A Deployment or a Secret was changed, since the spec or the operator's settings have changed."""
    DELETED = "Deleted"
    """A Deployment or a Secret was deleted, since the spec no longer asks for it."""
    CHILD_RESTORED = "ChildRestored"
    """Somebody had changed or deleted a Deployment or a Secret, and it was put right: which fields, and who had set
    them.
    """
    CHILD_CONTESTED = "ChildContested"
    """A field of a Deployment or a Secret is left as somebody else has it, since admission sets it at each write or it
    has come back three times: which one, what stands there, and who has set it.
    """
    SECRET_CHANGED = "SecretChanged"  # noqa: S105 (a reason, not a password)
    """The URL of Redis has changed: the ingester is restarted with it."""
    CA_BUNDLE_CHANGED = "CABundleChanged"
    """The certificates in the ConfigMap that `spec.caBundle` names have changed: the ingester is restarted with
    them.
    """
