"""Measures how many frames a second one core decodes, and compares other libraries for parts of it.

    uv run python -m bench.wire
    uv run --with msgspec --with libipld python -m bench.wire

Each frame is a commit that creates one post, made by the simulated relay with real trees and signatures. It has about
4 KB; the network's mean is about 5. Times are CPU time of this process, the best of several rounds. On a busy machine
read the ratios, not the figures.
"""

import argparse
import hashlib
import importlib
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from e2e.relaysim import events
from e2e.relaysim.network import Network
from sluice_wire import car, dagcbor, datajson
from sluice_wire.cid import Cid
from sluice_wire.events import DecodedFrame
from sluice_wire.firehose import FirehoseDecoder

FIRST_SEQ = 6_322_875_401


def main() -> None:
    """Make frames, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=1500, help="frames to decode in each round")
    parser.add_argument("--records", type=int, default=10_000, help="records in a repository before")
    parser.add_argument("--rounds", type=int, default=7, help="of which the best counts")
    options = parser.parse_args()

    frames = made_frames(options.records, options.frames)
    mean = sum(map(len, frames)) / len(frames)
    print(f"{len(frames)} frames of {mean:,.0f} bytes on average")

    def best(work: Callable[[], object], count: int) -> float:
        return min(_cpu_seconds(work) for _ in range(options.rounds)) / count * 1e6

    whole = _decoding(frames, best)
    _parts(frames, best, whole)


def made_frames(records: int, count: int) -> list[bytes]:
    """Frames of commits, the first one with FIRST_SEQ."""
    network = Network(seed="bench", size=2)
    for _ in range(0, 2 * records, 500):
        network.make(*(network.post() for _ in range(500)))
    made = [events.commit(network.make(network.post())) for _ in range(count)]
    return [event.frame.stamp(FIRST_SEQ + i, "2026-11-01T00:00:00.000Z") for i, event in enumerate(made)]


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _decoding(frames: list[bytes], best: Callable[[Callable[[], object], int], float]) -> float:
    received = datetime.now(UTC)
    whole = 0.0
    for patterns in (["*"], ["app.bsky.*", "chat.bsky.*"], ["com.example.*"]):
        decoder = FirehoseDecoder(collections=patterns)
        answers = [decoder.decode(frame, received=received) for frame in frames]
        decoded = [answer for answer in answers if isinstance(answer, DecodedFrame)]
        assert len(decoded) == len(frames)
        assert not any(answer.dead_letters for answer in decoded)

        def work(decoder: FirehoseDecoder = decoder) -> None:
            for frame in frames:
                decoder.decode(frame, received=received)

        spent = best(work, len(frames))
        whole = whole or spent
        print(f"decode {','.join(patterns):24} {spent:6.1f} us/frame {1e6 / spent:9,.0f} frames/s")
    return whole


def _parts(frames: list[bytes], best: Callable[[Callable[[], object], int], float], whole: float) -> None:
    bodies = [body for _, body in map(dagcbor.decode_pair, frames) if "ops" in body]
    containers = [body["blocks"] for body in bodies]
    records = [record for body in bodies for record in _records(body)]
    made = [{"type": "create", "seq": FIRST_SEQ, "record": dagcbor.decode(record)} for record in records]
    cids = [Cid(cid) for container in containers for cid, _ in car.iter_blocks(container)]
    per_frame = len(frames)

    def show(name: str, work: Callable[[], object], against: float | None = None) -> float:
        spent = best(work, per_frame)
        note = f"{spent / whole:6.0%} of decode" if against is None else f"{against / spent:5.1f}x as fast"
        print(f"  {name:36} {spent:6.2f} us/frame  {note}")
        return spent

    print(f"parts, {len(records)} records:")
    show("walk the CARs to their end", lambda: _all(_walk, containers))
    show("hash the records", lambda: _all(hashlib.sha256, records))
    show("text of a CID, two a frame", lambda: _all(str, cids[: 2 * per_frame]))
    frame = show("frames: cbor2", lambda: _all(dagcbor.decode_pair, frames))
    record = show("records: cbor2", lambda: _all(dagcbor.decode, records))
    text = show("JSON of the records: orjson", lambda: _all(datajson.dumps, made))
    if libipld := _optional("libipld"):
        show("frames: libipld", lambda: _all(libipld.decode_dag_cbor_multi, frames), frame)
        show("records: libipld", lambda: _all(libipld.decode_dag_cbor, records), record)
    show("JSON of the records: json", lambda: _all(datajson.dumps_large, made), text)
    if msgspec := _optional("msgspec"):
        encoder = msgspec.json.Encoder(enc_hook=datajson.encode_special)
        show("JSON of the records: msgspec", lambda: _all(encoder.encode, made), text)


def _records(body: dict[str, Any]) -> Iterable[bytes]:
    wanted = {op["cid"] for op in body["ops"] if op["cid"] is not None}
    return [bytes(block) for cid, block in car.iter_blocks(body["blocks"]) if cid in wanted]


def _walk(container: bytes) -> None:
    for _ in car.iter_blocks(container):
        pass


def _all(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    for item in items:
        work(item)


def _optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"  ({name} is not installed, and so not compared)")
        return None


if __name__ == "__main__":
    main()
