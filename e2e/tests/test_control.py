"""A cursor that is set in the spec, and a listing of all repos, on a real cluster."""

import json
from typing import cast

from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually


def test_a_cursor_of_the_spec_is_followed_once_by_the_running_pod(sluice: Sluice) -> None:
    """It is set once for its nonce, without a restart; the status and an Event report it."""
    source = sluice.simulator("reset", "--rate", "100")
    relay = sluice.relay("reset", source=source, firehose={"collections": ["*"]})
    relay.wait_ready()
    begin = source.seqs.start + 50
    reached = eventually(lambda: sluice.cursor(source), until=lambda seen: seen > begin + 200)
    pod = relay.pod_name()

    relay.patch({"spec": {"cursor": {"position": begin, "nonce": "1"}}})
    reset = eventually(lambda: relay.status().get("cursorReset", {}), until=lambda seen: seen.get("nonce") == "1")
    assert reset["to"] == str(begin)
    assert int(reset["from"]) >= reached
    eventually(lambda: sluice.cursor(source), until=lambda seen: seen > int(reset["from"]))

    seqs = [event["seq"] for event in sluice.stored(source)]
    back = next(number for number in range(1, len(seqs)) if seqs[number] < seqs[number - 1])
    assert seqs[back] == min(seq for seq in seqs if seq > begin)
    assert seqs[back:] == sorted(seqs[back:])
    assert relay.pod_name() == pod
    assert relay.status()["cursorReset"] == reset
    eventually(lambda: relay.events("CursorReset"), until=bool)


def test_a_backfill_lists_every_repo_once_while_the_firehose_streams(sluice: Sluice) -> None:
    """It has its own Deployment, a condition says that it is complete, and the stream has each repo once."""
    repos = 2_500
    # So few messages that no account is added meanwhile, however slow the machine is.
    limits = ("--rate", "20", "--limit", "300")
    source = sluice.simulator("listing", *limits, "--accounts", "50", "--dormant", str(repos - 50))
    relay = sluice.relay("listing", source=source, backfill={"enabled": True})
    relay.wait_ready()
    relay.wait_condition("BackfillComplete")
    with sluice.redis(source) as client:
        entries = cast("list[tuple[str, dict[str, str]]]", client.xrange("repo_backfill"))
    dids = [json.loads(fields["repo"])["did"] for _, fields in entries]
    assert len(dids) == len(set(dids)) == repos
    status = eventually(lambda: relay.status()["backfill"], until=lambda seen: seen.get("repos") == repos)
    assert status["done"] is True
