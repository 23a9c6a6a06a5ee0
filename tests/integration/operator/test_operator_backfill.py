"""A Relay's backfill on a real API server: an ingester of its own beside the stream's, and its end told."""

from typing import Any

import pytest

from sluice_redis.contract import BACKFILL_DONE, SourceState
from tests.integration.operator.control_plane import ApiServerError
from tests.integration.operator.kinds import BackfillSituation
from tests.integration.operator.situation import Situation, eventually


@pytest.fixture
def listing(situation: Situation) -> BackfillSituation:
    return BackfillSituation(situation.control_plane, situation.namespace, situation.sink)


def test_from_enabled_to_done(situation: Situation, listing: BackfillSituation) -> None:
    situation.apply_relay()
    situation.stream()
    assert situation.condition("BackfillComplete") is None
    assert listing.child not in situation.names("Deployment")

    situation.apply_relay(backfill={"enabled": True, "onPageError": "SkipRepo", "rescanIntervalSeconds": 86_400})
    situation.wait_condition("BackfillComplete", "False", "PodNotRunning")
    situation.wait_condition("Ready", "True", "Streaming")  # whatever becomes of the backfill's pod
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


def test_switched_off_again(situation: Situation, listing: BackfillSituation) -> None:
    situation.apply_relay(backfill={"enabled": True})
    situation.stream()
    listing.run_pod()
    listing.list_page("1000", 1)
    listing.report(SourceState.STREAMING)
    situation.wait_condition("BackfillComplete", "False", "Listing")

    situation.apply_relay()
    eventually(lambda: listing.child not in situation.names("Deployment"))

    def gone() -> bool:
        assert "backfill" not in situation.status()
        return situation.condition("BackfillComplete") is None

    eventually(gone)
    assert listing.redis.get(listing.keys.cursor) == "1000"  # to go on from, when it is switched on again


@pytest.mark.parametrize(
    ("backfill", "words"),
    [
        ({"rescanIntervalSeconds": 59}, "greater than or equal to 60"),
        ({"onPageError": "Skip"}, "Retry"),
    ],
)
def test_what_the_api_server_refuses(situation: Situation, backfill: dict[str, Any], words: str) -> None:
    with pytest.raises(ApiServerError, match=words):
        situation.apply_relay(backfill=backfill)
