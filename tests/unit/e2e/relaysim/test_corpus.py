from collections import Counter

import pytest

from e2e.relaysim.corpus import Corpus
from e2e.relaysim.network import World
from e2e.relaysim.sim import FIRST_SEQ, RelaySim
from tests.unit.e2e.relaysim import reading
from tests.unit.e2e.relaysim.client import subscribe


async def test_rounds_differ_in_seq_and_time_alone() -> None:
    async with RelaySim(paused=True, seed="corpus", accounts=5, corpus=40) as sim, subscribe(sim) as client:
        await sim.connected()
        await sim.emit(100)
        bodies = [(await client.frame())[1] for _ in range(100)]
    assert [body["seq"] for body in bodies] == list(range(FIRST_SEQ, FIRST_SEQ + 100))
    for first, second in zip(bodies, bodies[40:], strict=False):
        assert {**first, "seq": 0, "time": ""} == {**second, "seq": 0, "time": ""}
    keys = {account.did: account.repo.key.did_key for account in sim.world.accounts}
    commits = [body for body in bodies if "ops" in body]
    assert Counter(reading.commit(body, keys[body["repo"]]).did for body in commits).total() > 80


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Corpus(World(size=2), 0)
