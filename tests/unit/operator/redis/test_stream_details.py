"""Parsing XINFO GROUPS, also of Redis versions that no test starts."""

from sluice_operator.redis.stream_details import group_facts

ROW = {"name": b"indexer", "consumers": 2, "pending": 3, "last-delivered-id": b"1-0", "entries-read": 5, "lag": 7}


def test_a_group() -> None:
    facts = group_facts(ROW)
    assert (facts.name, facts.consumers, facts.pending, facts.lag) == ("indexer", 2, 3, 7)
    assert facts.oldest_pending_seconds is None


def test_a_group_with_unknown_lag() -> None:
    assert group_facts({**ROW, "lag": None}).lag is None


def test_redis_6_has_no_lag() -> None:
    old = {name: value for name, value in ROW.items() if name not in {"lag", "entries-read"}}
    assert group_facts(old).lag is None


def test_a_group_name_that_is_not_utf8_or_very_long() -> None:
    assert group_facts({**ROW, "name": b"\xff"}).name == "\ufffd"
    assert len(group_facts({**ROW, "name": b"x" * 10_000}).name) == 250
