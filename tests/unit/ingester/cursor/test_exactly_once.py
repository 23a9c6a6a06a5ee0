"""Each message is stored exactly once, with any order of seqs, any replay, and a cut or a kill at any point."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_ingester.cursor.sequence import CONFIRMING_FRAMES
from tests.unit.ingester.in_memory import Ingester, Memory, Message

BASE = 32_000_000_000


@dataclass(frozen=True)
class Source:
    """What a source sends, in this order, and how it replays."""

    messages: list[Message]
    inclusive: bool
    by_seq: bool

    @property
    def late(self) -> set[Message]:
        """The messages sent after one with the same or a higher seq, strays not counted."""
        return {
            message
            for number, message in enumerate(self.messages)
            if any(seq >= message[0] for seq, text in self.messages[:number] if text != "high")
        }

    def behind(self, cursor: int, sent: int) -> list[int]:
        """The indexes of the messages that it replays for a cursor, of the first `sent` messages."""
        least = cursor if self.inclusive else cursor + 1
        replayed = [number for number in range(sent) if self.messages[number][0] >= least]
        return sorted(replayed, key=lambda number: self.messages[number][0]) if self.by_seq else replayed


@st.composite
def sources(draw: st.DrawFn, *, strays: int) -> Source:
    """Sources with swapped messages, gaps, two messages of one seq, and strays above and below."""
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


async def run_actions(source: Source, actions: list[tuple[str, int]]) -> tuple[Memory, set[Message]]:
    """Redis at the end, and the messages that were neither stored nor replayed after a connection ended."""
    memory, unreachable, sent = Memory(), set(), 0
    ingester = Ingester(memory)
    await ingester.connect()
    waiting: list[int] = []
    taken: list[Message] = []
    since = 0
    for step, count in [
        *actions,
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
            unreachable |= {source.messages[number] for number in set(range(sent)) - set(waiting)} - set(memory.stored)
    await ingester.cut()
    return memory, unreachable


def check(source: Source, actions: list[tuple[str, int]]) -> None:
    memory, unreachable = asyncio.run(run_actions(source, actions))
    stored = Counter(memory.stored)
    assert {message: times for message, times in stored.items() if times > 1} == {}
    assert set(source.messages) - set(stored) <= unreachable
    # These messages arrived late, below the cursor, and the connection ended before they were stored.
    assert unreachable <= source.late
    assert memory.seq <= max(seq for seq, text in source.messages if text != "high")
    assert "lostReason" not in memory.health


@settings(max_examples=60, deadline=None)
@given(sources(strays=3), steps())
def test_each_message_is_stored_once(source: Source, actions: list[tuple[str, int]]) -> None:
    check(source, actions)


@settings(max_examples=60, deadline=None)
@given(sources(strays=1), steps("silence", "silence"))
def test_each_message_is_stored_once_with_silences_in_between(source: Source, actions: list[tuple[str, int]]) -> None:
    check(source, actions)
