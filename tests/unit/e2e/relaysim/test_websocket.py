"""The headers of WebSocket messages."""

import pytest
from websockets.frames import Frame, Opcode

from e2e.relaysim import websocket


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 5_000_001])
@pytest.mark.parametrize("text", [True, False])
def test_a_header_equals_that_of_the_websockets_library(size: int, *, text: bool) -> None:
    payload = bytes(size)
    expected = Frame(Opcode.TEXT if text else Opcode.BINARY, payload).serialize(mask=False)
    assert websocket.head(size, text=text) + payload == expected
