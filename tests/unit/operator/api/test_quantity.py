"""Kubernetes quantities: parsing and comparison by value."""

from decimal import Decimal

import pytest

from sluice_operator.api.quantity import parse_quantity


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("50m", "0.05"),
        ("1", 1),
        ("1000m", 1),
        ("1Ki", 1024),
        ("64Mi", "65536Ki"),
        ("1e3", "1k"),
        ("1.5G", "1500M"),
    ],
)
def test_equal_quantities(left: str | int, right: str | int) -> None:
    assert parse_quantity(left) == parse_quantity(right)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100n", Decimal("1E-7")),
        ("5u", Decimal("0.000005")),
        ("1E", Decimal(10**18)),
        ("1Ei", Decimal(2**60)),
        ("1E3", Decimal(1000)),
        (".5", Decimal("0.5")),
        ("2.", Decimal(2)),
    ],
)
def test_the_value_of_a_quantity(text: str, value: Decimal) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "m", "1 ", "1KB", "1ki", "0x10", "1.2.3", "NaN", "-1"])
def test_invalid_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
