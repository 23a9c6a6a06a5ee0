"""Reads the CA certificates that `spec.caBundle` names, for the operator's own connection to Redis. Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.source_spec import CABundle

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")


def ca_certificates(config_map: Mapping[str, Any] | None, wanted: CABundle) -> str:
    """The PEM certificates in `config_map` (None if it does not exist), without the text between them."""
    text = ((config_map or {}).get("data") or {}).get(wanted.config_map_ref.key) or ""
    return "\n".join(_CERTIFICATE.findall(text))


def ca_certificates_hash(pem: str) -> str:
    """The hash of the certificates, without white space. It is an annotation of the pod, so the pod is replaced if they
    change.
    """
    return hashlib.sha256("".join(pem.split()).encode()).hexdigest()
