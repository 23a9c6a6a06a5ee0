"""Patterns for IP addresses in the host of a URL (RFC 3986, appendix A), in the syntax that RE2 and Python share."""

from typing import Final

_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = f"{_OCTET}(?:[.]{_OCTET}){{3}}"

_GROUP: Final = "[0-9A-Fa-f]{1,4}"
_LAST_TWO: Final = f"(?:{_GROUP}:{_GROUP}|{_IPV4})"


def _at_most(count: int) -> str:
    """At most `count` groups and the `::` that stands for the missing ones."""
    return f"(?:(?:{_GROUP}:){{0,{count - 1}}}{_GROUP})?::"


_GROUPS_BEFORE_LAST_TWO: Final = "|".join(
    (
        f"(?:{_GROUP}:){{6}}",
        f"::(?:{_GROUP}:){{5}}",
        *(f"{_at_most(count)}(?:{_GROUP}:){{{5 - count}}}" for count in range(1, 6)),
    )
)
_IPV6: Final = f"(?:{_GROUPS_BEFORE_LAST_TWO}){_LAST_TWO}|{_at_most(6)}{_GROUP}|{_at_most(7)}"

_NUMBER: Final = "(?:0[xX][0-9A-Fa-f]*|[0-9]+)"

LOOKS_LIKE_ADDRESS: Final = rf"(?:^|//)(?:\[|{_NUMBER}(?:[.]{_NUMBER}){{1,3}}(?::|$))"
"""Finds a host that can only be meant as an IP address. Systems also read 127.1 and 0x7f.1 as addresses."""

IS_ADDRESS: Final = rf"(?:^|//)(?:{_IPV4}|\[(?:{_IPV6})\])(?::[0-9]+)?$"
"""Finds a host that is a valid IP address."""
