"""The cursor tracker: which frames are stored, where the cursor is, and which events are reported as lost."""

import pytest

from sluice_ingester.cursor.errors import CursorLostError
from sluice_ingester.cursor.misfit import CONFIRMING_CONNECTIONS
from sluice_ingester.cursor.sequence import CONFIRMING_FRAMES
from sluice_ingester.sources.failure import SourceError
from sluice_redis.contract import HealthField, ResumeField
from sluice_redis.ingester_settings import OnCursorLost
from tests.unit.ingester.in_memory import TIME, Ingester, Memory, Message

SEQ = 6_322_875_401
LATER = "2026-11-24T14:00:00.000Z"


def messages(*seqs: int) -> list[Message]:
    return [(seq, "a") for seq in seqs]


def lost(memory: Memory) -> tuple[str | None, ...]:
    return tuple(memory.health.get(name) for name in ("lostReason", "lostFrom", "lostTo"))


async def ingester_at(seq: int, *, on_lost: OnCursorLost | None = None) -> Ingester:
    """An ingester that has stored ten frames up to `seq`, then reconnected."""
    ingester = Ingester(Memory(), on_lost=on_lost)
    await ingester.connect()
    ingester.take(*messages(*range(seq - 9, seq + 1)))
    await ingester.write()
    assert await ingester.cut() == str(seq)
    return ingester


async def test_an_inclusive_replay_after_a_kill_stores_nothing_twice() -> None:
    memory = (await ingester_at(SEQ)).memory
    restarted = Ingester(memory)
    assert await restarted.connect() == str(SEQ)
    restarted.take(*messages(*range(SEQ - 9, SEQ + 3)))
    await restarted.cut()
    assert memory.stored == messages(*range(SEQ - 9, SEQ + 3))


async def test_events_behind_a_cursor_set_by_hand_are_stored_again() -> None:
    ingester = await ingester_at(SEQ)
    ingester.memory.set_cursor(b"%d" % (SEQ - 5))
    assert await ingester.cut() == str(SEQ - 5)
    ingester.take(*messages(*range(SEQ - 5, SEQ + 1)))
    await ingester.cut()
    assert ingester.memory.stored[10:] == messages(*range(SEQ - 4, SEQ + 1))


async def test_a_cursor_of_another_program_is_used_unchanged() -> None:
    memory = Memory()
    memory.set_cursor(b"%d" % SEQ)
    ingester = Ingester(memory)
    await ingester.connect()
    ingester.take(*messages(SEQ - 2, SEQ - 1, SEQ, SEQ + 1))
    await ingester.cut()
    assert (memory.stored, memory.seq) == (messages(SEQ + 1), SEQ + 1)


async def test_one_stray_frame_is_stored_and_no_loss_is_recorded() -> None:
    ingester = await ingester_at(SEQ)
    ingester.take(*messages(SEQ + 5_000_000), time=LATER)
    await ingester.cut()
    assert (ingester.memory.seq, lost(ingester.memory)) == (SEQ, (None, None, None))
    ingester.take(*messages(*range(SEQ + 1, SEQ + 20)), time=LATER)
    await ingester.cut()
    assert ingester.memory.stored[10:] == messages(SEQ + 5_000_000, *range(SEQ + 1, SEQ + 20))
    assert (ingester.memory.seq, lost(ingester.memory)) == (SEQ + 19, (None, None, None))


async def test_a_loss_is_recorded_once() -> None:
    ingester = await ingester_at(SEQ)
    ingester.take(*messages(SEQ + 700), time=LATER)
    await ingester.cut()
    ingester.take(*messages(*range(SEQ + 700, SEQ + 700 + CONFIRMING_FRAMES)), time=LATER)
    await ingester.cut()
    assert lost(ingester.memory) == ("OutdatedCursor", str(SEQ + 1), str(SEQ + 699))
    assert ingester.memory.seq == SEQ + 699 + CONFIRMING_FRAMES
    found = dict(ingester.memory.health)
    ingester.take(*messages(SEQ + 700 + CONFIRMING_FRAMES), time=LATER)
    await ingester.cut()
    assert all(found[name] == value for name, value in ingester.memory.health.items() if name.startswith("lost"))


@pytest.mark.parametrize("on_lost", [OnCursorLost.HALT, OnCursorLost.LIVE])
async def test_with_on_lost_nothing_behind_a_loss_is_stored(on_lost: OnCursorLost) -> None:
    ingester = await ingester_at(SEQ, on_lost=on_lost)
    with pytest.raises(CursorLostError, match=f"seq {SEQ + 1} to {SEQ + 699}"):
        ingester.take(*messages(*range(SEQ + 700, SEQ + 800)), time=LATER)
    await ingester.cut()
    assert (len(ingester.memory.stored), ingester.memory.seq) == (10, SEQ)


@pytest.mark.parametrize("on_lost", [OnCursorLost.HALT, OnCursorLost.LIVE])
async def test_with_on_lost_one_stray_frame_is_no_loss(on_lost: OnCursorLost) -> None:
    ingester = await ingester_at(SEQ, on_lost=on_lost)
    ingester.take(*messages(SEQ + 700, SEQ + 1, SEQ + 2), time=LATER)
    await ingester.cut()
    assert ingester.memory.stored[10:] == messages(SEQ + 700, SEQ + 1, SEQ + 2)
    assert ingester.memory.seq == SEQ + 2


async def test_held_frames_are_stored_when_the_connection_ends() -> None:
    ingester = await ingester_at(SEQ)
    ingester.take(*messages(7, 9))
    assert len(ingester.batcher.forming.events) == 0
    await ingester.cut()
    assert (ingester.memory.stored[10:], ingester.memory.seq) == (messages(7, 9), SEQ)


async def test_held_frames_are_stored_when_the_sequence_continues() -> None:
    ingester = await ingester_at(SEQ)
    ingester.take(*messages(7, 9, SEQ + 1))
    assert ingester.report.fields()[HealthField.ERRORS] == "1"
    assert "seq 7, 9 far below" in ingester.report.fields()[HealthField.LAST_ERROR]
    await ingester.write()
    assert ingester.memory.stored[10:] == messages(7, 9, SEQ + 1)


async def test_a_restarted_sequence_with_later_times_is_a_lost_cursor() -> None:
    ingester = await ingester_at(SEQ)
    with pytest.raises(CursorLostError, match="after"):
        ingester.take(*messages(*range(1, 100)), time=LATER)
    await ingester.cut()
    assert (len(ingester.memory.stored), ingester.memory.seq) == (10, SEQ)


async def test_a_restarted_sequence_with_old_times_is_a_lost_cursor_after_some_connections() -> None:
    """A single frame with a later time does not confirm it."""
    ingester = await ingester_at(SEQ)
    for _ in range(CONFIRMING_CONNECTIONS - 1):
        ingester.take(*messages(*range(1, CONFIRMING_FRAMES - 1)))
        ingester.take((CONFIRMING_FRAMES - 1, "a"), time=LATER)
        with pytest.raises(SourceError, match="has started again"):
            ingester.take((CONFIRMING_FRAMES, "a"))
        await ingester.cut()
    with pytest.raises(CursorLostError, match="has started again"):
        ingester.take(*messages(*range(1, 100)))
    await ingester.cut()
    assert len(ingester.memory.stored) == 10


async def test_a_live_start_without_a_cursor_records_a_possible_loss() -> None:
    memory = Memory()
    ingester = Ingester(memory, start_from="live")
    assert await ingester.connect() is None
    assert memory.health[ResumeField.LIVE_SINCE]
    assert lost(memory) == (None, None, None)
    assert await ingester.cut() is None
    assert lost(memory) == ("NoCursor", "", "")
    assert memory.health["lostFromTime"] <= memory.health["lostAt"]
    opened = dict(memory.health)
    await ingester.cut()  # still the same loss: no frame has arrived
    assert memory.health == opened
    ingester.take(*messages(SEQ))
    ingester.settle()
    await ingester.write()
    assert lost(memory) == ("NoCursor", "", str(SEQ - 1))
    assert (memory.health["lostToTime"], memory.health[ResumeField.LIVE_SINCE]) == (TIME, "")
    assert await ingester.cut() == str(SEQ)


async def test_a_kill_before_the_first_live_event_records_a_possible_loss() -> None:
    memory = Memory()
    await Ingester(memory, start_from="live").connect()
    await Ingester(memory, start_from="live").connect()
    assert lost(memory) == ("NoCursor", "", "")


async def test_a_first_connection_from_the_oldest_event_loses_nothing() -> None:
    ingester = Ingester(Memory())
    await ingester.connect()
    await ingester.cut()
    assert lost(ingester.memory) == (None, None, None)


async def test_a_late_frame_does_not_change_the_event_time() -> None:
    ingester = await ingester_at(SEQ)
    ingester.take(*messages(SEQ + 1), time="2026-11-22T12:00:00.000Z")
    assert ingester.batcher.forming.event_time is None
    await ingester.cut()
    assert ingester.memory.health[HealthField.EVENT_TIME] == TIME
    ingester.take(*messages(SEQ + 18), time=TIME)
    ingester.settle()
    await ingester.cut()
    assert (ingester.memory.seq, lost(ingester.memory)) == (SEQ + 18, (None, None, None))


async def test_only_stored_events_count_as_progress() -> None:
    ingester = await ingester_at(SEQ)
    before = ingester.writer.progress
    ingester.take(*messages(SEQ))
    await ingester.cut()
    assert ingester.writer.progress == before
    ingester.take(*messages(SEQ + 1))
    await ingester.cut()
    assert ingester.writer.progress == before + 1


async def read_with_short_connections(sequence: list[int], *, each: int) -> tuple[Memory, list[str | None]]:
    """Read a source that closes every connection after `each` frames. What is stored, and the cursors asked with."""
    ingester = Ingester(Memory())
    asked = [await ingester.connect()]
    for _ in range(4 * len(sequence)):
        behind = [seq for seq in sequence if seq > int(asked[-1] or 0)]
        ingester.take(*messages(*behind[:each]))
        asked.append(await ingester.cut())
    return ingester.memory, asked


@pytest.mark.parametrize("gap", [1, 2, 900])
@pytest.mark.parametrize("each", [1, 2, 3, CONFIRMING_FRAMES])
async def test_a_source_that_ends_each_connection_after_a_few_frames_is_read_to_its_end(each: int, gap: int) -> None:
    sequence = [SEQ + gap * number for number in range(12)]
    memory, asked = await read_with_short_connections(sequence, each=each)
    assert (memory.stored, memory.seq) == (messages(*sequence), sequence[-1])
    assert [int(cursor or 0) for cursor in asked] == sorted(int(cursor or 0) for cursor in asked)


async def test_a_swapped_frame_behind_a_cut_is_stored_after_the_reconnect() -> None:
    ingester = await ingester_at(SEQ)
    ingester.take(*messages(SEQ + 2))
    assert await ingester.cut() == str(SEQ)
    ingester.take(*messages(SEQ + 2, SEQ + 1))
    assert await ingester.cut() == str(SEQ + 2)
    assert ingester.memory.stored[-2:] == messages(SEQ + 2, SEQ + 1)


async def test_stray_frames_on_every_connection_do_not_move_the_cursor() -> None:
    ingester = await ingester_at(SEQ)
    for _ in range(9):
        ingester.take((SEQ + 5_000_000, "high"), (SEQ + 5_000_001, "high"))
        assert await ingester.cut() == str(SEQ)
    assert ingester.memory.stored[10:] == [(SEQ + 5_000_000, "high"), (SEQ + 5_000_001, "high")]
