"""TLS for connections to sources: the trusted CAs, and a hint for a certificate that is not trusted."""

import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sluice_redis.ingester_settings import CA_BUNDLE, SSL_CERT_FILE

_UNKNOWN_ISSUER_CODES: Final = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for a chain that ends at an unknown issuer."""
_VARIABLES: Final = (CA_BUNDLE.variable, SSL_CERT_FILE.variable)
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - each container has one of its own


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS for clients. `ca_variables` are the variables that name private CAs."""

    context: ssl.SSLContext
    ca_variables: tuple[str, ...] = ()

    @classmethod
    def load(cls, ca_bundle: Path | None = None) -> Self:
        """TLS that trusts the system's CAs and those in `ca_bundle`.

        OpenSSL itself reads SSL_CERT_FILE, which replaces the system's CAs. ValueError if `ca_bundle` has no
        certificate.
        """
        _ensure_temporary_directory()
        context = ssl.create_default_context()
        if ca_bundle is not None:
            try:
                context.load_verify_locations(cafile=ca_bundle)
            except ssl.SSLError as error:
                raise ValueError(f"it holds no PEM certificate: {error.reason}") from None
        set_ = dict(zip(_VARIABLES, (ca_bundle, os.environ.get(SSL_CERT_FILE.variable)), strict=True))
        return cls(context, tuple(name for name, value in set_.items() if value))


def _ensure_temporary_directory() -> None:
    """Let aiofastnet write temporary files: it decodes the certificate of each server from one.

    If it can't, it drops the connection without an error, after the handshake. The root file system of a container is
    often read-only, as in the pods of the operator, but its shared memory is not.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = _SHARED_MEMORY


def ca_hint(code: int, ca_variables: tuple[str, ...]) -> str:
    """What a person can do about a certificate that OpenSSL refuses with `code`. Empty if no setting helps."""
    if code not in _UNKNOWN_ISSUER_CODES:
        return ""
    if CA_BUNDLE.variable in ca_variables:
        named = " or ".join(ca_variables)
        return f"no CA of {named} signed it: add the one that did to {CA_BUNDLE.variable} ({CA_BUNDLE.field})"
    return f"name a private CA in {CA_BUNDLE.variable} ({CA_BUNDLE.field})"
