"""Splitting a connection into frames: the same messages as the library gives, however the bytes arrive."""

import random
import struct
from collections import deque

import pytest
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from sluice_ingester.sources.frame_splitter import FrameSplitter

MAX_BYTES = 100_000
LENGTHS = (0, 1, 125, 126, 127, 300, 65_535, 65_536, MAX_BYTES)


def connection() -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://relay.test"), max_size=MAX_BYTES, state=State.OPEN)


class Library:
    """The library behind the splitter, or alone."""

    def __init__(self, messages: deque[bytes]) -> None:
        self.protocol = connection()
        self.messages = messages
        self.fragments: list[bytes] = []
        self.frames = 0

    def feed(self, data: bytes) -> bool:
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            assert isinstance(event, Frame)
            self.frames += 1
            if event.opcode in DATA_OPCODES:
                self.fragments.append(bytes(event.data))
                if event.fin:
                    self.messages.append(b"".join(self.fragments))
                    self.fragments.clear()
        return self.protocol.state is State.OPEN and self.protocol.current_size is None

    def end(self) -> tuple[object, ...]:
        protocol = self.protocol
        return protocol.state, protocol.close_sent, protocol.close_rcvd, protocol.data_to_send() != []


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


def random_frames(chance: random.Random) -> bytes:
    """What a source may send, mostly whole binary messages."""
    parts = []
    for _ in range(chance.randrange(1, 12)):
        data = chance.randbytes(chance.choice(LENGTHS))
        match chance.randrange(12):
            case 0:
                parts.append(frame(Opcode.PING, data[:125]))
            case 1:
                parts.append(frame(Opcode.TEXT, b"text"))
            case 2:
                cut = len(data) // 3
                parts.append(frame(Opcode.BINARY, data[:cut], fin=False))
                parts.append(frame(Opcode.PING, b""))
                parts.append(frame(Opcode.CONT, data[cut:]))
            case 3 if chance.random() < 0.3:
                parts.append(frame(Opcode.CLOSE, struct.pack("!H", 1008) + b"ConsumerTooSlow"))
            case 4 if chance.random() < 0.3:
                parts.append(bytes([0x82 | chance.choice((0x40, 0x20, 0x10))]) + b"\x01x")  # reserved bits
            case 5 if chance.random() < 0.3:
                parts.append(b"\x82\x81\x01\x02\x03\x04x")  # masked
            case 6 if chance.random() < 0.3:
                parts.append(b"\x82\x7f" + struct.pack("!Q", MAX_BYTES + chance.choice((1, 1 << 60))))
            case 7 if chance.random() < 0.3:
                parts.append(frame(Opcode.BINARY, b"begun", fin=False) + frame(Opcode.BINARY, b"another"))
            case _:
                parts.append(frame(Opcode.BINARY, data))
    return b"".join(parts)


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    sizes = chance.choice(((1, 4), (1, 300), (5_000, 40_000), (len(data), len(data) + 1)))
    found = []
    at = 0
    while at < len(data):
        size = chance.randrange(*sizes) if len(data) < 2_000 or sizes[0] > 1 else chance.randrange(1, 4_000)
        found.append(data[at : at + size])
        at += size
    return found


def test_any_stream_gives_what_the_library_gives() -> None:
    for seed in range(1500):
        chance = random.Random(seed)
        data = random_frames(chance)
        data = data[: chance.randrange(len(data))] if chance.random() < 0.2 else data
        alone = Library(deque())
        alone.feed(data)
        behind = Library(deque())
        splitter = FrameSplitter(behind.messages, behind.feed, max_bytes=MAX_BYTES)
        for piece in pieces(data, chance):
            splitter.feed(piece)
        assert list(behind.messages) == list(alone.messages), seed
        assert behind.end() == alone.end(), seed


def test_whole_messages_do_not_reach_the_library() -> None:
    library = Library(deque())
    splitter = FrameSplitter(library.messages, library.feed, max_bytes=MAX_BYTES)
    splitter.feed(b"".join(frame(Opcode.BINARY, bytes(length)) for length in LENGTHS) + frame(Opcode.PING, b"p"))
    assert [len(message) for message in library.messages] == list(LENGTHS)
    assert library.frames == 1


@pytest.mark.parametrize("length", [MAX_BYTES + 1, 1 << 62])
def test_a_frame_above_the_limit_is_refused_by_its_header(length: int) -> None:
    library = Library(deque())
    splitter = FrameSplitter(library.messages, library.feed, max_bytes=MAX_BYTES)
    splitter.feed(b"\x82\x7f" + struct.pack("!Q", length))
    assert library.protocol.close_sent is not None
    assert library.protocol.close_sent.code == 1009
    splitter.feed(frame(Opcode.BINARY, b"later"))
    assert not library.messages
