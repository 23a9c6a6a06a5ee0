"""The JSON form of the atproto data model."""

import json
import math

import cbor2
import pytest

from sluice_wire import dagcbor, datajson
from sluice_wire.cid import Cid
from tests.unit.wire.build import cid_of

CID = Cid(cid_of(b"block"))


def test_the_json_of_a_value() -> None:
    value = {"z": [CID, b"\xff\xee", b""], "a": None, "t": "ü\0\n\N{LINE SEPARATOR}", "f": 1.5, "n": -3}
    assert datajson.dumps(value).decode() == (
        f'{{"z":[{{"$link":"{CID}"}},{{"$bytes":"/+4"}},{{"$bytes":""}}],"a":null,'
        '"t":"ü\\u0000\\n\N{LINE SEPARATOR}","f":1.5,"n":-3}'
    )


def test_large_values_have_the_same_json() -> None:
    value = {
        "z": [CID, b"\xff\xee", b""],
        "a": None,
        "t": 'ü\0\n"\\\x7f\N{LINE SEPARATOR}😀',
        "f": 1.5,
        "n": -(1 << 63),
    }
    assert datajson.dumps_large(value) == datajson.dumps(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_without_a_json_form_comes_from_cbor(value: float) -> None:
    with pytest.raises(dagcbor.CborError, match="a float must be a number"):
        dagcbor.decode(cbor2.dumps({"a": [value]}))
    assert json.loads(datajson.dumps_leniently({"a": [value]}))["a"]


@pytest.mark.parametrize(
    "value",
    [cbor2.undefined, cbor2.CBORSimpleValue(7), {b"k": 1}],
    ids=repr,
)
def test_values_without_a_json_form(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        datajson.dumps({"a": [value]})
    with pytest.raises(ValueError, match=r"."):
        datajson.dumps_large({"a": [value]})
    assert json.loads(datajson.dumps_leniently({"a": [value]}))["a"]


def test_describe_keeps_the_form() -> None:
    assert datajson.dumps_leniently([CID, b"\xff"]).decode() == f'[{{"$link":"{CID}"}},{{"$bytes":"/w"}}]'
