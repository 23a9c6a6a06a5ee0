"""What a source's frames mean for the cursor, for what is told as lost, and for what is stored."""

import pytest

from sluice_ingester.cursor.errors import CursorLostError
from sluice_ingester.cursor.misfit import CONFIRMING_CONNECTIONS
from sluice_ingester.cursor.sequence import CONFIRMING_FRAMES
from sluice_ingester.sources.failure import SourceError
from sluice_redis.contract import HealthField, ResumeField
from sluice_redis.ingester_settings import OnCursorLost
from tests.unit.ingester import played
from tests.unit.ingester.played import Ingester, Message

SEQ = 6_322_875_401
LATER = "2026-11-24T14:00:00.000Z"


def told(*seqs: int) -> list[Message]:
    return [(seq, "a") for seq in seqs]


def lost(memory: played.Memory) -> tuple[str | None, ...]:
    return tuple(memory.health.get(name) for name in ("lostReason", "lostFrom", "lostTo"))


async def at(seq: int, *, on_lost: OnCursorLost | None = None) -> Ingester:
    """An ingester that has stored frames up to `seq`, connected anew."""
    ingester = Ingester(played.Memory(), on_lost=on_lost)
    await ingester.connect()
    ingester.take(*told(*range(seq - 9, seq + 1)))
    await ingester.write()
    assert await ingester.cut() == str(seq)
    return ingester


async def test_an_inclusive_replay_after_a_kill_is_known_again() -> None:
    memory = (await at(SEQ)).memory
    anew = Ingester(memory)
    assert await anew.connect() == str(SEQ)
    anew.take(*told(*range(SEQ - 9, SEQ + 3)))
    await anew.cut()
    assert memory.stored == told(*range(SEQ - 9, SEQ + 3))


async def test_a_cursor_set_by_hand_brings_all_behind_it_again() -> None:
    ingester = await at(SEQ)
    ingester.memory.set_cursor(b"%d" % (SEQ - 5))
    assert await ingester.cut() == str(SEQ - 5)
    ingester.take(*told(*range(SEQ - 5, SEQ + 1)))
    await ingester.cut()
    assert ingester.memory.stored[10:] == told(*range(SEQ - 4, SEQ + 1))


async def test_another_program_s_cursor_is_used_as_it_stands() -> None:
    memory = played.Memory()
    memory.set_cursor(b"%d" % SEQ)
    ingester = Ingester(memory)
    await ingester.connect()
    ingester.take(*told(SEQ - 2, SEQ - 1, SEQ, SEQ + 1))
    await ingester.cut()
    assert (memory.stored, memory.seq) == (told(SEQ + 1), SEQ + 1)


async def test_one_stray_frame_is_stored_and_is_no_loss() -> None:
    ingester = await at(SEQ)
    ingester.take(*told(SEQ + 5_000_000), time=LATER)
    await ingester.cut()
    assert (ingester.memory.seq, lost(ingester.memory)) == (SEQ, (None, None, None))
    ingester.take(*told(*range(SEQ + 1, SEQ + 20)), time=LATER)
    await ingester.cut()
    assert ingester.memory.stored[10:] == told(SEQ + 5_000_000, *range(SEQ + 1, SEQ + 20))
    assert (ingester.memory.seq, lost(ingester.memory)) == (SEQ + 19, (None, None, None))


async def test_a_loss_is_told_once() -> None:
    ingester = await at(SEQ)
    ingester.take(*told(SEQ + 700), time=LATER)
    await ingester.cut()
    ingester.take(*told(*range(SEQ + 700, SEQ + 700 + CONFIRMING_FRAMES)), time=LATER)
    await ingester.cut()
    assert lost(ingester.memory) == ("OutdatedCursor", str(SEQ + 1), str(SEQ + 699))
    assert ingester.memory.seq == SEQ + 699 + CONFIRMING_FRAMES
    found = dict(ingester.memory.health)
    ingester.take(*told(SEQ + 700 + CONFIRMING_FRAMES), time=LATER)
    await ingester.cut()
    assert all(found[name] == value for name, value in ingester.memory.health.items() if name.startswith("lost"))


@pytest.mark.parametrize("on_lost", [OnCursorLost.HALT, OnCursorLost.LIVE])
async def test_nothing_behind_a_loss_is_stored_where_that_is_chosen(on_lost: OnCursorLost) -> None:
    ingester = await at(SEQ, on_lost=on_lost)
    with pytest.raises(CursorLostError, match=f"seq {SEQ + 1} to {SEQ + 699}"):
        ingester.take(*told(*range(SEQ + 700, SEQ + 800)), time=LATER)
    await ingester.cut()
    assert (len(ingester.memory.stored), ingester.memory.seq) == (10, SEQ)


@pytest.mark.parametrize("on_lost", [OnCursorLost.HALT, OnCursorLost.LIVE])
async def test_a_stray_is_no_loss_where_that_is_chosen(on_lost: OnCursorLost) -> None:
    ingester = await at(SEQ, on_lost=on_lost)
    ingester.take(*told(SEQ + 700, SEQ + 1, SEQ + 2), time=LATER)
    await ingester.cut()
    assert ingester.memory.stored[10:] == told(SEQ + 700, SEQ + 1, SEQ + 2)
    assert ingester.memory.seq == SEQ + 2


async def test_what_was_held_is_stored_when_the_connection_ends() -> None:
    ingester = await at(SEQ)
    ingester.take(*told(7, 9))
    assert len(ingester.batcher.forming.events) == 0
    await ingester.cut()
    assert (ingester.memory.stored[10:], ingester.memory.seq) == (told(7, 9), SEQ)


async def test_what_was_held_is_stored_where_the_source_goes_on() -> None:
    ingester = await at(SEQ)
    ingester.take(*told(7, 9, SEQ + 1))
    assert ingester.report.fields()[HealthField.ERRORS] == "1"
    assert "seq 7, 9 far below" in ingester.report.fields()[HealthField.LAST_ERROR]
    await ingester.write()
    assert ingester.memory.stored[10:] == told(7, 9, SEQ + 1)


async def test_a_sequence_that_began_anew_is_certain_by_most_of_its_times() -> None:
    ingester = await at(SEQ)
    with pytest.raises(CursorLostError, match="after"):
        ingester.take(*told(*range(1, 100)), time=LATER)
    await ingester.cut()
    assert (len(ingester.memory.stored), ingester.memory.seq) == (10, SEQ)


async def test_old_frames_are_tried_on_some_more_connections() -> None:
    """One that says a later time proves nothing."""
    ingester = await at(SEQ)
    for _ in range(CONFIRMING_CONNECTIONS - 1):
        ingester.take(*told(*range(1, CONFIRMING_FRAMES - 1)))
        ingester.take((CONFIRMING_FRAMES - 1, "a"), time=LATER)
        with pytest.raises(SourceError, match="began anew"):
            ingester.take((CONFIRMING_FRAMES, "a"))
        await ingester.cut()
    with pytest.raises(CursorLostError, match="began anew"):
        ingester.take(*told(*range(1, 100)))
    await ingester.cut()
    assert len(ingester.memory.stored) == 10


async def test_live_without_a_cursor_says_what_may_be_missing() -> None:
    memory = played.Memory()
    ingester = Ingester(memory, start_from="live")
    assert await ingester.connect() is None
    assert memory.health[ResumeField.LIVE_SINCE]
    assert lost(memory) == (None, None, None)
    assert await ingester.cut() is None
    assert lost(memory) == ("NoCursor", "", "")
    assert memory.health["lostFromTime"] <= memory.health["lostAt"]
    opened = dict(memory.health)
    await ingester.cut()  # one loss, until something comes
    assert memory.health == opened
    ingester.take(*told(SEQ))
    ingester.settle()
    await ingester.write()
    assert lost(memory) == ("NoCursor", "", str(SEQ - 1))
    assert (memory.health["lostToTime"], memory.health[ResumeField.LIVE_SINCE]) == (played.TIME, "")
    assert await ingester.cut() == str(SEQ)


async def test_a_kill_before_the_first_event_is_such_a_connection_too() -> None:
    memory = played.Memory()
    await Ingester(memory, start_from="live").connect()
    await Ingester(memory, start_from="live").connect()
    assert lost(memory) == ("NoCursor", "", "")


async def test_the_first_connection_from_the_oldest_on_loses_nothing() -> None:
    ingester = Ingester(played.Memory())
    await ingester.connect()
    await ingester.cut()
    assert lost(ingester.memory) == (None, None, None)


async def test_a_late_frame_moves_no_time() -> None:
    ingester = await at(SEQ)
    ingester.take(*told(SEQ + 1), time="2026-11-22T12:00:00.000Z")
    assert ingester.batcher.forming.event_time is None
    await ingester.cut()
    assert ingester.memory.health[HealthField.EVENT_TIME] == played.TIME
    ingester.take(*told(SEQ + 18), time=played.TIME)
    ingester.settle()
    await ingester.cut()
    assert (ingester.memory.seq, lost(ingester.memory)) == (SEQ + 18, (None, None, None))


async def test_what_stores_nothing_is_no_progress() -> None:
    ingester = await at(SEQ)
    before = ingester.writer.progress
    ingester.take(*told(SEQ))
    await ingester.cut()
    assert ingester.writer.progress == before
    ingester.take(*told(SEQ + 1))
    await ingester.cut()
    assert ingester.writer.progress == before + 1


async def few_at_a_time(sequence: list[int], *, each: int) -> tuple[played.Memory, list[str | None]]:
    """A source that ends every connection after `each` frames; and what it was asked with."""
    ingester = Ingester(played.Memory())
    asked = [await ingester.connect()]
    for _ in range(4 * len(sequence)):
        behind = [seq for seq in sequence if seq > int(asked[-1] or 0)]
        ingester.take(*told(*behind[:each]))
        asked.append(await ingester.cut())
    return ingester.memory, asked


@pytest.mark.parametrize("gap", [1, 2, 900])
@pytest.mark.parametrize("each", [1, 2, 3, CONFIRMING_FRAMES])
async def test_a_source_that_ends_each_connection_after_a_few_frames_is_read_to_its_end(each: int, gap: int) -> None:
    sequence = [SEQ + gap * number for number in range(12)]
    memory, asked = await few_at_a_time(sequence, each=each)
    assert (memory.stored, memory.seq) == (told(*sequence), sequence[-1])
    assert [int(cursor or 0) for cursor in asked] == sorted(int(cursor or 0) for cursor in asked)


async def test_a_neighbour_that_a_cut_has_kept_back_comes_with_the_next_connection() -> None:
    ingester = await at(SEQ)
    ingester.take(*told(SEQ + 2))
    assert await ingester.cut() == str(SEQ)
    ingester.take(*told(SEQ + 2, SEQ + 1))
    assert await ingester.cut() == str(SEQ + 2)
    assert ingester.memory.stored[-2:] == told(SEQ + 2, SEQ + 1)


async def test_a_stray_that_alone_comes_again_moves_nothing() -> None:
    ingester = await at(SEQ)
    for _ in range(9):
        ingester.take((SEQ + 5_000_000, "high"), (SEQ + 5_000_001, "high"))
        assert await ingester.cut() == str(SEQ)
    assert ingester.memory.stored[10:] == [(SEQ + 5_000_000, "high"), (SEQ + 5_000_001, "high")]
