"""A Relay that points at the reference PDS on this machine: a source that nobody of this project wrote."""

import pytest

from e2e.pds import ReferencePds, unavailable_reason
from e2e.pds.seed import seed
from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually

pytestmark = [
    pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason())),
    pytest.mark.timeout(600),
]


def test_a_pds_on_the_host_is_ready_and_stands_in_redis_record_for_record(sluice: Sluice) -> None:
    """What the PDS's own API was told is what stands in the stream."""
    with ReferencePds(host="0.0.0.0") as pds:
        source = sluice.outside("pds", host=f"{sluice.cluster.host_address}:{pds.port}")
        journal = seed(pds.client)
        relay = sluice.relay("pds", source=source, firehose={"collections": ["*"], "syncEvents": "Emit"})
        relay.wait_ready()
        events = eventually(
            lambda: sluice.stored(source), until=lambda seen: len(seen) >= len(journal.events), within=60, every=1
        )
        told = [{key: event[key] for key in event if key not in {"seq", "time"}} for event in events]
        assert told == journal.events
        relay.kubectl("delete", "relay", relay.name)
