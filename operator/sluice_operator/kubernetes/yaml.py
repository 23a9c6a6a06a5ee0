"""Objects as YAML for server-side apply, of which the API server takes nothing else. Pure.

JSON is YAML but for one thing: a character beyond U+FFFF, such as an emoji, is two escapes in JSON, halves
that a reader of YAML refuses. In the text of an error that would refuse the whole status, in a value of
`env` the whole Deployment.
"""

import json
import re
from typing import Any, Final

_NOT_PLAIN: Final = re.compile(r"[^ -~]")


def dump(manifest: dict[str, Any]) -> bytes:
    """`manifest` as YAML in ASCII. Half a surrogate, which is no character, becomes U+FFFD.

    YAML takes keys of up to 1024 characters as they are written; those of Kubernetes have 317 at most.
    """
    return _NOT_PLAIN.sub(_escape, json.dumps(manifest, ensure_ascii=False)).encode()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        code = 0xFFFD
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
