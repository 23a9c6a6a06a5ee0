"""The DNS settings of the ingester's pod."""

from sluice_operator.api.base import Model


class HostAlias(Model):
    """Host names of one IP address, in the pod's /etc/hosts."""

    ip: str
    """IP address of the host names."""

    hostnames: tuple[str, ...]
    """Host names of the IP address."""


class DNSOption(Model):
    """A DNS resolver option."""

    name: str
    """Name of the option, such as ndots."""

    value: str | None = None
    """Value of the option."""


class DNSConfig(Model):
    """DNS settings of the pod, added to those of dnsPolicy in /etc/resolv.conf."""

    nameservers: tuple[str, ...] | None = None
    """IP addresses of DNS servers."""

    searches: tuple[str, ...] | None = None
    """DNS search domains for host name lookup."""

    options: tuple[DNSOption, ...] | None = None
    """DNS resolver options."""
