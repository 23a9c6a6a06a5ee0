"""What used to take `redis-cli DEL` and a script: a cursor that is set by the spec, and a listing of all repos."""

import json
from typing import cast

import pytest

from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually

pytestmark = pytest.mark.timeout(600)


def test_a_cursor_of_the_spec_is_followed_once_by_the_running_pod(sluice: Sluice) -> None:
    """Reset to a seq, once for its nonce, without a restart; told in the status and as an Event."""
    source = sluice.simulator("reset", "--rate", "100")
    relay = sluice.relay("reset", source=source, firehose={"collections": ["*"]})
    relay.wait_ready()
    begin = source.seqs.start + 50
    reached = eventually(lambda: sluice.cursor(source), until=lambda seen: seen > begin + 200, within=60)
    pod = relay.pod_name()

    relay.patch({"spec": {"cursor": {"position": begin, "nonce": "1"}}})
    reset = eventually(
        lambda: relay.status().get("cursorReset", {}), until=lambda seen: seen.get("nonce") == "1", within=60
    )
    assert reset["to"] == str(begin)
    assert int(reset["from"]) >= reached
    eventually(lambda: sluice.cursor(source), until=lambda seen: seen > int(reset["from"]), within=60)

    seqs = [event["seq"] for event in sluice.stored(source)]
    back = next(number for number in range(1, len(seqs)) if seqs[number] < seqs[number - 1])
    assert seqs[back] == min(seq for seq in seqs if seq > begin)
    assert seqs[back:] == sorted(seqs[back:])
    assert relay.pod_name() == pod
    assert relay.status()["cursorReset"] == reset
    of_relay = f"--field-selector=involvedObject.name={relay.name},reason=CursorReset"
    eventually(lambda: relay.kubectl("get", "events", of_relay, "-o", "name"), until=bool, within=60)


def test_a_backfill_lists_every_repo_once_beside_the_firehose(sluice: Sluice) -> None:
    """Its own Deployment; done is told by a condition; the stream has each repo once."""
    repos = 2_500
    # So few messages that nobody new joins meanwhile, however slow the machine is.
    limits = ("--rate", "20", "--limit", "300")
    source = sluice.simulator("listing", *limits, "--accounts", "50", "--dormant", str(repos - 50))
    relay = sluice.relay("listing", source=source, backfill={"enabled": True})
    relay.wait_ready()
    relay.kubectl("wait", f"relay/{relay.name}", "--for=condition=BackfillComplete", "--timeout=180s")
    with sluice.redis(source) as client:
        entries = cast("list[tuple[str, dict[str, str]]]", client.xrange("repo_backfill"))
    dids = [json.loads(fields["repo"])["did"] for _, fields in entries]
    assert len(dids) == len(set(dids)) == repos
    status = eventually(lambda: relay.status()["backfill"], until=lambda seen: seen.get("repos") == repos, within=60)
    assert status["done"] is True
