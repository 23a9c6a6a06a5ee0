"""Following a source list: which change starts and stops what, and when it is acknowledged."""

import json
from collections.abc import AsyncIterator

import pytest

from sluice_ingester.running_sources import RunningSources
from sluice_ingester.settings import load
from sluice_ingester.source_list.entries import parse_source_list
from sluice_ingester.source_list.follower import POLL_SECONDS, SourceListFollower
from sluice_redis.contract import applied_value
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.source_list import ListState
from tests.fakes.clock import FakeClock, settle
from tests.fakes.redis_sink import UNAVAILABLE
from tests.unit.ingester.fake_work import FakeWork
from tests.unit.ingester.process_parts import ProcessParts


class FakeList:
    """A list in memory. `failure` fails every call while it is set."""

    def __init__(self) -> None:
        self.key = "list"
        self.fields: dict[str, str] = {}
        self.applied: str | None = None
        self.failure: SinkError | None = None
        self.reads = self.acknowledged = 0

    def put(self, version: str, **hosts: str) -> None:
        self.fields = {"version": version} | {
            name: json.dumps({"INGESTER_MODE": "labeler", "INGESTER_LABELER_HOSTS": host})
            for name, host in hosts.items()
        }

    async def read_state(self) -> ListState:
        self._begin()
        applied = None if self.applied is None else self.applied.rpartition(" ")[0]
        return ListState(self.fields.get("version"), applied)

    async def read(self) -> dict[str, str]:
        self._begin()
        self.reads += 1
        return dict(self.fields)

    async def write_applied(self, version: str, pod: str) -> None:
        self._begin()
        self.acknowledged += 1
        self.applied = applied_value(version, pod)

    def _begin(self) -> None:
        if self.failure is not None:
            raise self.failure


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.parts = ProcessParts(self.clock)
        self.list = FakeList()
        self.made: list[FakeWork] = []
        self.sources = RunningSources(self._make, self.parts.heartbeats, clock=self.clock)
        process = load()
        self.follower = SourceListFollower(
            self.list,
            self.sources,
            parse=lambda fields: parse_source_list(fields, process),
            pod="pod-1",
            clock=self.clock,
        )
        self.parts.repeat(self.follower.step)

    def _make(self, spec: object) -> FakeWork:
        self.made.append(FakeWork(spec, self.clock))  # type: ignore[arg-type]
        return self.made[-1]

    @property
    def hosts(self) -> list[str]:
        return sorted(running.spec.address.host for running in self.sources)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await settle()
    yield stage
    await stage.parts.stop()
    await stage.sources.stop_all()


async def test_it_waits_for_a_list_and_then_applies_it(stage: Stage) -> None:
    await stage.clock.advance(100)
    assert (stage.hosts, stage.follower.has_applied, stage.list.applied) == ([], False, None)
    assert stage.follower.status == "source list list: waiting for it; it does not exist, or has no version"
    stage.list.put("1", a="a.test", b="b.test")
    await stage.clock.advance(POLL_SECONDS)
    assert (stage.hosts, stage.follower.has_applied, stage.list.applied) == (["a.test", "b.test"], True, "1 pod-1")
    assert stage.follower.status == "source list list: version 1 is applied"


async def test_an_empty_list_has_no_sources_and_is_applied(stage: Stage) -> None:
    stage.list.put("1")
    await stage.clock.advance(POLL_SECONDS)
    assert (stage.hosts, stage.follower.has_applied, stage.list.applied) == ([], True, "1 pod-1")


async def test_only_what_changed_is_touched(stage: Stage) -> None:
    stage.list.put("1", a="a.test", b="b.test", c="c.test")
    await stage.clock.advance(POLL_SECONDS)
    a, b, c = stage.made
    stage.list.put("2", a="a.test", b="other.test", d="d.test")
    await stage.clock.advance(POLL_SECONDS)
    assert stage.hosts == ["a.test", "d.test", "other.test"]
    assert [work.stopped.is_set() for work in (a, b, c)] == [False, True, True]
    assert stage.list.applied == "2 pod-1"


async def test_without_a_new_version_the_list_is_not_read(stage: Stage) -> None:
    stage.list.put("1", a="a.test")
    await stage.clock.advance(50)
    assert (stage.list.reads, stage.list.acknowledged) == (1, 1)


async def test_a_list_that_vanishes_changes_nothing(stage: Stage) -> None:
    stage.list.put("1", a="a.test")
    await stage.clock.advance(POLL_SECONDS)
    stage.list.fields = {}
    stage.list.applied = None
    await stage.clock.advance(50)
    assert (stage.hosts, len(stage.made), stage.follower.has_applied) == (["a.test"], 1, True)
    assert "it does not exist" in stage.follower.status
    stage.list.put("1", a="a.test")  # the operator writes it again
    await stage.clock.advance(POLL_SECONDS)
    assert (len(stage.made), stage.list.applied) == (1, "1 pod-1")


async def test_a_version_is_acknowledged_when_its_sources_have_ended(stage: Stage) -> None:
    stage.list.put("1", a="a.test")
    await stage.clock.advance(POLL_SECONDS)
    [work] = stage.made
    work.flushes = False
    stage.list.put("2")
    await stage.clock.advance(POLL_SECONDS)
    assert work.stopped.is_set()
    assert stage.list.applied == "1 pod-1"
    work.end.set()
    await settle()
    assert stage.list.applied == "2 pod-1"


async def test_an_acknowledgement_of_another_pod_stays_unless_it_is_older(stage: Stage) -> None:
    stage.list.put("1", a="a.test")
    await stage.clock.advance(POLL_SECONDS)
    stage.list.applied = "1 pod-2"
    await stage.clock.advance(10)
    assert stage.list.applied == "1 pod-2"
    stage.list.applied = "0 pod-2"
    await stage.clock.advance(POLL_SECONDS)
    assert stage.list.applied == "1 pod-1"


async def test_while_redis_fails_everything_continues(stage: Stage) -> None:
    stage.list.put("1", a="a.test")
    await stage.clock.advance(POLL_SECONDS)
    stage.list.failure = SinkError(UNAVAILABLE)
    await stage.clock.advance(50)
    assert stage.hosts == ["a.test"]
    assert UNAVAILABLE.message in stage.follower.status
    stage.list.put("2", b="b.test")
    stage.list.failure = None
    await stage.clock.advance(POLL_SECONDS)
    assert (stage.hosts, stage.list.applied) == (["b.test"], "2 pod-1")


async def test_a_rejected_entry_is_logged_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    for version in ("1", "2", "3"):
        stage.list.put(version, a="a.test")
        stage.list.fields["bad"] = "no JSON"
        await stage.clock.advance(POLL_SECONDS)
    assert stage.hosts == ["a.test"]
    assert len([record for record in caplog.records if "the entry bad is not valid" in record.message]) == 1
