"""Objects as YAML, the only format that the API server takes for server-side apply. Pure.

JSON is valid YAML, except for characters beyond U+FFFF, such as emoji. JSON escapes one as two surrogates, which a YAML
parser rejects. With one emoji in an error message, the API server would refuse the status.
"""

import json
import re
from typing import Any, Final

_NOT_PRINTABLE_ASCII: Final = re.compile(r"[^ -~]")


def dump(manifest: dict[str, Any]) -> bytes:
    """`manifest` as YAML in ASCII. A lone surrogate, which is not a character, becomes U+FFFD.

    YAML takes keys of up to 1024 characters in this form. Keys of Kubernetes have 317 at most.
    """
    return _NOT_PRINTABLE_ASCII.sub(_escape, json.dumps(manifest, ensure_ascii=False)).encode()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        code = 0xFFFD
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
