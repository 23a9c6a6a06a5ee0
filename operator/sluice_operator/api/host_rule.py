"""The rule of the API server that decides whether a change of spec.host names another source.

It is written in CEL, and corresponds to `sluice_redis.hosts.normalize_host`. It uses only functions that every
supported version of CEL has, so it can't parse an IP address. CEL's cost estimate has no limit for computed lists. So
an IPv6 address is compared group by group, and a regular expression finds each group.

If in doubt, the rule refuses the change: an IPv4 address at the end of an IPv6 address is compared as text.
"""

from typing import Final

_SEVEN_GROUPS_BEFORE: Final = "[^:]+:" * 7
_SEVEN_GROUPS_AFTER: Final = ":[^:]+" * 7
_GROUP_PATTERN_LENGTH: Final = len("[^:]+:")


def same_host_expression(left: str, right: str) -> str:
    """A CEL expression: whether two hosts, which passed the other rules, are the same source."""
    groups = f"[0, 1, 2, 3, 4, 5, 6, 7].all(i, {_group_expression(left)} == {_group_expression(right)})"
    addresses = f"{left}.matches('[[]') && {right}.matches('[[]') && {groups}"
    ports = f"{_port_expression(left)} == {_port_expression(right)}"
    names = f"{_name_expression(left)} == {_name_expression(right)}"
    return f"{ports} && ({names} || ({addresses}))"


def _port_expression(host: str) -> str:
    """The port, or 0 if it is the default of the scheme."""
    default = f"({host}.lowerAscii().matches('^(ws|http)://') ? 80 : 443)"
    given = f"int({host}.find('[0-9]+$'))"
    return f"(!{host}.matches(':[0-9]+$') || {given} == {default} ? 0 : {given})"


def _name_expression(host: str) -> str:
    return f"{host}.lowerAscii().find('[^/]+$').find('^([[].*[]]|[^:]+)')"


def _group_expression(host: str) -> str:
    """Group `i` of an IPv6 address without leading zeros. It is counted from the beginning of the address, or else from
    its end.
    """
    name = _name_expression(host)
    before = f"'{_SEVEN_GROUPS_BEFORE}'.substring(0, {_GROUP_PATTERN_LENGTH} * i)"
    after = f"'{_SEVEN_GROUPS_AFTER}'.substring(0, {_GROUP_PATTERN_LENGTH} * (7 - i))"
    left = f"{name}.find('^[[]' + {before} + '[^]:]+')"
    right = f"{name}.find('[^:[]+' + {after} + '[]]$')"
    group = f"({left} == '' ? {right}.find('^[^]:]+') : {left}.find('[^:[]+$'))"
    return f"{group}.find('([0-9]+[.].*|[1-9a-f][0-9a-f]*)$')"
