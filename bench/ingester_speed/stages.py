"""Measures the stages between the socket and Redis, each alone in this process: CPU time of a frame of the corpus.

The sequence, the event time and the batch are parts of the tracker's work, which is measured as a whole, too.
"""

import gc
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.ingester_speed.appending import CLIENT_CPU, measure_appends
from bench.ingester_speed.corpus import FIRST_SEQ, commits
from bench.ingester_speed.table import Measures
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.event_time import EventTime
from sluice_ingester.cursor.gap import ResumePoint
from sluice_ingester.cursor.sequence import SequenceTracker
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.ingester_settings import BATCH_SIZE
from sluice_wire.events import DecodedFrame
from sluice_wire.fingerprint import fingerprint
from sluice_wire.firehose import FirehoseDecoder

_PASSES: Final = 5
"""Over the corpus, of which the best counts."""
_EVENTS_TO_APPEND: Final = 20_000


class _NoStore:
    """Stands for the writer, of which the tracker needs little here."""

    resume_point = ResumePoint(cursor=None)

    def add_health_fields(self, health_fields: Mapping[str, str]) -> None: ...

    async def write_health(self, health_fields: Mapping[str, str]) -> None: ...


def measure_stages(*, place: Path) -> dict[str, Measures]:
    """One run: by stage, then by measure."""
    logging.getLogger("sluice_ingester").setLevel(logging.CRITICAL)
    frames, received, now = commits(), datetime.now(UTC), time.time()
    decoder = FirehoseDecoder(collections=["*"])
    answers = [decoder.decode(frame, received=received) for frame in frames]
    decoded = [answer for answer in answers if isinstance(answer, DecodedFrame) and not answer.dead_letters]
    assert len(decoded) == len(frames)
    digests = [fingerprint(frame) for frame in frames]
    size = BATCH_SIZE.default

    def decode_strictly() -> None:
        for frame in frames:
            decoder.decode_strictly(frame, received=received)
            fingerprint(frame)

    def follow_sequence() -> None:
        sequence = SequenceTracker(FIRST_SEQ - 1)
        for number, digest in enumerate(digests):
            assert sequence.take_next(FIRST_SEQ + number, digest)

    def update_event_time() -> None:
        event_time = EventTime()
        for frame in decoded:
            event_time.update(frame.time, now=now)

    def add_to_batch() -> None:
        for begin in range(0, len(decoded), size):
            batcher = Batcher(max_events=size, max_seconds=1.0)
            for number in range(begin, min(begin + size, len(decoded))):
                batcher.add(decoded[number], cursor=number, digest=digests[number], event_time=None)

    def track() -> None:
        tracker = _tracker()
        for begin in range(0, len(decoded), size):
            batcher = Batcher(max_events=size, max_seconds=1.0)
            for number in range(begin, min(begin + size, len(decoded))):
                tracker.handle_frame(decoded[number], digests[number], batcher, received=now)

    works: dict[str, Callable[[], object]] = {
        "decode, with the fingerprint": lambda: [decoder.decode(frame, received=received) for frame in frames],
        "the same by the strict path": decode_strictly,
        "sequence": follow_sequence,
        "event time": update_event_time,
        "batch": add_to_batch,
        "tracker, with the three above": track,
    }
    measured: dict[str, Measures] = {
        name: {"CPU, us a frame": 1e6 * min(_cpu(work) for _ in range(_PASSES)) / len(frames)}
        for name, work in works.items()
    }
    appended = measure_appends(events=_EVENTS_TO_APPEND, place=place)
    return measured | {"append": {"CPU, us a frame": appended[CLIENT_CPU]}}


def _tracker() -> CursorTracker:
    report = HealthReport("bench.test", metrics=Metrics(), pod="bench", version="0")
    tracker = CursorTracker(
        report=report,
        writer=_NoStore(),
        cursor_key="cursor",
        start_from=FIRST_SEQ,
        on_lost=None,
        frames_metric="firehose_events",
        drops_old_events=True,
    )
    tracker.start_connection(None)
    return tracker


def _cpu(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began
