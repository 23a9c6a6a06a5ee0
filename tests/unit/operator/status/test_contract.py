"""The status contract, one row for each situation: what kubectl, Helm, Flux and Argo CD will conclude."""

from dataclasses import dataclass, field, replace

import pytest

from sluice_operator.api.health import HealthSpec
from sluice_operator.observed.facts import Facts, Refusal, SecretFacts, SinkReadFailure
from sluice_redis.contract import SourceState
from tests.unit.operator.status.given import (
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

READY, COMING, WAITING, STUCK = "ready", "coming", "waiting", "stuck"

STARTING = facts(now=ago(3590), sink=sink(health=None), pods=(pod(running_since=ago(3595)),))
STREAMED = facts(now=ago(400))
AN_HOUR_AGO = facts(now=ago(3000))


@dataclass(frozen=True)
class Row:
    name: str
    now: Facts
    outlook: str
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
    Row("no Deployment yet", facts(deployment=None, pods=()), COMING, "Progressing"),
    Row("rolling", facts(deployment=deployment(rolled_out=False), pods=()), COMING, "Progressing"),
    Row(
        "spec edited in mid-rollout, the old pod still streams",
        facts(generation=NEW_GENERATION, deployment=deployment(rolled_out=False)),
        COMING,
        "Progressing",
        past=(STREAMED,),
    ),
    Row(
        "spec edited to mend a crash loop: the old pod's trouble is not the new spec's",
        facts(
            generation=NEW_GENERATION,
            deployment=deployment(rolled_out=False),
            pods=(waiting_pod("CrashLoopBackOff", age=600, restart_count=9),),
        ),
        COMING,
        "Progressing",
    ),
    Row("pod being created", facts(pods=(waiting_pod("ContainerCreating", age=3),)), COMING, "PodNotRunning"),
    Row(
        "no node takes it",
        facts(pods=(waiting_pod("", age=100, unschedulable="0/1 nodes are available"),)),
        COMING,
        "Progressing",
    ),
    Row(
        "no node has taken it in time",
        facts(
            deployment=deployment(deadline_message="has timed out progressing"),
            pods=(waiting_pod("", age=700, unschedulable="0/1 nodes are available"),),
        ),
        STUCK,
        "ProgressDeadlineExceeded",
    ),
    Row(
        "past its deadline but running after all",
        facts(deployment=deployment(deadline_message="has timed out progressing")),
        READY,
        "Streaming",
    ),
    Row(
        "pods refused a moment ago",
        facts(
            deployment=deployment(rolled_out=False, failure_message="exceeded quota", failing_since=ago(5)),
            pods=(),
        ),
        COMING,
        "PodRefused",
    ),
    Row(
        "pods refused for long",
        facts(
            deployment=deployment(rolled_out=False, failure_message="exceeded quota", failing_since=ago(61)),
            pods=(),
        ),
        STUCK,
        "PodRefused",
    ),
    # Images, configuration and crashes.
    Row("first pull failed", facts(pods=(waiting_pod("ErrImagePull", age=8),)), COMING, "ImagePullFailed"),
    Row("pull failed again", facts(pods=(waiting_pod("ImagePullBackOff", age=31),)), STUCK, "ImagePullFailed"),
    Row("pulling once more", facts(pods=(waiting_pod("ErrImagePull", age=50),)), STUCK, "ImagePullFailed"),
    Row("may not be pulled", facts(pods=(waiting_pod("ErrImageNeverPull", age=1),)), STUCK, "ImagePullFailed"),
    Row("no image's name", facts(pods=(waiting_pod("InvalidImageName", age=1),)), STUCK, "ImagePullFailed"),
    Row(
        "config missing a moment",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=10),)),
        COMING,
        "ContainerConfigError",
    ),
    Row(
        "config missing for long",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=90),)),
        STUCK,
        "ContainerConfigError",
    ),
    Row(
        "config gone from under a pod that has run for long",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=3600, last_termination=ended()),)),
        COMING,
        "ContainerConfigError",
    ),
    Row(
        "config gone from under a pod that has run for long, a minute ago",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=3600, last_termination=ended(seconds_ago=61)),)),
        STUCK,
        "ContainerConfigError",
    ),
    Row(
        "another try to start has failed",
        facts(pods=(waiting_pod("RunContainerError", age=90, last_termination=ended("StartError", 128)),)),
        STUCK,
        "ContainerConfigError",
    ),
    Row(
        "first pull failed of a pod that has run for long",
        facts(pods=(waiting_pod("ErrImagePull", age=3600, last_termination=ended()),)),
        COMING,
        "ImagePullFailed",
    ),
    Row(
        "crashed once",
        facts(pods=(waiting_pod("CrashLoopBackOff", age=60, restart_count=1, last_termination=ended()),)),
        COMING,
        "PodNotRunning",
    ),
    Row(
        "crashed twice",
        facts(pods=(waiting_pod("CrashLoopBackOff", age=60, restart_count=2, last_termination=ended()),)),
        COMING,
        "PodNotRunning",
    ),
    Row(
        "crashed often, but long ago",
        facts(
            pods=(pod(restart_count=5, running_since=ago(10)),), sink=reporting(SourceState.STREAMING, started=ago(9))
        ),
        READY,
        "Streaming",
        past=(STREAMED,),
    ),
    Row(
        "crash loop",
        facts(pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3, last_termination=ended()),)),
        STUCK,
        "CrashLoop",
    ),
    Row(
        "crash loop, just started again",
        facts(
            pods=(pod(restart_count=4, running_since=ago(3)),), sink=reporting(SourceState.STREAMING, started=ago(2))
        ),
        STUCK,
        "CrashLoop",
        past=(facts(now=ago(10), pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3),)),),
    ),
    Row(
        "crash loop over",
        facts(
            pods=(pod(restart_count=4, running_since=ago(31)),), sink=reporting(SourceState.STREAMING, started=ago(30))
        ),
        READY,
        "Streaming",
        past=(facts(now=ago(40), pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3),)),),
    ),
    Row(
        "a container that can't start, between two tries",
        facts(pods=(waiting_pod("", age=100, restart_count=1, last_termination=ended("StartError", 128)),)),
        STUCK,
        "ContainerConfigError",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "another pod after one that can't start",
        facts(pods=(waiting_pod("ContainerCreating", age=5, uid="uid-2"),)),
        COMING,
        "PodNotRunning",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "another spec after one whose container can't start",
        facts(generation=NEW_GENERATION, pods=(waiting_pod("", age=100),)),
        COMING,
        "PodNotRunning",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "pod replaced, the new one not up yet",
        facts(
            pods=(pod(terminating=True, running_since=None), waiting_pod("ContainerCreating", age=1, uid="uid-2")),
        ),
        COMING,
        "PodNotRunning",
        past=(STREAMED,),
        also={"Connected": ("False", "PodNotRunning"), "Stable": ("False", "RestartedRecently")},
    ),
    # The source.
    Row(
        "started, nothing reported yet",
        facts(pods=(pod(running_since=ago(5)),), sink=sink(health=None)),
        COMING,
        "Connecting",
        also={"Connected": ("Unknown", "Connecting")},
    ),
    Row("first connect pending", CONNECTING, COMING, "Connecting", past=(STARTING,)),
    Row(
        "first connect fails",
        replace(FLAP, pods=(YOUNG,), sink=reporting(SourceState.WAITING, "NoHost", "no such host", started=ago(14))),
        COMING,
        "Connecting",
        also={"Connected": ("False", "NoHost"), "EventsFlowing": ("False", "NotConnected")},
    ),
    Row(
        "first connect fails past the deadline",
        FLAP,
        WAITING,
        "SourceUnavailable",
        past=since(301, FLAP),
    ),
    Row(
        "streaming",
        facts(),
        READY,
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
        READY,
        "Reconnecting",
        past=since(100, FLAP, AN_HOUR_AGO),
        also={"Connected": ("False", "ConnectionLost")},
    ),
    Row("source down past its deadline", FLAP, WAITING, "SourceUnavailable", past=since(301, FLAP, AN_HOUR_AGO)),
    Row(
        "source down past its deadline, then a new pod: it gets its time",
        replace(FLAP, pods=(YOUNG,), sink=reporting(SourceState.CONNECTING, started=ago(14))),
        COMING,
        "Connecting",
        past=(*since(400, FLAP, AN_HOUR_AGO), replace(FLAP, now=ago(30))),
    ),
    Row("source back", facts(), READY, "Streaming", past=(*since(400, FLAP, AN_HOUR_AGO), replace(FLAP, now=ago(5)))),
    Row("new generation, connected all along", facts(generation=NEW_GENERATION), READY, "Streaming", past=(STREAMED,)),
    Row(
        "new generation, not connected yet",
        replace(CONNECTING, generation=NEW_GENERATION),
        COMING,
        "Connecting",
        past=(STREAMED,),
    ),
    Row(
        "quiet source",
        facts(sink=sink(health=health(stored=ago(301)))),
        READY,
        "Streaming",
        also={"EventsFlowing": ("False", "Quiet")},
    ),
    Row(
        "the ingester's clock is behind",
        facts(sink=sink(health=health(heartbeat=ago(3602), stored=ago(3601), last_error_time=ago(3700)))),
        READY,
        "Streaming",
        also={"EventsFlowing": ("True", "Flowing"), "ErrorFree": ("False", "RecentErrors")},
    ),
    Row(
        "the ingester's clock is ahead",
        facts(sink=sink(health=health(heartbeat=ago(-3600), stored=ago(-3200), last_error_time=ago(-2600)))),
        READY,
        "Streaming",
        also={"EventsFlowing": ("False", "Quiet"), "ErrorFree": ("True", "NoRecentErrors")},
    ),
    # Reports that must not be believed.
    Row(
        "report is stale",
        facts(sink=sink(health=health(silent_seconds=31.0))),
        WAITING,
        "NotReporting",
        past=(STREAMED,),
        also={"Connected": ("Unknown", "NotReporting"), "EventsFlowing": ("Unknown", "NotReporting")},
    ),
    Row(
        "not heard of since its start a minute ago",
        facts(pods=(pod(created=ago(62), running_since=ago(60)),), sink=sink(health=None)),
        COMING,
        "NotReporting",
    ),
    Row(
        "not heard of since its start long ago",
        facts(pods=(pod(created=ago(303), running_since=ago(301)),), sink=sink(health=None)),
        WAITING,
        "NotReporting",
    ),
    Row(
        "report is of another pod",
        facts(sink=sink(health=health(pod="us-east-firehose-0"))),
        WAITING,
        "NotReporting",
        past=(STREAMED,),
    ),
    Row(
        "report is of the process before, in the same pod",
        facts(pods=(pod(running_since=ago(4), restart_count=1, last_termination=ended()),)),
        COMING,
        "Connecting",
        past=(STREAMED,),
        also={"Connected": ("Unknown", "Connecting"), "Stable": ("False", "RestartedRecently")},
    ),
    Row("report says stopped", facts(sink=reporting(SourceState.STOPPED)), COMING, "Connecting", past=(STARTING,)),
    # An operator that has just started: what the ingester's clock says may be wrong.
    Row(
        "behind by its clock, and not seen to write yet",
        facts(sink=FIRST_SEEN),
        READY,
        "Streaming",
        past=(STREAMED,),
        also={"Connected": ("True", "Streaming"), "EventsFlowing": ("True", "Flowing")},
    ),
    Row(
        "behind by its clock, and not seen to write for long",
        facts(sink=WATCHED_LONG),
        WAITING,
        "NotReporting",
        past=(STREAMED, facts(now=ago(31), sink=FIRST_SEEN)),
        also={"Connected": ("Unknown", "NotReporting")},
    ),
    Row(
        "behind by its clock, and known to be silent",
        facts(sink=FIRST_SEEN),
        WAITING,
        "NotReporting",
        past=(STREAMED, facts(now=ago(60), sink=sink(health=health(silent_seconds=31.0)))),
    ),
    Row(
        "behind by its clock, and nothing was told of it yet",
        facts(sink=FIRST_SEEN),
        COMING,
        "Connecting",
        also={"Connected": ("Unknown", "Connecting")},
    ),
    Row("never told of, and not seen to write for long", facts(sink=WATCHED_LONG), WAITING, "NotReporting"),
    Row(
        "Redis is back, which another operator has seen go",
        facts(sink=FIRST_SEEN),
        READY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "SinkUnreachable"), "Connected": ("Unknown", "SinkUnreachable")},
    ),
    # The sink.
    Row(
        "Redis down for a moment",
        REDIS_DOWN,
        READY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={
            "SinkWritable": ("False", "SinkUnreachable"),
            "Connected": ("Unknown", "SinkUnreachable"),
            "EventsFlowing": ("Unknown", "SinkUnreachable"),
            "CursorValid": ("Unknown", "SinkUnreachable"),
        },
    ),
    Row("Redis down for long", REDIS_DOWN, WAITING, "SinkUnreachable", past=since(301, REDIS_DOWN, AN_HOUR_AGO)),
    Row(
        "Redis back, the ingester has not written yet",
        facts(sink=sink(health=health(silent_seconds=60.0), recovered_seconds=2.0)),
        READY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "SinkUnreachable"), "Connected": ("Unknown", "SinkUnreachable")},
    ),
    Row(
        "Redis back, the ingester has written",
        facts(sink=sink(recovered_seconds=2.0)),
        READY,
        "Streaming",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row(
        "Redis back, the ingester never writes again",
        facts(sink=sink(health=health(silent_seconds=90.0), recovered_seconds=31.0)),
        WAITING,
        "NotReporting",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row("Redis down from the start", replace(REDIS_DOWN, pods=(YOUNG,)), COMING, "SinkUnreachable"),
    Row("wrong password a moment ago", replace(WRONG_PASSWORD, pods=(YOUNG,)), COMING, "SinkUnauthorized"),
    Row("wrong password", WRONG_PASSWORD, STUCK, "SinkUnauthorized", past=since(61, WRONG_PASSWORD)),
    Row(
        "wrong password after an outage",
        WRONG_PASSWORD,
        COMING,
        "SinkUnauthorized",
        past=since(100, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row(
        "wrong password after an outage, for long",
        WRONG_PASSWORD,
        STUCK,
        "SinkUnauthorized",
        past=(*since(200, REDIS_DOWN, AN_HOUR_AGO), replace(WRONG_PASSWORD, now=ago(61))),
    ),
    Row(
        "wrong password after an outage, and Stalled for that",
        WRONG_PASSWORD,
        STUCK,
        "SinkUnauthorized",
        past=(
            *since(200, REDIS_DOWN, AN_HOUR_AGO),
            replace(WRONG_PASSWORD, now=ago(64)),
            replace(WRONG_PASSWORD, now=ago(3)),
        ),
    ),
    Row("no URL in the Secret", BAD_URL, STUCK, "SinkUrlInvalid", past=since(61, BAD_URL)),
    Row(
        "stream full for a moment",
        FULL,
        READY,
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
        COMING,
        "HighWaterMark",
        past=(facts(now=ago(5), sink=reporting(SourceState.STREAMING, stored=None, started=ago(14)), pods=(YOUNG,)),),
    ),
    Row(
        "the same of a process whose predecessor has stored something",
        replace(FULL, sink=reporting(SourceState.BACKPRESSURE, "RedisOutOfMemory", stored=ago(99), started=ago(14))),
        COMING,
        "RedisOutOfMemory",
        past=(facts(now=ago(5), sink=reporting(SourceState.STREAMING, stored=ago(99), started=ago(14))),),
    ),
    Row(
        "connected for long with nothing to store, and then full",
        replace(FULL, sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", stored=None)),
        READY,
        "HighWaterMark",
        past=(facts(now=ago(900), sink=reporting(SourceState.STREAMING, stored=None)),),
    ),
    Row("stream full for long", FULL, WAITING, "HighWaterMark", past=since(301, FULL, AN_HOUR_AGO)),
    Row(
        "stream full from the start",
        facts(pods=(YOUNG,), sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", started=ago(14))),
        COMING,
        "HighWaterMark",
    ),
    Row(
        "stream full, the ingester restarted and not heard of yet",
        facts(pods=(pod(running_since=ago(4), restart_count=1, last_termination=ended()),)),
        COMING,
        "Connecting",
        past=since(60, FULL, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "HighWaterMark")},
    ),
    # Halted.
    Row(
        "cursor in the future",
        facts(sink=reporting(SourceState.HALTED, "FutureCursor", "the cursor is in the future: set it")),
        STUCK,
        "FutureCursor",
        past=(STREAMED,),
        also={"CursorValid": ("False", "FutureCursor"), "SinkWritable": ("True", "SinkReachable")},
    ),
    Row(
        "Redis refuses for good",
        facts(sink=reporting(SourceState.HALTED, "RedisRefused", "this Redis is too old")),
        STUCK,
        "RedisRefused",
        also={"SinkWritable": ("False", "RedisRefused"), "CursorValid": ("True", "CursorStored")},
    ),
    Row("halted without a word", facts(sink=reporting(SourceState.HALTED)), STUCK, "Halted"),
    Row(
        "cursor is no number",
        facts(sink=sink(cursor="abc")),
        READY,
        "Streaming",
        also={"CursorValid": ("False", "CursorMalformed")},
    ),
    Row(
        "cursor is a number without end",
        facts(sink=sink(cursor="9" * 5000)),
        READY,
        "Streaming",
        past=(STREAMED,),
        also={"CursorValid": ("False", "CursorMalformed")},
    ),
    Row(
        "no cursor yet",
        facts(sink=sink(cursor=None)),
        READY,
        "Streaming",
        also={"CursorValid": ("Unknown", "NoCursor")},
    ),
    # Secrets and refusals.
    Row("Secret missing a moment", replace(NO_SECRET, pods=(), deployment=None), COMING, "SecretMissing"),
    Row(
        "Secret missing",
        replace(NO_SECRET, pods=(), deployment=None),
        STUCK,
        "SecretMissing",
        past=since(61, replace(NO_SECRET, pods=(), deployment=None)),
    ),
    Row(
        "Secret missing, and more patience asked for",
        replace(NO_SECRET, pods=(), deployment=None, windows=HealthSpec(stalled_after_seconds=62)),
        COMING,
        "SecretMissing",
        past=since(61, replace(NO_SECRET, pods=(), deployment=None)),
    ),
    Row(
        "Secret gone from under a pod that is silent",
        NO_SECRET,
        COMING,
        "SecretMissing",
        past=since(100, facts(sink=sink(health=health(silent_seconds=31.0))), AN_HOUR_AGO),
    ),
    Row(
        "Secret gone from under a running pod",
        NO_SECRET,
        COMING,
        "SecretMissing",
        past=since(30, NO_SECRET, AN_HOUR_AGO),
        also={"SinkWritable": ("Unknown", "SecretMissing")},
    ),
    Row(
        "Deployment refused",
        facts(refusal=Refusal(reason="ChildRefused", message="must be smaller"), deployment=None, pods=()),
        STUCK,
        "ChildRefused",
    ),
    Row(
        "a former one's Deployment is about to go",
        facts(
            refusal=Refusal(reason="Progressing", message="made anew then", is_transient=True),
            deployment=None,
            pods=(pod(terminating=True),),
        ),
        COMING,
        "Progressing",
    ),
    # Rest.
    Row(
        "suspending",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(pod(terminating=True),)),
        COMING,
        "Suspending",
        past=(STREAMED,),
    ),
    Row(
        "suspended",
        facts(suspended=True, deployment=deployment(replicas=0), pods=()),
        READY,
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
        READY,
        "Suspended",
    ),
    Row("suspended without its Secret", replace(NO_SECRET, suspended=True, pods=()), READY, "Suspended"),
    Row(
        "suspended with Redis down",
        replace(REDIS_DOWN, suspended=True, pods=()),
        READY,
        "Suspended",
        also={"SinkWritable": ("False", "SinkUnreachable")},
    ),
    Row(
        "resumed",
        facts(generation=NEW_GENERATION, pods=(waiting_pod("ContainerCreating", age=2, uid="uid-2"),)),
        COMING,
        "PodNotRunning",
        past=(STREAMED, facts(now=ago(60), suspended=True, pods=())),
    ),
    Row("nothing enabled", facts(enabled=False, deployment=deployment(replicas=0), pods=()), READY, "NothingToRun"),
]


TO_DO = {
    "ImagePullFailed": "; mend spec.image, spec.imagePullPolicy or spec.podTemplate.imagePullSecrets",
    "ContainerConfigError": "; create what is missing, or mend spec.podTemplate or spec.image",
    "PodRefused": "; mend the quota, the policy or the webhook that is against it, or spec.podTemplate",
    "CrashLoop": "; `kubectl logs --previous us-east-firehose-1` tells why",
    "ProgressDeadlineExceeded": "; `kubectl describe pod us-east-firehose-1` tells what it waits for",
    "SinkUnauthorized": ": put the right user and password into the URL",
    "SinkUrlInvalid": ": put the URL of a Redis into the Secret",
    "Halted": ": see its logs",
}
"""By reason, what a Stalled source of which the operator itself knows is told to do. Others bring words of their own:
Secrets, refusals, duplicates, and ingesters that have halted.
"""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    status = after(*row.past, row.now)
    found = conditions(status)

    assert found["Ready"] == ("True" if row.outlook == READY else "False", row.reason), status.conditions
    assert found.get("Reconciling") == (("True", row.reason) if row.outlook == COMING else None)
    assert found.get("Stalled") == (("True", row.reason) if row.outlook == STUCK else None)
    assert ("Suspended" in found) == (row.now.suspended and row.outlook == READY)
    assert {kind: found.get(kind) for kind in row.also} == row.also

    assert status.observed_generation == row.now.generation
    assert {item.observed_generation for item in status.conditions or ()} == {row.now.generation}
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Ready"]
    assert TO_DO.get(row.reason, "") in messages.get("Stalled", TO_DO.get(row.reason, "")), "it says what to do"


def test_whose_memory_is_too_small_is_told_which_field_to_raise() -> None:
    end = ended("OOMKilled", 137)
    status = after(facts(pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3, last_termination=end),)))
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"].endswith("OOMKilled, exit code 137; raise spec.podTemplate.resources.limits.memory")


def test_a_rollout_that_is_late_tells_where_to_look_where_there_is_no_pod() -> None:
    status = after(facts(deployment=deployment(rolled_out=False, deadline_message="It has timed out."), pods=()))
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"] == "It has timed out: `kubectl get events` tells why there is no pod"
