"""The sequence tracker: the class of each frame, by its seq and content, and the cursor after it."""

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


def classify(sequence: SequenceTracker, *seqs: int) -> list[FrameClass]:
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
        (SEQ, (SEQ + 1, SEQ - 500, SEQ + 2), [NEW, LOW, NEW], SEQ + 2),  # one frame far below
        (SEQ, (SEQ + 1, SEQ - 3, SEQ + 2), [NEW, NEW, NEW], SEQ + 2),  # one frame a little late
        (0, (1, 3, 2, 4, 6, 5, 7), [NEW] * 7, 7),  # swapped frames
        (0, (1, 3), [NEW, NEW], 1),
        (SEQ, (SEQ + 1, SEQ + 5_000_000, SEQ + 2), [NEW, NEW, NEW], SEQ + 2),  # one frame far above
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
        (SEQ, range(SEQ + 17, SEQ + 17 * 20, 17), [NEW] * 19, SEQ + 17 * (20 - CONFIRMING_FRAMES)),  # only gaps
        (2**53 - 3, (2**53 - 2, 2**53 - 1), [NEW, NEW], 2**53 - 1),
    ],
)
def test_frame_classes_and_the_cursor(
    position: int | None, seqs: tuple[int, ...], verdicts: list[FrameClass], cursor: int | None
) -> None:
    sequence = SequenceTracker(position, undigested_until=position)
    assert classify(sequence, *seqs) == verdicts
    assert sequence.seq == cursor


def test_two_messages_of_one_seq_are_both_new() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert [sequence.classify(SEQ + 1, digest(SEQ + 1, text)) for text in ("a", "b", "a")] == [NEW, NEW, REPEAT]


def test_with_digests_only_stored_frames_are_repeats() -> None:
    sequence = SequenceTracker(SEQ, known_digests=[digest(SEQ - 1), digest(SEQ)], undigested_until=SEQ - 2)
    assert sequence.classify(SEQ, digest(SEQ, "another")) is NEW
    assert classify(sequence, SEQ - 1, SEQ, SEQ - 2, SEQ + 1) == [REPEAT, REPEAT, REPEAT, NEW]


def test_without_digests_frames_up_to_the_cursor_are_repeats_until_a_new_frame() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert classify(sequence, SEQ - 1, SEQ, SEQ + 1, SEQ - 2) == [REPEAT, REPEAT, NEW, NEW]


def test_without_digests_the_number_of_repeats_is_limited() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    verdicts = [sequence.classify(SEQ, digest(SEQ, str(number))) for number in range(100)]
    assert verdicts == [REPEAT] * 2 * MAX_OVERLAP + [NEW] * (100 - 2 * MAX_OVERLAP)


def test_a_run_of_low_frames_has_moved_back() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert classify(sequence, *range(100, 100 + CONFIRMING_FRAMES)) == [LOW] * (CONFIRMING_FRAMES - 1) + [MOVED_BACK]
    assert sequence.seq == SEQ


def test_single_strays_far_below_are_not_moved_back() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    for number in range(1, 100):
        assert classify(sequence, number, SEQ + number) == [LOW, NEW]


def test_repeats_of_one_frame_do_not_move_the_cursor() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    assert classify(sequence, *[7] * 100) == [LOW] + [REPEAT] * 99
    assert classify(sequence, *[SEQ + 5_000_000] * 100) == [NEW] + [REPEAT] * 99
    assert sequence.seq == SEQ


def test_new_content_under_recent_seqs_is_new() -> None:
    sequence = SequenceTracker(SEQ, known_digests=[digest(SEQ - back) for back in range(50)], undigested_until=SEQ - 50)
    classes = [sequence.classify(seq, digest(seq, "classes")) for seq in range(SEQ - MAX_OVERLAP, SEQ + 5)]
    assert set(classes) == {NEW}
    assert sequence.seq == SEQ + 4


def test_all_frames_of_the_digest_window_are_repeats() -> None:
    sequence = SequenceTracker(0)
    classify(sequence, *range(1, 10_000))
    assert set(classify(sequence, *range(10_000 - DIGEST_WINDOW, 10_000))) == {REPEAT}
    assert classify(sequence, 10_000) == [NEW]


def test_strays_are_listed_once_the_sequence_has_continued() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    classify(sequence, SEQ + 1, SEQ + 5_000_000, *range(SEQ + 2, SEQ + 2 + CONFIRMING_FRAMES))
    assert sequence.strays == [SEQ + 5_000_000]


def test_replayed_strays_do_not_move_the_cursor() -> None:
    strays = range(SEQ + 5_000_000, SEQ + 5_000_100)
    sequence = SequenceTracker(SEQ, known_digests=map(digest, strays), undigested_until=SEQ - 100)
    assert set(classify(sequence, *strays)) == {REPEAT}
    sequence.handle_silence()
    assert sequence.seq == SEQ
    assert classify(sequence, SEQ + 1) == [NEW]
    assert sequence.seq == SEQ + 1


@pytest.mark.parametrize(
    ("position", "seqs", "cursor"),
    [
        (None, (SEQ,), SEQ),  # the very first frame
        (0, (SEQ,), SEQ),
        (None, (SEQ + 5_000_000, SEQ, SEQ + 1), SEQ + 1),
        (2, (20,), 20),
        (2, (3, 20, 21 + MAX_SILENT_GAP), 20),  # a few frames do not confirm a jump
        (2, (3, 20, 5_000_000, 5_000_900), 20),
    ],
)
def test_on_silence_the_cursor_moves_to_the_last_frames(
    position: int | None, seqs: tuple[int, ...], cursor: int
) -> None:
    sequence = SequenceTracker(position, undigested_until=position)
    classify(sequence, *seqs)
    sequence.handle_silence()
    assert sequence.seq == cursor


def test_on_silence_an_announced_jump_moves_the_cursor() -> None:
    sequence = SequenceTracker(2, undigested_until=2)
    classify(sequence, 5_000_000, 5_000_900)
    sequence.handle_silence(allow_leap=True)
    assert sequence.seq == 5_000_900


def test_a_stray_that_moved_the_cursor_on_silence_is_undone() -> None:
    sequence = SequenceTracker(SEQ, undigested_until=SEQ)
    classify(sequence, SEQ + 1, SEQ + 500)
    sequence.handle_silence()
    assert sequence.seq == SEQ + 500
    assert classify(sequence, *range(SEQ + 2, SEQ + 20)) == [NEW] * 18
    assert sequence.seq == SEQ + 19


def test_a_swapped_frame_after_a_silence_is_new() -> None:
    sequence = SequenceTracker(0)
    classify(sequence, 1, 3)
    sequence.handle_silence()
    assert classify(sequence, 2, 4) == [NEW, NEW]
    assert sequence.seq == 4
