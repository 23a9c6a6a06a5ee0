"""What frames are, by their seqs and their contents, and where the cursor then stands."""

import pytest

from sluice_ingester.cursor.sequence import (
    CONFIRMING_FRAMES,
    DIGEST_WINDOW,
    MAX_OVERLAP,
    MAX_SILENT_GAP,
    FrameClass,
    SequenceTracker,
)

NEW, REPEAT, LOW, MOVED_BACK = FrameClass
SEQ = 6_322_875_401


def digest(seq: int, text: str = "") -> bytes:
    return f"{seq}{text}".encode()


def played(sequence: SequenceTracker, *seqs: int) -> list[FrameClass]:
    return [sequence.classify(seq, digest(seq)) for seq in seqs]


@pytest.mark.parametrize(
    ("position", "seqs", "verdicts", "cursor"),
    [
        (SEQ, (SEQ + 1, SEQ + 2), [NEW, NEW], SEQ + 2),  # exclusive replay
        (SEQ, (SEQ, SEQ + 1), [REPEAT, NEW], SEQ + 1),  # inclusive replay of a cursor without digests
        (SEQ, (SEQ + 1, SEQ + 1, SEQ + 2), [NEW, REPEAT, NEW], SEQ + 2),  # replay meets the live stream
        (SEQ, (SEQ - MAX_OVERLAP, SEQ + 1), [REPEAT, NEW], SEQ + 1),
        (SEQ, (SEQ - MAX_OVERLAP - 1,), [LOW], SEQ),
        (SEQ, (1,), [LOW], SEQ),
        (SEQ, (SEQ + 1, SEQ - 500, SEQ + 2), [NEW, LOW, NEW], SEQ + 2),  # one far below
        (SEQ, (SEQ + 1, SEQ - 3, SEQ + 2), [NEW, NEW, NEW], SEQ + 2),  # one a little late
        (0, (1, 3, 2, 4, 6, 5, 7), [NEW] * 7, 7),  # neighbours swapped
        (0, (1, 3), [NEW, NEW], 1),
        (SEQ, (SEQ + 1, SEQ + 5_000_000, SEQ + 2), [NEW, NEW, NEW], SEQ + 2),  # one far above
        (SEQ, (SEQ + 5_000_000, SEQ + 7_000_000, SEQ + 5_000_001, SEQ + 1), [NEW] * 4, SEQ + 1),
        (SEQ, (SEQ + 1, SEQ + 5_000_000), [NEW, NEW], SEQ + 1),
        (
            None,
            (SEQ + 5_000_000, *range(SEQ, SEQ + CONFIRMING_FRAMES)),
            [NEW] * (CONFIRMING_FRAMES + 1),
            SEQ + CONFIRMING_FRAMES - 1,
        ),
        (
            8_400_000_000,
            range(20 * 10**9, 20 * 10**9 + CONFIRMING_FRAMES),
            [NEW] * CONFIRMING_FRAMES,
            20 * 10**9 + CONFIRMING_FRAMES - 1,
        ),
        (SEQ, range(SEQ + 17, SEQ + 17 * 20, 17), [NEW] * 19, SEQ + 17 * (20 - CONFIRMING_FRAMES)),  # gaps without end
        (2**53 - 3, (2**53 - 2, 2**53 - 1), [NEW, NEW], 2**53 - 1),
    ],
)
def test_verdicts_and_the_cursor(
    position: int | None, seqs: tuple[int, ...], verdicts: list[FrameClass], cursor: int | None
) -> None:
    sequence = SequenceTracker(position, undigested_until=position)
    assert played(sequence, *seqs) == verdicts
    assert sequence.seq == cursor


def test_two_messages_under_one_seq_are_two() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert [sequence.classify(SEQ + 1, digest(SEQ + 1, text)) for text in ("a", "b", "a")] == [NEW, NEW, REPEAT]


def test_with_the_digests_of_what_is_stored_nothing_else_is_a_repeat() -> None:
    sequence = SequenceTracker(SEQ, known_digests=[digest(SEQ - 1), digest(SEQ)], undigested_until=SEQ - 2)
    assert sequence.classify(SEQ, digest(SEQ, "another")) is NEW
    assert played(sequence, SEQ - 1, SEQ, SEQ - 2, SEQ + 1) == [REPEAT, REPEAT, REPEAT, NEW]


def test_a_cursor_without_digests_is_believed_until_something_new_comes() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert played(sequence, SEQ - 1, SEQ, SEQ + 1, SEQ - 2) == [REPEAT, REPEAT, NEW, NEW]


def test_it_is_not_believed_for_ever() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    verdicts = [sequence.classify(SEQ, digest(SEQ, str(number))) for number in range(100)]
    assert verdicts == [REPEAT] * 2 * MAX_OVERLAP + [NEW] * (100 - 2 * MAX_OVERLAP)


def test_a_lasting_step_down() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert played(sequence, *range(100, 100 + CONFIRMING_FRAMES)) == [LOW] * (CONFIRMING_FRAMES - 1) + [MOVED_BACK]
    assert sequence.seq == SEQ


def test_strays_far_below_are_no_step_down() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    for number in range(1, 100):
        assert played(sequence, number, SEQ + number) == [LOW, NEW]


def test_one_frame_again_and_again_is_no_sequence() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert played(sequence, *[7] * 100) == [LOW] + [REPEAT] * 99
    assert played(sequence, *[SEQ + 5_000_000] * 100) == [NEW] + [REPEAT] * 99
    assert sequence.seq == SEQ


def test_a_sequence_that_fell_back_a_little_is_stored() -> None:
    sequence = SequenceTracker(SEQ, known_digests=[digest(SEQ - back) for back in range(50)], undigested_until=SEQ - 50)
    anew = [sequence.classify(seq, digest(seq, "anew")) for seq in range(SEQ - MAX_OVERLAP, SEQ + 5)]
    assert set(anew) == {NEW}
    assert sequence.seq == SEQ + 4


def test_many_are_known_again() -> None:
    sequence = SequenceTracker(0)
    played(sequence, *range(1, 10_000))
    assert set(played(sequence, *range(10_000 - DIGEST_WINDOW, 10_000))) == {REPEAT}
    assert played(sequence, 10_000) == [NEW]


def test_strays_are_told_when_the_sequence_has_left_them() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    played(sequence, SEQ + 1, SEQ + 5_000_000, *range(SEQ + 2, SEQ + 2 + CONFIRMING_FRAMES))
    assert sequence.strays == [SEQ + 5_000_000]


def test_the_strays_that_a_source_replays_are_no_sequence() -> None:
    strays = range(SEQ + 5_000_000, SEQ + 5_000_100)
    sequence = SequenceTracker(SEQ, known_digests=map(digest, strays), undigested_until=SEQ - 100)
    assert set(played(sequence, *strays)) == {REPEAT}
    sequence.handle_silence()
    assert sequence.seq == SEQ
    assert played(sequence, SEQ + 1) == [NEW]
    assert sequence.seq == SEQ + 1


@pytest.mark.parametrize(
    ("position", "seqs", "cursor"),
    [
        (None, (SEQ,), SEQ),  # the first there is
        (0, (SEQ,), SEQ),
        (None, (SEQ + 5_000_000, SEQ, SEQ + 1), SEQ + 1),
        (2, (20,), 20),
        (2, (3, 20, 21 + MAX_SILENT_GAP), 20),  # a few frames are no proof of a leap
        (2, (3, 20, 5_000_000, 5_000_900), 20),
    ],
)
def test_what_a_source_says_before_it_falls_silent_counts(
    position: int | None, seqs: tuple[int, ...], cursor: int
) -> None:
    sequence = SequenceTracker(position, undigested_until=position)
    played(sequence, *seqs)
    sequence.handle_silence()
    assert sequence.seq == cursor


def test_a_leap_that_was_announced_needs_no_more_proof() -> None:
    sequence = SequenceTracker(2, undigested_until=2)
    played(sequence, 5_000_000, 5_000_900)
    sequence.handle_silence(allow_leap=True)
    assert sequence.seq == 5_000_900


def test_a_stray_before_a_silence_is_taken_back() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    played(sequence, SEQ + 1, SEQ + 500)
    sequence.handle_silence()
    assert sequence.seq == SEQ + 500
    assert played(sequence, *range(SEQ + 2, SEQ + 20)) == [NEW] * 18
    assert sequence.seq == SEQ + 19


def test_a_swapped_neighbour_after_a_silence() -> None:
    sequence = SequenceTracker(0)
    played(sequence, 1, 3)
    sequence.handle_silence()
    assert played(sequence, 2, 4) == [NEW, NEW]
    assert sequence.seq == 4
