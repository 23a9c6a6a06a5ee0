"""Which certificate authorities are trusted."""

import ssl
from pathlib import Path


def client_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """TLS for clients: the system's CAs and those in `ca_bundle`.

    SSL_CERT_FILE, read by OpenSSL itself, replaces the system's. ValueError if `ca_bundle` holds
    no certificate.
    """
    context = ssl.create_default_context()
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except ssl.SSLError as error:
            raise ValueError(f"it holds no PEM certificate: {error.reason}") from None
    return context
