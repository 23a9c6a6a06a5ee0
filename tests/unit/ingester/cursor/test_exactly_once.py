"""Whatever a source does with its seqs, and whatever ends in between: each message is stored, and once."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_ingester.cursor.sequence import CONFIRMING_FRAMES
from tests.unit.ingester.played import Ingester, Memory, Message

BASE = 32_000_000_000


@dataclass(frozen=True)
class Source:
    """What a source sends, in its order, and how it replays."""

    messages: list[Message]
    inclusive: bool
    by_seq: bool

    @property
    def late(self) -> set[Message]:
        """The messages that come after one of the same seq, or of a higher one that is no stray."""
        return {
            message
            for number, message in enumerate(self.messages)
            if any(seq >= message[0] for seq, text in self.messages[:number] if text != "high")
        }

    def behind(self, cursor: int, sent: int) -> list[int]:
        """The numbers of the messages, of the `sent` that were sent, that it replays behind a cursor."""
        least = cursor if self.inclusive else cursor + 1
        replayed = [number for number in range(sent) if self.messages[number][0] >= least]
        return sorted(replayed, key=lambda number: self.messages[number][0]) if self.by_seq else replayed


@st.composite
def sources(draw: st.DrawFn, *, strays: int) -> Source:
    """Neighbours out of order, gaps, two messages under one seq, strays on both sides."""
    seq, messages, left = BASE, [], CONFIRMING_FRAMES - 1
    for _ in range(draw(st.integers(1, 12))):
        size = draw(st.integers(1, 4))
        group: list[Message] = []
        for _ in range(size):
            seq += draw(st.sampled_from([1, 1, 1, 1, 2, 17]))
            group.append((seq, "a"))
        messages += draw(st.permutations(group))
        match draw(st.sampled_from(["", "", "", "twin", "high", "low"])):
            case "twin":
                messages.append((seq, "b"))
            case "high" if left:
                count = draw(st.integers(1, min(strays, left)))
                messages += [(seq + 5_000_000 + more, "high") for more in range(count)]
                left -= count
            case "low":
                messages += [(seq - 2_000_000 - more, "low") for more in range(draw(st.integers(1, strays)))]
    return Source(messages, inclusive=draw(st.booleans()), by_seq=draw(st.booleans()))


def steps(*more: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    words = st.sampled_from(["send", "send", "send", "write", "again", "cut", "kill", *more])
    return st.lists(st.tuples(words, st.integers(1, 12)), max_size=40)


async def play(source: Source, told: list[tuple[str, int]]) -> tuple[Memory, set[Message]]:
    """What stands in Redis in the end, and what had been sent and stood below a cursor that was asked with."""
    memory, gone, sent = Memory(), set(), 0
    ingester = Ingester(memory)
    await ingester.connect()
    waiting: list[int] = []
    taken: list[Message] = []
    since = 0
    for step, count in [
        *told,
        ("send", len(source.messages)),
        ("cut", 1),
        ("send", 10**6),
        ("cut", 1),
        ("send", 10**6),
    ]:
        match step:
            case "send":
                for _ in range(count):
                    if waiting:
                        message = source.messages[waiting.pop(0)]
                    elif sent < len(source.messages):
                        message = source.messages[sent]
                        sent += 1
                    else:
                        break
                    taken.append(message)
                    ingester.take(message)
            case "again":
                ingester.take(*taken[since:][-count:])
            case "write":
                await ingester.write()
            case "silence":
                ingester.settle()
            case "cut":
                await ingester.cut()
            case "kill":
                ingester = Ingester(memory)
                await ingester.connect()
        if step in {"cut", "kill"}:
            waiting, since = source.behind(memory.seq, sent), len(taken)
            gone |= {source.messages[number] for number in set(range(sent)) - set(waiting)} - set(memory.stored)
    await ingester.cut()
    return memory, gone


def check(source: Source, told: list[tuple[str, int]]) -> None:
    memory, gone = asyncio.run(play(source, told))
    stored = Counter(memory.stored)
    assert {message: times for message, times in stored.items() if times > 1} == {}
    assert set(source.messages) - set(stored) <= gone
    # What nobody can ask for again: it came late, below the cursor, and an end came before it was stored.
    assert gone <= source.late
    assert memory.seq <= max(seq for seq, text in source.messages if text != "high")
    assert "lostReason" not in memory.health


@settings(max_examples=60, deadline=None)
@given(sources(strays=3), steps())
def test_each_message_once(source: Source, told: list[tuple[str, int]]) -> None:
    check(source, told)


@settings(max_examples=60, deadline=None)
@given(sources(strays=1), steps("silence", "silence"))
def test_each_message_once_with_silences_in_between(source: Source, told: list[tuple[str, int]]) -> None:
    check(source, told)
