"""What changes between the sources that run and those of a list."""

import pytest

from sluice_ingester.settings import load
from sluice_ingester.source_list.difference import difference
from sluice_ingester.source_spec import SourceSpec
from sluice_ingester.sources.address import Address
from sluice_redis.contract import Stream


def spec(host: str, **variables: str) -> SourceSpec:
    return SourceSpec(settings=load(variables), stream=Stream.LABELS, address=Address.parse(host))


A, B, CHANGED = spec("a.test"), spec("b.test"), spec("a.test", INGESTER_BATCH_SIZE="9")


@pytest.mark.parametrize(
    ("running", "wanted", "stop", "start"),
    [
        ({}, {}, (), {}),
        ({}, {"a": A, "b": B}, (), {"a": A, "b": B}),
        ({"a": A, "b": B}, {"a": spec("A.test:443"), "b": B}, (), {}),
        ({"a": A, "b": B}, {"b": B}, ("a",), {}),
        ({"a": A, "b": B}, {"a": CHANGED, "b": B}, ("a",), {"a": CHANGED}),
        ({"a": A}, {"renamed": A}, ("a",), {"renamed": A}),
        ({"a": A, "b": B}, {}, ("a", "b"), {}),
    ],
)
def test_the_difference(
    running: dict[str, SourceSpec], wanted: dict[str, SourceSpec], stop: tuple[str, ...], start: dict[str, SourceSpec]
) -> None:
    found = difference(running, wanted)
    assert (found.stop, dict(found.start)) == (stop, start)
