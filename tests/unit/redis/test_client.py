"""Packing commands: hiredis and redis-py give the same bytes."""

from typing import Any

import pytest
from redis.asyncio import Connection

from sluice_redis.client import _library_pack_command

COMMANDS: list[tuple[Any, ...]] = [
    ("PING",),
    ("GET", "key"),
    ("GET", b"\x00\xff\r\n"),
    ("SET", "ü", "😀", 0, -7, 2**63, 1.5, -0.1, 1e300),
    ("EVALSHA", "a" * 40, 2, "one", "two", "", b"", b"x" * 10_000, *(b"event",) * 1000),
    ("SCRIPT LOAD", "return 1"),
    ("CLIENT", "SETNAME", "\ud800 no UTF-8"),
    (b"GET", bytearray(b"key"), memoryview(b"value")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
def test_commands_are_packed_as_by_the_library(command: tuple[Any, ...]) -> None:
    connection = Connection(encoding_errors="backslashreplace")
    packed = connection.pack_command(*command)
    assert b"".join(packed) == b"".join(_library_pack_command(connection, *command))


def test_hiredis_packs_an_append() -> None:
    """It gives one piece; redis-py gives several."""
    command = ("EVALSHA", "a" * 40, 0, *(b"x" * 600,) * 500)
    connection = Connection()
    assert (len(connection.pack_command(*command)), len(_library_pack_command(connection, *command)) > 1) == (1, True)
