"""Names and labels of children are valid for any name of the resource."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.desired.naming import child_name, former_redis_secret_name, label_value

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")

names = st.from_regex(SUBDOMAIN, fullmatch=True).filter(lambda name: len(name) <= 253)


def test_a_short_name_is_not_changed() -> None:
    assert child_name("relay1.us-east", "firehose") == "relay1.us-east-firehose"
    assert label_value("relay1.us-east") == "relay1.us-east"


@given(names)
def test_names_and_labels_are_valid(name: str) -> None:
    child = child_name(name, "firehose")
    assert len(child) <= 63
    assert SUBDOMAIN.fullmatch(child)
    assert child.endswith("-firehose")
    value = label_value(name)
    assert len(value) <= 63
    assert LABEL_VALUE.fullmatch(value)


@pytest.mark.parametrize("length", [54, 55, 63, 64, 253])
def test_long_names_with_a_common_prefix_differ(length: int) -> None:
    one, two = "a" * length, "a" * (length - 1) + "b"
    assert child_name(one, "firehose") != child_name(two, "firehose")
    assert label_value(one) != label_value(two)


@given(names, names)
def test_secret_names_differ_between_kinds_and_from_the_bundled_redis(one: str, other: str) -> None:
    relay = former_redis_secret_name(kind="Relay", resource=one)
    labeler = former_redis_secret_name(kind="Labeler", resource=other)
    assert relay != labeler
    # The chart names it <release>-redis.
    assert not relay.endswith("-redis")
    assert not labeler.endswith("-redis")


def test_a_relay_named_like_a_labeler_with_a_suffix_has_its_own_secret() -> None:
    relay = former_redis_secret_name(kind="Relay", resource="us-east-labeler")
    assert relay != former_redis_secret_name(kind="Labeler", resource="us-east")


def test_a_cut_name_does_not_end_in_punctuation() -> None:
    name = "a" * 44 + "-.-" + "b" * 60
    assert "-.-" not in child_name(name, "firehose")
    assert SUBDOMAIN.fullmatch(child_name(name, "firehose"))
