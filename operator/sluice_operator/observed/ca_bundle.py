"""The certificate authorities that a source names, for the operator's own look at its Redis. Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.source_spec import CABundle

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----")


def ca_certificates(config_map: Mapping[str, Any] | None, wanted: CABundle) -> str:
    """The PEM certificates in `config_map` (None if there is no such ConfigMap), without what people note between."""
    text = ((config_map or {}).get("data") or {}).get(wanted.config_map_ref.key) or ""
    return "\n".join(_CERTIFICATE.findall(text))


def ca_certificates_hash(pem: str) -> str:
    """What stands on the pod in place of the certificates, so that others make another pod, and a note does not."""
    return hashlib.sha256("".join(pem.split()).encode()).hexdigest()
