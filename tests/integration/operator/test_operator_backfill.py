"""The backfill of a Relay on a real API server: it has its own ingester, and its end is reported."""

from typing import Any

import pytest

from sluice_redis.contract import BACKFILL_DONE, SourceState
from tests.integration.operator.control_plane import ApiServerError
from tests.integration.operator.kinds import BackfillSituation
from tests.integration.operator.situation import Situation, eventually


@pytest.fixture
def listing(situation: Situation) -> BackfillSituation:
    return BackfillSituation(situation.control_plane, situation.namespace, situation.sink)


def test_a_backfill_from_enabled_to_done(situation: Situation, listing: BackfillSituation) -> None:
    situation.apply_relay()
    situation.stream()
    assert situation.condition("BackfillComplete") is None
    assert listing.child not in situation.names("Deployment")

    situation.apply_relay(backfill={"enabled": True, "onPageError": "SkipRepo", "rescanIntervalSeconds": 86_400})
    situation.wait_condition("BackfillComplete", "False", "PodNotRunning")
    situation.wait_condition("Ready", "True", "Streaming")  # the pod of the backfill does not affect Ready
    (container,) = listing.deployment()["spec"]["template"]["spec"]["containers"]
    env = {item["name"]: item.get("value") for item in container["env"]}
    assert env["INGESTER_MODE"] == "backfill"
    assert env["INGESTER_ON_PAGE_ERROR"] == "skip-repo"
    assert env["INGESTER_BACKFILL_RESCAN_SECONDS"] == "86400"

    listing.run_pod()
    listing.list_page("1000", 3)
    listing.report(SourceState.STREAMING)
    situation.wait_condition("BackfillComplete", "False", "Listing")

    def numbers() -> bool:
        found = situation.status()["backfill"]
        assert (found["cursor"], found["repos"], found["done"]) == ("1000", 3, False), found
        return bool(found["streamLength"] >= 3)

    eventually(numbers)

    listing.report(SourceState.WAITING, "Http500", "relay answered 500: (did:plc:x): repository state not available")
    situation.wait_condition("BackfillComplete", "False", "Http500")
    situation.wait_condition("Ready", "True", "Streaming")

    listing.list_page(BACKFILL_DONE, 1)
    listing.report(SourceState.DONE)
    situation.wait_condition("BackfillComplete", "True", "Listed")
    assert eventually(lambda: situation.status()["backfill"]["done"])
    situation.wait_events("BackfillDone")


def test_a_backfill_is_disabled_again(situation: Situation, listing: BackfillSituation) -> None:
    situation.apply_relay(backfill={"enabled": True})
    situation.stream()
    listing.run_pod()
    listing.list_page("1000", 1)
    listing.report(SourceState.STREAMING)
    situation.wait_condition("BackfillComplete", "False", "Listing")

    situation.apply_relay()
    eventually(lambda: listing.child not in situation.names("Deployment"))

    def is_removed() -> bool:
        assert "backfill" not in situation.status()
        return situation.condition("BackfillComplete") is None

    eventually(is_removed)
    assert listing.redis.get(listing.keys.cursor) == "1000"  # the backfill continues from it when it is enabled again


@pytest.mark.parametrize(
    ("backfill", "words"),
    [
        ({"rescanIntervalSeconds": 59}, "greater than or equal to 60"),
        ({"onPageError": "Skip"}, "Retry"),
    ],
)
def test_an_invalid_backfill_is_refused(situation: Situation, backfill: dict[str, Any], words: str) -> None:
    with pytest.raises(ApiServerError, match=words):
        situation.apply_relay(backfill=backfill)
