"""The verdict on a source, one row for each situation: what kubectl, Helm, Flux and Argo CD conclude."""

from dataclasses import dataclass, field, replace

import pytest

from sluice_operator.api.health import HealthSpec
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.severity import Severity
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    after,
    ago,
    conditions,
    deployment,
    ended,
    facts,
    health,
    pod,
    reporting,
    sink,
    trouble,
    waiting_pod,
)

HEALTHY, PROGRESSING, DEGRADED, STALLED = Severity

STARTING = facts(now=ago(3590), sink=sink(health=None), pods=(pod(running_since=ago(3595)),))
STREAMED = facts(now=ago(400))
AN_HOUR_AGO = facts(now=ago(3000))


@dataclass(frozen=True)
class Row:
    name: str
    now: Facts
    severity: Severity
    reason: str
    past: tuple[Facts, ...] = ()
    also: dict[str, tuple[str, str]] = field(default_factory=dict)


def since(seconds: float, situation: Facts, *before: Facts) -> tuple[Facts, ...]:
    """A past in which `situation` began so many seconds ago, after `before`."""
    return (*before, replace(situation, now=ago(seconds)))


FLAP = facts(sink=reporting(SourceState.WAITING, "ConnectionLost", "the source closed the connection"))
CONNECTING = facts(sink=reporting(SourceState.CONNECTING))
REDIS_DOWN = facts(sink=trouble(SinkReadFailure.UNREACHABLE))
WRONG_PASSWORD = facts(sink=trouble(SinkReadFailure.UNAUTHORIZED))
BAD_URL = facts(sink=trouble(SinkReadFailure.URL_INVALID))
FULL = facts(sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", "the stream is at its high-water mark"))
NO_SECRET = facts(secret=SecretFacts(problem="There is no Secret redis"), sink=None)
BEHIND = health(heartbeat=ago(601), stored=ago(602), silent_seconds=601.0, watched_seconds=0.0)
FIRST_SEEN = sink(health=BEHIND)
WATCHED_LONG = sink(health=replace(BEHIND, watched_seconds=31.0))
YOUNG = pod(created=ago(20), running_since=ago(15))
NEW_GENERATION = 3

ROWS = [
    # Rolling out.
    Row("no Deployment yet", facts(deployment=None, pods=()), PROGRESSING, "Progressing"),
    Row("rolling", facts(deployment=deployment(rolled_out=False), pods=()), PROGRESSING, "Progressing"),
    Row(
        "spec edited in mid-rollout, the old pod still streams",
        facts(generation=NEW_GENERATION, deployment=deployment(rolled_out=False)),
        PROGRESSING,
        "Progressing",
        past=(STREAMED,),
    ),
    Row(
        "spec edited to end a crash loop: the old pod's problem is not the new spec's",
        facts(
            generation=NEW_GENERATION,
            deployment=deployment(rolled_out=False),
            pods=(waiting_pod("CrashLoopBackOff", age=600, restart_count=9),),
        ),
        PROGRESSING,
        "Progressing",
    ),
    Row("pod being created", facts(pods=(waiting_pod("ContainerCreating", age=3),)), PROGRESSING, "PodNotRunning"),
    Row(
        "no node takes it",
        facts(pods=(waiting_pod("", age=100, unschedulable="0/1 nodes are available"),)),
        PROGRESSING,
        "Progressing",
    ),
    Row(
        "no node has taken it in time",
        facts(
            deployment=deployment(deadline_message="has timed out progressing"),
            pods=(waiting_pod("", age=700, unschedulable="0/1 nodes are available"),),
        ),
        STALLED,
        "ProgressDeadlineExceeded",
    ),
    Row(
        "past its deadline but running after all",
        facts(deployment=deployment(deadline_message="has timed out progressing")),
        HEALTHY,
        "Streaming",
    ),
    Row(
        "pods refused a moment ago",
        facts(
            deployment=deployment(rolled_out=False, failure_message="exceeded quota", failing_since=ago(5)),
            pods=(),
        ),
        PROGRESSING,
        "PodRefused",
    ),
    Row(
        "pods refused for long",
        facts(
            deployment=deployment(rolled_out=False, failure_message="exceeded quota", failing_since=ago(61)),
            pods=(),
        ),
        STALLED,
        "PodRefused",
    ),
    # Images, configuration and crashes.
    Row("first pull failed", facts(pods=(waiting_pod("ErrImagePull", age=8),)), PROGRESSING, "ImagePullFailed"),
    Row("pull failed again", facts(pods=(waiting_pod("ImagePullBackOff", age=31),)), STALLED, "ImagePullFailed"),
    Row("pulling once more", facts(pods=(waiting_pod("ErrImagePull", age=50),)), STALLED, "ImagePullFailed"),
    Row("may not be pulled", facts(pods=(waiting_pod("ErrImageNeverPull", age=1),)), STALLED, "ImagePullFailed"),
    Row("no image's name", facts(pods=(waiting_pod("InvalidImageName", age=1),)), STALLED, "ImagePullFailed"),
    Row(
        "config missing a moment",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=10),)),
        PROGRESSING,
        "ContainerConfigError",
    ),
    Row(
        "config missing for long",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=90),)),
        STALLED,
        "ContainerConfigError",
    ),
    Row(
        "config gone from under a pod that has run for long",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=3600, last_termination=ended()),)),
        PROGRESSING,
        "ContainerConfigError",
    ),
    Row(
        "config gone from under a pod that has run for long, a minute ago",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=3600, last_termination=ended(seconds_ago=61)),)),
        STALLED,
        "ContainerConfigError",
    ),
    Row(
        "another try to start has failed",
        facts(pods=(waiting_pod("RunContainerError", age=90, last_termination=ended("StartError", 128)),)),
        STALLED,
        "ContainerConfigError",
    ),
    Row(
        "first pull failed of a pod that has run for long",
        facts(pods=(waiting_pod("ErrImagePull", age=3600, last_termination=ended()),)),
        PROGRESSING,
        "ImagePullFailed",
    ),
    Row(
        "crashed once",
        facts(pods=(waiting_pod("CrashLoopBackOff", age=60, restart_count=1, last_termination=ended()),)),
        PROGRESSING,
        "PodNotRunning",
    ),
    Row(
        "crashed twice",
        facts(pods=(waiting_pod("CrashLoopBackOff", age=60, restart_count=2, last_termination=ended()),)),
        PROGRESSING,
        "PodNotRunning",
    ),
    Row(
        "crashed often, but long ago",
        facts(
            pods=(pod(restart_count=5, running_since=ago(10)),), sink=reporting(SourceState.STREAMING, started=ago(9))
        ),
        HEALTHY,
        "Streaming",
        past=(STREAMED,),
    ),
    Row(
        "crash loop",
        facts(pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3, last_termination=ended()),)),
        STALLED,
        "CrashLoop",
    ),
    Row(
        "crash loop, just started again",
        facts(
            pods=(pod(restart_count=4, running_since=ago(3)),), sink=reporting(SourceState.STREAMING, started=ago(2))
        ),
        STALLED,
        "CrashLoop",
        past=(facts(now=ago(10), pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3),)),),
    ),
    Row(
        "crash loop over",
        facts(
            pods=(pod(restart_count=4, running_since=ago(31)),), sink=reporting(SourceState.STREAMING, started=ago(30))
        ),
        HEALTHY,
        "Streaming",
        past=(facts(now=ago(40), pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3),)),),
    ),
    Row(
        "a container that can't start, between two tries",
        facts(pods=(waiting_pod("", age=100, restart_count=1, last_termination=ended("StartError", 128)),)),
        STALLED,
        "ContainerConfigError",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "another pod after one that can't start",
        facts(pods=(waiting_pod("ContainerCreating", age=5, uid="uid-2"),)),
        PROGRESSING,
        "PodNotRunning",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "another spec after one whose container can't start",
        facts(generation=NEW_GENERATION, pods=(waiting_pod("", age=100),)),
        PROGRESSING,
        "PodNotRunning",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "pod replaced, the new one not up yet",
        facts(
            pods=(pod(terminating=True, running_since=None), waiting_pod("ContainerCreating", age=1, uid="uid-2")),
        ),
        PROGRESSING,
        "PodNotRunning",
        past=(STREAMED,),
        also={"Connected": ("False", "PodNotRunning"), "Stable": ("False", "RestartedRecently")},
    ),
    # The source.
    Row(
        "started, nothing reported yet",
        facts(pods=(pod(running_since=ago(5)),), sink=sink(health=None)),
        PROGRESSING,
        "Connecting",
        also={"Connected": ("Unknown", "Connecting")},
    ),
    Row("first connect pending", CONNECTING, PROGRESSING, "Connecting", past=(STARTING,)),
    Row(
        "first connect fails",
        replace(FLAP, pods=(YOUNG,), sink=reporting(SourceState.WAITING, "NoHost", "no such host", started=ago(14))),
        PROGRESSING,
        "Connecting",
        also={"Connected": ("False", "NoHost"), "EventsFlowing": ("False", "NotConnected")},
    ),
    Row(
        "first connect fails past the deadline",
        FLAP,
        DEGRADED,
        "SourceUnavailable",
        past=since(301, FLAP),
    ),
    Row(
        "streaming",
        facts(),
        HEALTHY,
        "Streaming",
        past=(STARTING,),
        also={
            "Connected": ("True", "Streaming"),
            "EventsFlowing": ("True", "Flowing"),
            "CursorValid": ("True", "CursorStored"),
            "Stable": ("True", "NoRecentRestarts"),
            "ErrorFree": ("True", "NoRecentErrors"),
            "SinkWritable": ("True", "SinkReachable"),
        },
    ),
    Row(
        "source flapping",
        FLAP,
        HEALTHY,
        "Reconnecting",
        past=since(100, FLAP, AN_HOUR_AGO),
        also={"Connected": ("False", "ConnectionLost")},
    ),
    Row("source down past its deadline", FLAP, DEGRADED, "SourceUnavailable", past=since(301, FLAP, AN_HOUR_AGO)),
    Row(
        "source down past its deadline, then a new pod: it gets its time",
        replace(FLAP, pods=(YOUNG,), sink=reporting(SourceState.CONNECTING, started=ago(14))),
        PROGRESSING,
        "Connecting",
        past=(*since(400, FLAP, AN_HOUR_AGO), replace(FLAP, now=ago(30))),
    ),
    Row("source back", facts(), HEALTHY, "Streaming", past=(*since(400, FLAP, AN_HOUR_AGO), replace(FLAP, now=ago(5)))),
    Row(
        "new generation, connected all along", facts(generation=NEW_GENERATION), HEALTHY, "Streaming", past=(STREAMED,)
    ),
    Row(
        "new generation, not connected yet",
        replace(CONNECTING, generation=NEW_GENERATION),
        PROGRESSING,
        "Connecting",
        past=(STREAMED,),
    ),
    Row(
        "quiet source",
        facts(sink=sink(health=health(stored=ago(301)))),
        HEALTHY,
        "Streaming",
        also={"EventsFlowing": ("False", "Quiet")},
    ),
    Row(
        "the ingester's clock is behind",
        facts(sink=sink(health=health(heartbeat=ago(3602), stored=ago(3601), last_error_time=ago(3700)))),
        HEALTHY,
        "Streaming",
        also={"EventsFlowing": ("True", "Flowing"), "ErrorFree": ("False", "RecentErrors")},
    ),
    Row(
        "the ingester's clock is ahead",
        facts(sink=sink(health=health(heartbeat=ago(-3600), stored=ago(-3200), last_error_time=ago(-2600)))),
        HEALTHY,
        "Streaming",
        also={"EventsFlowing": ("False", "Quiet"), "ErrorFree": ("True", "NoRecentErrors")},
    ),
    # Reports that must not be trusted.
    Row(
        "report is stale",
        facts(sink=sink(health=health(silent_seconds=31.0))),
        DEGRADED,
        "NotReporting",
        past=(STREAMED,),
        also={"Connected": ("Unknown", "NotReporting"), "EventsFlowing": ("Unknown", "NotReporting")},
    ),
    Row(
        "no report since its start a minute ago",
        facts(pods=(pod(created=ago(62), running_since=ago(60)),), sink=sink(health=None)),
        PROGRESSING,
        "NotReporting",
    ),
    Row(
        "no report since its start long ago",
        facts(pods=(pod(created=ago(303), running_since=ago(301)),), sink=sink(health=None)),
        DEGRADED,
        "NotReporting",
    ),
    Row(
        "report is of another pod",
        facts(sink=sink(health=health(pod="us-east-firehose-0"))),
        DEGRADED,
        "NotReporting",
        past=(STREAMED,),
    ),
    Row(
        "report is of the process before, in the same pod",
        facts(pods=(pod(running_since=ago(4), restart_count=1, last_termination=ended()),)),
        PROGRESSING,
        "Connecting",
        past=(STREAMED,),
        also={"Connected": ("Unknown", "Connecting"), "Stable": ("False", "RestartedRecently")},
    ),
    Row("report says stopped", facts(sink=reporting(SourceState.STOPPED)), PROGRESSING, "Connecting", past=(STARTING,)),
    # An operator that has just started: what the ingester's clock says may be wrong.
    Row(
        "behind by its clock, and no new report yet",
        facts(sink=FIRST_SEEN),
        HEALTHY,
        "Streaming",
        past=(STREAMED,),
        also={"Connected": ("True", "Streaming"), "EventsFlowing": ("True", "Flowing")},
    ),
    Row(
        "behind by its clock, and no new report for long",
        facts(sink=WATCHED_LONG),
        DEGRADED,
        "NotReporting",
        past=(STREAMED, facts(now=ago(31), sink=FIRST_SEEN)),
        also={"Connected": ("Unknown", "NotReporting")},
    ),
    Row(
        "behind by its clock, and known not to report",
        facts(sink=FIRST_SEEN),
        DEGRADED,
        "NotReporting",
        past=(STREAMED, facts(now=ago(60), sink=sink(health=health(silent_seconds=31.0)))),
    ),
    Row(
        "behind by its clock, and no condition before",
        facts(sink=FIRST_SEEN),
        PROGRESSING,
        "Connecting",
        also={"Connected": ("Unknown", "Connecting")},
    ),
    Row("no condition before, and no new report for long", facts(sink=WATCHED_LONG), DEGRADED, "NotReporting"),
    Row(
        "Redis is back, another operator process saw it go",
        facts(sink=FIRST_SEEN),
        HEALTHY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "SinkUnreachable"), "Connected": ("Unknown", "SinkUnreachable")},
    ),
    # The sink.
    Row(
        "Redis down for a moment",
        REDIS_DOWN,
        HEALTHY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={
            "SinkWritable": ("False", "SinkUnreachable"),
            "Connected": ("Unknown", "SinkUnreachable"),
            "EventsFlowing": ("Unknown", "SinkUnreachable"),
            "CursorValid": ("Unknown", "SinkUnreachable"),
        },
    ),
    Row("Redis down for long", REDIS_DOWN, DEGRADED, "SinkUnreachable", past=since(301, REDIS_DOWN, AN_HOUR_AGO)),
    Row(
        "Redis back, the ingester has not written yet",
        facts(sink=sink(health=health(silent_seconds=60.0), recovered_seconds=2.0)),
        HEALTHY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "SinkUnreachable"), "Connected": ("Unknown", "SinkUnreachable")},
    ),
    Row(
        "Redis back, the ingester has written",
        facts(sink=sink(recovered_seconds=2.0)),
        HEALTHY,
        "Streaming",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row(
        "Redis back, the ingester never writes again",
        facts(sink=sink(health=health(silent_seconds=90.0), recovered_seconds=31.0)),
        DEGRADED,
        "NotReporting",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row("Redis down from the start", replace(REDIS_DOWN, pods=(YOUNG,)), PROGRESSING, "SinkUnreachable"),
    Row("wrong password a moment ago", replace(WRONG_PASSWORD, pods=(YOUNG,)), PROGRESSING, "SinkUnauthorized"),
    Row("wrong password", WRONG_PASSWORD, STALLED, "SinkUnauthorized", past=since(61, WRONG_PASSWORD)),
    Row(
        "wrong password after an outage",
        WRONG_PASSWORD,
        PROGRESSING,
        "SinkUnauthorized",
        past=since(100, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row(
        "wrong password after an outage, for long",
        WRONG_PASSWORD,
        STALLED,
        "SinkUnauthorized",
        past=(*since(200, REDIS_DOWN, AN_HOUR_AGO), replace(WRONG_PASSWORD, now=ago(61))),
    ),
    Row(
        "wrong password after an outage, and Stalled for that",
        WRONG_PASSWORD,
        STALLED,
        "SinkUnauthorized",
        past=(
            *since(200, REDIS_DOWN, AN_HOUR_AGO),
            replace(WRONG_PASSWORD, now=ago(64)),
            replace(WRONG_PASSWORD, now=ago(3)),
        ),
    ),
    Row("no URL in the Secret", BAD_URL, STALLED, "SinkUrlInvalid", past=since(61, BAD_URL)),
    Row(
        "stream full for a moment",
        FULL,
        HEALTHY,
        "HighWaterMark",
        past=since(60, FULL, AN_HOUR_AGO),
        also={
            "SinkWritable": ("False", "HighWaterMark"),
            "EventsFlowing": ("False", "Backpressure"),
            "Connected": ("Unknown", "Backpressure"),
        },
    ),
    Row(
        "connected, and the very first batch is refused",
        replace(
            FULL, sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", stored=None, started=ago(14)), pods=(YOUNG,)
        ),
        PROGRESSING,
        "HighWaterMark",
        past=(facts(now=ago(5), sink=reporting(SourceState.STREAMING, stored=None, started=ago(14)), pods=(YOUNG,)),),
    ),
    Row(
        "the same of a process whose predecessor has stored something",
        replace(FULL, sink=reporting(SourceState.BACKPRESSURE, "RedisOutOfMemory", stored=ago(99), started=ago(14))),
        PROGRESSING,
        "RedisOutOfMemory",
        past=(facts(now=ago(5), sink=reporting(SourceState.STREAMING, stored=ago(99), started=ago(14))),),
    ),
    Row(
        "connected for long with nothing to store, and then full",
        replace(FULL, sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", stored=None)),
        HEALTHY,
        "HighWaterMark",
        past=(facts(now=ago(900), sink=reporting(SourceState.STREAMING, stored=None)),),
    ),
    Row("stream full for long", FULL, DEGRADED, "HighWaterMark", past=since(301, FULL, AN_HOUR_AGO)),
    Row(
        "stream full from the start",
        facts(pods=(YOUNG,), sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", started=ago(14))),
        PROGRESSING,
        "HighWaterMark",
    ),
    Row(
        "stream full, the ingester restarted and no report yet",
        facts(pods=(pod(running_since=ago(4), restart_count=1, last_termination=ended()),)),
        PROGRESSING,
        "Connecting",
        past=since(60, FULL, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "HighWaterMark")},
    ),
    # Halted.
    Row(
        "cursor in the future",
        facts(sink=reporting(SourceState.HALTED, "FutureCursor", "the cursor is in the future: set it")),
        STALLED,
        "FutureCursor",
        past=(STREAMED,),
        also={"CursorValid": ("False", "FutureCursor"), "SinkWritable": ("True", "SinkReachable")},
    ),
    Row(
        "Redis refuses for good",
        facts(sink=reporting(SourceState.HALTED, "RedisRefused", "this Redis is too old")),
        STALLED,
        "RedisRefused",
        also={"SinkWritable": ("False", "RedisRefused"), "CursorValid": ("True", "CursorStored")},
    ),
    Row("halted without a word", facts(sink=reporting(SourceState.HALTED)), STALLED, "Halted"),
    Row(
        "cursor is no number",
        facts(sink=sink(cursor="abc")),
        HEALTHY,
        "Streaming",
        also={"CursorValid": ("False", "CursorMalformed")},
    ),
    Row(
        "cursor is a number without end",
        facts(sink=sink(cursor="9" * 5000)),
        HEALTHY,
        "Streaming",
        past=(STREAMED,),
        also={"CursorValid": ("False", "CursorMalformed")},
    ),
    Row(
        "no cursor yet",
        facts(sink=sink(cursor=None)),
        HEALTHY,
        "Streaming",
        also={"CursorValid": ("Unknown", "NoCursor")},
    ),
    # Secrets and refusals.
    Row("Secret missing a moment", replace(NO_SECRET, pods=(), deployment=None), PROGRESSING, "SecretMissing"),
    Row(
        "Secret missing",
        replace(NO_SECRET, pods=(), deployment=None),
        STALLED,
        "SecretMissing",
        past=since(61, replace(NO_SECRET, pods=(), deployment=None)),
    ),
    Row(
        "Secret missing, and more patience asked for",
        replace(NO_SECRET, pods=(), deployment=None, windows=HealthSpec(stalled_after_seconds=62)),
        PROGRESSING,
        "SecretMissing",
        past=since(61, replace(NO_SECRET, pods=(), deployment=None)),
    ),
    Row(
        "Secret gone from under a pod that is silent",
        NO_SECRET,
        PROGRESSING,
        "SecretMissing",
        past=since(100, facts(sink=sink(health=health(silent_seconds=31.0))), AN_HOUR_AGO),
    ),
    Row(
        "Secret gone from under a running pod",
        NO_SECRET,
        PROGRESSING,
        "SecretMissing",
        past=since(30, NO_SECRET, AN_HOUR_AGO),
        also={"SinkWritable": ("Unknown", "SecretMissing")},
    ),
    Row(
        "Deployment refused",
        facts(refusal=Refusal(reason="ChildRefused", message="must be smaller"), deployment=None, pods=()),
        STALLED,
        "ChildRefused",
    ),
    Row(
        "a former one's Deployment is about to go",
        facts(
            refusal=Refusal(reason="Progressing", message="made anew then", is_transient=True),
            deployment=None,
            pods=(pod(terminating=True),),
        ),
        PROGRESSING,
        "Progressing",
    ),
    # Idle.
    Row(
        "suspending",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(pod(terminating=True),)),
        PROGRESSING,
        "Suspending",
        past=(STREAMED,),
    ),
    Row(
        "suspended",
        facts(suspended=True, deployment=deployment(replicas=0), pods=()),
        HEALTHY,
        "Suspended",
        past=(STREAMED,),
        also={
            "Suspended": ("True", "Suspended"),
            "Connected": ("False", "Suspended"),
            "SinkWritable": ("Unknown", "Suspended"),
            "EventsFlowing": ("False", "Suspended"),
            "Stable": ("Unknown", "Suspended"),
            "ErrorFree": ("Unknown", "Suspended"),
        },
    ),
    Row(
        "suspended, an evicted pod lies around",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(pod(terminating=True, running_since=None),)),
        HEALTHY,
        "Suspended",
    ),
    Row("suspended without its Secret", replace(NO_SECRET, suspended=True, pods=()), HEALTHY, "Suspended"),
    Row(
        "suspended with Redis down",
        replace(REDIS_DOWN, suspended=True, pods=()),
        HEALTHY,
        "Suspended",
        also={"SinkWritable": ("False", "SinkUnreachable")},
    ),
    Row(
        "resumed",
        facts(generation=NEW_GENERATION, pods=(waiting_pod("ContainerCreating", age=2, uid="uid-2"),)),
        PROGRESSING,
        "PodNotRunning",
        past=(STREAMED, facts(now=ago(60), suspended=True, pods=())),
    ),
    Row("nothing enabled", facts(enabled=False, deployment=deployment(replicas=0), pods=()), HEALTHY, "NothingToRun"),
]


TO_DO = {
    "ImagePullFailed": "; correct spec.image, spec.imagePullPolicy or spec.podTemplate.imagePullSecrets",
    "ContainerConfigError": "; create what is missing, or correct spec.podTemplate or spec.image",
    "PodRefused": "; change the quota, the policy or the webhook that forbids it, or spec.podTemplate",
    "CrashLoop": "; `kubectl logs --previous us-east-firehose-1` shows why",
    "ProgressDeadlineExceeded": "; `kubectl describe pod us-east-firehose-1` shows what it waits for",
    "SinkUnauthorized": ": correct the user and the password of the URL in the Secret, or grant",
    "SinkUrlInvalid": ": put a Redis URL into the Secret",
    "Halted": ": read its log",
}
"""By reason, what the message of Stalled says to do. Secrets, refusals, duplicates and halted ingesters have their own
messages.
"""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    status = after(*row.past, row.now)
    found = conditions(status)

    assert found["Ready"] == ("True" if row.severity == HEALTHY else "False", row.reason), status.conditions
    assert found.get("Reconciling") == (("True", row.reason) if row.severity == PROGRESSING else None)
    assert found.get("Stalled") == (("True", row.reason) if row.severity == STALLED else None)
    assert ("Suspended" in found) == (row.now.suspended and row.severity == HEALTHY)
    assert {kind: found.get(kind) for kind in row.also} == row.also
    if row.reason in set(ConditionReason):
        assert row.severity in ConditionReason(row.reason).severities, "docs/status.md says otherwise"

    assert status.observed_generation == row.now.generation
    assert {item.observed_generation for item in status.conditions or ()} == {row.now.generation}
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Ready"]
    assert TO_DO.get(row.reason, "") in messages.get("Stalled", TO_DO.get(row.reason, "")), "it says what to do"


def test_a_killed_ingester_gets_the_field_to_raise() -> None:
    end = ended("OOMKilled", 137)
    status = after(facts(pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3, last_termination=end),)))
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"].endswith("OOMKilled, exit code 137; raise spec.podTemplate.resources.limits.memory")


def test_a_late_rollout_without_a_pod_says_where_to_look() -> None:
    status = after(facts(deployment=deployment(rolled_out=False, deadline_message="It has timed out."), pods=()))
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"] == "It has timed out: `kubectl get events` shows why there is no pod"
