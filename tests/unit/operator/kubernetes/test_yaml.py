"""`dump` writes YAML that a parser reads as the same object."""

import pytest
import yaml as reader
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.kubernetes import yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# YAML allows keys of 1024 characters, and an escaped emoji has ten. Kubernetes' own keys are shorter.
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_object(manifest: dict[str, object]) -> None:
    written = yaml.dump(manifest)
    assert written.isascii()
    assert reader.safe_load(written) == manifest


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\N{GRINNING FACE} \\ud83d\\ude00", "\N{GRINNING FACE} \\ud83d\\ude00"),
        ("half \ud83d", "half \ufffd"),
        ("\x00\x7f\x9f\u2028\ufeff\uffff\"'\\/", "\x00\x7f\x9f\u2028\ufeff\uffff\"'\\/"),
    ],
)
def test_characters_that_json_and_yaml_write_differently(text: str, read: str) -> None:
    assert reader.safe_load(yaml.dump({"message": text})) == {"message": read}
