"""The conditions of a source whose container does not start or keeps crashing."""

import pytest

from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    after,
    ago,
    ended,
    facts,
    pod,
    reporting,
    waiting_pod,
)
from tests.unit.operator.status.verdicts.row import HEALTHY, NEW_GENERATION, PROGRESSING, STALLED, STREAMED, Row, check

ROWS = [
    Row("first pull failed", facts(pods=(waiting_pod("ErrImagePull", age=8),)), PROGRESSING, "ImagePullFailed"),
    Row("pull failed again", facts(pods=(waiting_pod("ImagePullBackOff", age=31),)), STALLED, "ImagePullFailed"),
    Row(
        "pulling again after a failure", facts(pods=(waiting_pod("ErrImagePull", age=50),)), STALLED, "ImagePullFailed"
    ),
    Row(
        "image not present and pull policy Never",
        facts(pods=(waiting_pod("ErrImageNeverPull", age=1),)),
        STALLED,
        "ImagePullFailed",
    ),
    Row("invalid image name", facts(pods=(waiting_pod("InvalidImageName", age=1),)), STALLED, "ImagePullFailed"),
    Row(
        "config missing for a moment",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=10),)),
        PROGRESSING,
        "ContainerConfigError",
    ),
    Row(
        "config missing for a minute",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=90),)),
        STALLED,
        "ContainerConfigError",
    ),
    Row(
        "config deleted under a pod that has run for long",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=3600, last_termination=ended()),)),
        PROGRESSING,
        "ContainerConfigError",
    ),
    Row(
        "config deleted a minute ago under a pod that has run for long",
        facts(pods=(waiting_pod("CreateContainerConfigError", age=3600, last_termination=ended(seconds_ago=61)),)),
        STALLED,
        "ContainerConfigError",
    ),
    Row(
        "another attempt to start has failed",
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
        "a container that cannot start, between two attempts",
        facts(pods=(waiting_pod("", age=100, restart_count=1, last_termination=ended("StartError", 128)),)),
        STALLED,
        "ContainerConfigError",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "another pod after one that cannot start",
        facts(pods=(waiting_pod("ContainerCreating", age=5, uid="uid-2"),)),
        PROGRESSING,
        "PodNotRunning",
        past=(facts(now=ago(10), pods=(waiting_pod("RunContainerError", age=100),)),),
    ),
    Row(
        "another spec after one whose container cannot start",
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
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)


def test_the_message_of_an_oom_kill_names_the_memory_limit() -> None:
    end = ended("OOMKilled", 137)
    status = after(facts(pods=(waiting_pod("CrashLoopBackOff", age=90, restart_count=3, last_termination=end),)))
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"].endswith("OOMKilled, exit code 137; raise spec.podTemplate.resources.limits.memory")
