"""A Relay that reads the reference PDS on this machine: a source that is not part of this project."""

import pytest

from e2e.pds import ReferencePds, unavailable_reason
from e2e.pds.seed import seed
from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually

pytestmark = pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason()))


def test_a_pds_on_the_host_is_ready_and_its_records_are_in_redis(sluice: Sluice) -> None:
    """Every record that was written by the API of the PDS is in the stream."""
    with ReferencePds(host="0.0.0.0") as pds:
        source = sluice.outside("pds", host=f"{sluice.cluster.host_address}:{pds.port}")
        journal = seed(pds.client)
        relay = sluice.relay("pds", source=source, firehose={"collections": ["*"], "syncEvents": "Emit"})
        relay.wait_ready()
        events = eventually(lambda: sluice.stored(source), until=lambda seen: len(seen) >= len(journal.events), every=1)
        found = [{key: event[key] for key in event if key not in {"seq", "time"}} for event in events]
        assert found == journal.events
        relay.delete()
