"""WebSocket messages in one piece of memory, whose seq, time and record key are replaced in place before they are sent.

So a source sends thousands of messages with one call, and each event is a new one, although its frame was made long
before. To prepare a message takes less than a microsecond.
"""

import struct
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bench.ingester_speed.corpus import FIRST_SEQ
from e2e.relaysim import websocket

_SEQ: Final = b"\x63seq\x1b"
_TIME: Final = b"\x64time\x78\x18"
_TIME_SIZE: Final = 24
_PATH: Final = b"\x64path"
_KEY_DIGITS: Final = "234567abcdefghijklmnopqrstuvwxyz"
"""Of a record key, such as 3mabc7defgh2k, in ascending order."""
_PASS_DIGITS: Final = 10
_FRAME_DIGITS: Final = 3
_pack_seq: Final = struct.Struct(">Q").pack_into


class Messages:
    """The frames as one ring of messages. The message with FIRST_SEQ is the first one, and after the last it comes
    again, with the next seq.
    """

    def __init__(self, frames: Sequence[bytes]) -> None:
        if len(frames) > len(_KEY_DIGITS) ** _FRAME_DIGITS:
            raise ValueError(f"{len(frames)} frames have no keys of their own")
        self._data = bytearray()
        self._ends: list[int] = []
        self._seqs_at: list[int] = []
        self._times_at: list[int] = []
        self._keys_at: list[int] = []
        for number, frame in enumerate(frames):
            self._data += websocket.head(len(frame))
            self._add_gaps(frame, number)
            self._data += frame
            self._ends.append(len(self._data))
        self._view = memoryview(self._data)
        for number, at in enumerate(self._keys_at):
            own = at + _PASS_DIGITS
            self._view[own : own + _FRAME_DIGITS] = _digits(number, _FRAME_DIGITS)

    @property
    def mean_bytes(self) -> float:
        """The mean size of a message, with its head."""
        return len(self._data) / len(self._ends)

    def _add_gaps(self, frame: bytes, number: int) -> None:
        begin = len(self._data)
        seq = frame.index(_SEQ) + len(_SEQ)
        if int.from_bytes(frame[seq : seq + 8], "big") != FIRST_SEQ + number:
            raise ValueError(f"frame {number} has another seq than {FIRST_SEQ + number}")
        self._seqs_at.append(begin + seq)
        if (time := frame.find(_TIME, seq)) >= 0:
            self._times_at.append(begin + time + len(_TIME))
        if (path := frame.find(_PATH, 0, seq)) >= 0:
            path += len(_PATH)
            size, text = (frame[path + 1], path + 2) if frame[path] == 0x78 else (frame[path] & 0x1F, path + 1)
            key = text + size - _PASS_DIGITS - _FRAME_DIGITS
            if frame[key - 1 : key] != b"/":
                raise ValueError(f"frame {number} has no record key of {_PASS_DIGITS + _FRAME_DIGITS} digits")
            self._keys_at.append(begin + key)

    def take(self, seq: int, *, count: int, size: int) -> tuple[memoryview, int]:
        """Messages from `seq` on, ready to send, and the seq after them.

        They are at most `count`, and about `size` bytes, but at least one. They stand until the next call.
        """
        passes, first = divmod(seq - FIRST_SEQ, len(self._ends))
        begin = self._ends[first - 1] if first else 0
        end = min(first + count, max(first + 1, bisect_right(self._ends, begin + size)))
        end = min(end, len(self._ends))
        data, number = self._data, seq
        for at in self._seqs_at[first:end]:
            _pack_seq(data, at, number)
            number += 1
        view, now, key = self._view, _now(), b"3" + _digits(passes, _PASS_DIGITS - 1)
        for at in self._times_at[first:end]:
            view[at : at + _TIME_SIZE] = now
        for at in self._keys_at[first:end]:
            view[at : at + _PASS_DIGITS] = key
        return self._view[begin : self._ends[end - 1]], number


def _digits(number: int, width: int) -> bytes:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_KEY_DIGITS))
        digits.append(_KEY_DIGITS[digit])
    return "".join(reversed(digits)).encode()


def _now() -> bytes:
    return (datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z").encode()
