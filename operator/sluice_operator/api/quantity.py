"""Kubernetes quantities: `50m`, `128Mi`, `1e3`, or a plain number."""

import re
from decimal import Decimal
from typing import Final

PATTERN: Final = r"^(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]+))?$"
"""A quantity as a string. No quantity of the API is negative."""

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_NUMBER: Final = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)")


def parse_quantity(text: str | float) -> Decimal:
    """The exact value of a quantity. Raises ValueError if `text` is not a quantity."""
    string = str(text)
    parts = _NUMBER.fullmatch(string)
    if parts is None or re.match(PATTERN, string) is None:
        raise ValueError(f"{string!r} is not a quantity such as 50m, 128Mi or 1.5")
    number, suffix = Decimal(parts[1]), parts[2]
    if suffix in _BINARY:
        return number * Decimal(2 ** _BINARY[suffix])
    return number.scaleb(_DECIMAL[suffix])
