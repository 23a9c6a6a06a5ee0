"""HOST in the language of the API server's rules: what `sluice_redis.hosts.host_of` says, said in CEL.

The API server decides whether a change of spec.host names another source. Of CEL it knows only what every supported
version has: nothing reads an address, and a rule must be cheap by an estimate that takes each list that is computed
for an endless one. So an IPv6 address is compared group by group, each found by a regular expression.

In doubt a change is refused: an IPv4 address at the end of an IPv6 address is compared as it is written.
"""

from typing import Final

_BEFORE: Final = "[^:]+:" * 7
_BEHIND: Final = ":[^:]+" * 7
_STEP: Final = len("[^:]+:")


def same_host(one: str, other: str) -> str:
    """An expression: whether `one` and `other`, which the other rules of a host let pass, have one HOST."""
    groups = f"[0, 1, 2, 3, 4, 5, 6, 7].all(i, {_group(one)} == {_group(other)})"
    addresses = f"{one}.matches('[[]') && {other}.matches('[[]') && {groups}"
    return f"{_port(one)} == {_port(other)} && ({_name(one)} == {_name(other)} || ({addresses}))"


def _port(host: str) -> str:
    """The port, 0 if it is the default of the scheme."""
    default = f"({host}.lowerAscii().matches('^(ws|http)://') ? 80 : 443)"
    told = f"int({host}.find('[0-9]+$'))"
    return f"(!{host}.matches(':[0-9]+$') || {told} == {default} ? 0 : {told})"


def _name(host: str) -> str:
    return f"{host}.lowerAscii().find('[^/]+$').find('^([[].*[]]|[^:]+)')"


def _group(host: str) -> str:
    """Group `i` of an IPv6 address without leading zeros: counted from its beginning, or else from its end."""
    left = f"{_name(host)}.find('^[[]' + '{_BEFORE}'.substring(0, {_STEP} * i) + '[^]:]+')"
    right = f"{_name(host)}.find('[^:[]+' + '{_BEHIND}'.substring(0, {_STEP} * (7 - i)) + '[]]$')"
    group = f"({left} == '' ? {right}.find('^[^]:]+') : {left}.find('[^:[]+$'))"
    return f"{group}.find('([0-9]+[.].*|[1-9a-f][0-9a-f]*)$')"
