"""How the ingester's pod finds names."""

from sluice_operator.api.base import Model


class HostAlias(Model):
    """Names of one address, in the pod's /etc/hosts."""

    ip: str
    """The address."""

    hostnames: tuple[str, ...]
    """Its names."""


class DNSOption(Model):
    """An option of the resolver."""

    name: str
    """The name of the option, such as ndots."""

    value: str | None = None
    """Its value."""


class DNSConfig(Model):
    """The pod's /etc/resolv.conf, in addition to what dnsPolicy makes of it."""

    nameservers: tuple[str, ...] | None = None
    """Addresses of name servers."""

    searches: tuple[str, ...] | None = None
    """Domains in which short names are looked up."""

    options: tuple[DNSOption, ...] | None = None
    """Options of the resolver."""
