"""One reconcile: what it writes and remembers, and when the next one is due."""

import pytest

from sluice_operator.kubernetes.errors import ApiError, IncompleteError
from tests.unit.operator.reconcile.harness import HOST, KEYS, OBSERVE_SECONDS, STATUS_SECONDS, Situation


@pytest.fixture
def situation() -> Situation:
    return Situation()


async def streaming(situation: Situation, **spec: object) -> None:
    """A Relay whose ingester streams, with nothing left to write."""
    situation.apply(**spec)
    await situation.reconcile()
    situation.run_pod()
    situation.report(seq="7")
    situation.sink.set(KEYS.cursor, "7")
    for _ in range(3):
        await situation.reconcile()
        situation.clock.advance(1)


async def test_a_new_source_gets_its_children_and_its_status(situation: Situation) -> None:
    situation.apply()
    again = await situation.reconcile()
    assert situation.writes() == ["PATCH secrets", "PATCH deployments", "PATCH relays/status"]
    assert again is not None
    assert again > OBSERVE_SECONDS, "its children are watched"
    assert situation.deployment()["spec"]["replicas"] == 1
    assert situation.status()["host"] == HOST
    assert situation.events("Created") == ["Created Secret sluice-redis-url", "Created Deployment a-firehose"]


async def test_a_missing_source_causes_no_write(situation: Situation) -> None:
    assert await situation.reconcile() is None
    assert situation.server.requests == []


async def test_without_changes_there_is_no_request(situation: Situation) -> None:
    await streaming(situation)
    await situation.reconcile()
    assert situation.server.requests == []


async def test_a_restart_of_the_operator_writes_nothing(situation: Situation) -> None:
    await streaming(situation)
    situation.start_operator()
    await situation.reconcile()
    assert situation.writes() == []


async def test_numbers_are_written_at_intervals_and_conditions_at_once(situation: Situation) -> None:
    await streaming(situation)
    situation.clock.advance(STATUS_SECONDS)
    situation.report(seq="8", events="1")
    await situation.reconcile()
    assert situation.writes() == ["PATCH relays/status"]
    written = []
    for number in range(int(STATUS_SECONDS) + 2):
        situation.clock.advance(1)
        situation.report(seq=str(9 + number), events=str(2 + number))
        await situation.reconcile()
        written.append(situation.writes())
    assert [index for index, writes in enumerate(written) if writes] == [int(STATUS_SECONDS) - 1]
    situation.clock.advance(1)
    situation.sink.problem = "connection refused"
    await situation.reconcile()
    assert situation.writes() == ["PATCH relays/status"]
    assert situation.condition("SinkWritable") == ("False", "SinkUnreachable")


async def test_an_invalid_spec_is_reported_and_nothing_else_is_written(situation: Situation) -> None:
    situation.apply(firehose="not an object")
    await situation.reconcile()
    assert situation.writes() == ["PATCH relays/status"]
    assert situation.condition("Stalled") == ("True", "InvalidSpec")


async def test_a_failed_write_is_retried_after_its_back_off_and_the_status_is_written(situation: Situation) -> None:
    situation.apply()
    with situation.server.faults.refuse(500, "InternalError", "etcd is away", plural="deployments", method="PATCH"):
        with pytest.raises(IncompleteError) as raised:
            await situation.reconcile()
        assert raised.value.retry_within == OBSERVE_SECONDS
        assert situation.condition("Reconciling") == ("True", "ApiServerUnavailable")
        again = await situation.reconcile()
        assert "PATCH deployments" not in situation.writes(), "the pause is not over"
        assert again is not None
        assert again < 0.3
        situation.clock.advance(again)
        with pytest.raises(IncompleteError):
            await situation.reconcile()
    situation.clock.advance(60)
    await situation.reconcile()
    assert situation.writes() == ["PATCH deployments", "PATCH relays/status"]
    assert situation.condition("Reconciling") != ("True", "ApiServerUnavailable")


async def test_a_pause_that_the_api_server_asks_for_is_kept(situation: Situation) -> None:
    situation.apply()
    refusal = situation.server.faults.refuse(
        429, "TooManyRequests", "later", retry_after=17, plural="deployments", method="PATCH"
    )
    with refusal, pytest.raises(IncompleteError) as raised:
        await situation.reconcile()
    assert raised.value.retry_after == 17
    situation.clock.advance(16)
    await situation.reconcile()
    assert "PATCH deployments" not in situation.writes()
    situation.clock.advance(2)
    await situation.reconcile()
    assert "PATCH deployments" in situation.writes()


async def test_a_permanent_refusal_is_retried_rarely(situation: Situation) -> None:
    situation.apply()
    with situation.server.faults.refuse(422, "Invalid", "no such field", plural="deployments", method="PATCH"):
        await situation.reconcile()
        assert situation.condition("Stalled") == ("True", "ChildRefused")
        for seconds, expected in ((20, False), (11, True), (1, False)):
            situation.clock.advance(seconds)
            await situation.reconcile()
            assert ("PATCH deployments" in situation.writes()) == expected, seconds
        situation.apply(image="sluice:2")
        await situation.reconcile()
        assert "PATCH deployments" in situation.writes(), "something else is desired"


async def test_a_reconcile_request_ends_all_back_offs_and_is_acknowledged(situation: Situation) -> None:
    situation.apply()
    with situation.server.faults.refuse(422, "Invalid", "no such field", plural="deployments", method="PATCH"):
        await situation.reconcile()
        situation.annotate("a", **{"sluice.dev/reconcile-requested-at": "now"})
        await situation.reconcile()
        assert "PATCH deployments" in situation.writes()
        assert situation.status()["lastHandledReconcileAt"] == "now"
        situation.clock.advance(1)
        await situation.reconcile()
        assert "PATCH deployments" not in situation.writes()


async def test_a_failed_reconcile_acknowledges_nothing(situation: Situation) -> None:
    situation.apply()
    situation.annotate("a", **{"sluice.dev/reconcile-requested-at": "now"})
    with situation.server.faults.refuse(503, plural="deployments", method="PATCH"), pytest.raises(ApiError):
        await situation.reconcile()
    assert "lastHandledReconcileAt" not in situation.status()


async def test_a_recreated_source_starts_without_a_memory(situation: Situation) -> None:
    situation.apply()
    with situation.server.faults.refuse(422, "Invalid", "no such field", plural="deployments", method="PATCH"):
        await situation.reconcile()
        situation.delete()
        situation.apply()
        await situation.reconcile()
        assert "PATCH deployments" in situation.writes(), "the refusal was of another resource"


async def test_children_that_are_no_longer_desired_are_deleted(situation: Situation) -> None:
    situation.apply(backfill={"enabled": True})
    await situation.reconcile()
    situation.apply(backfill={"enabled": False}, redis={"secretRef": {"name": "mine"}})
    await situation.reconcile()
    assert situation.writes() == ["PATCH deployments", "DELETE deployments", "PATCH relays/status"]
    assert situation.condition("Ready") == ("False", "SecretMissing")
    situation.clock.advance(1)
    await situation.reconcile()
    assert situation.writes() == ["DELETE secrets"], "when no Deployment references it any more"
    await situation.reconcile()
    reads = [request.name for request in situation.server.requests]
    assert reads == [], "the former Secrets are looked for once"
