"""A corpus: events made ahead and sent in rounds."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from e2e.relaysim.corpus import Corpus
from e2e.relaysim.frames import Event
from e2e.relaysim.network import Network
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
    keys = {account.did: account.repo.key.did_key for account in sim.network.accounts}
    commits = [body for body in bodies if "ops" in body]
    assert Counter(reading.commit(body, keys[body["repo"]]).did for body in commits).total() > 80


async def test_the_number_of_events_made_ahead_is_limited() -> None:
    """Accounts that are created later must not be in the listing yet."""
    without = Network(seed="sluice")
    async with RelaySim(corpus=500, limit=0, paused=True) as sim:
        assert len(sim.network) == len(without)
        assert [sim.network.listed(place) for place in range(50)] == [without.listed(place) for place in range(50)]
        made = await sim.emit(5)
    assert [note.event for note in made] == list(islice(without, 5))


def test_events_are_made_once_and_on_demand() -> None:
    made: list[int] = []

    def source() -> Iterator[Event]:
        for event in Network(seed="lazy", size=2):
            made.append(1)
            yield event

    corpus = Corpus(source(), 10)
    corpus.make(4)
    assert len(made) == 4
    first = list(islice(corpus, 25))
    assert len(made) == 10
    assert first[:10] == first[10:20]
    assert first[20:] == first[:5]
    corpus.make()
    assert len(made) == 10


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Corpus(Network(size=2), 0)
