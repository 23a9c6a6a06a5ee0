"""The files that a Redis URL names, such as a client certificate, for the operator's own connections.

They are files in the ingester's container: `spec.podTemplate` mounts them from a Secret or a ConfigMap. The operator
has no such mount. It reads the same keys from the API server and keeps them in memory. TLS libraries load a certificate
and its key only from files, so they are memory files with paths in this process.
"""

import base64
import binascii
import hashlib
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from sluice_operator.api.source import Source
from sluice_operator.desired.volume_lookup import MountedKey, find_mounted_key
from sluice_operator.kubernetes.api_resource import CONFIG_MAPS, SECRETS
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.protocols import get_if_allowed
from sluice_operator.kubernetes.source_key import SourceKey

_FILE_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CLOSE_SECONDS: Final = 900.0
"""How long a replaced file stays open: longer than a client that has its path. The path must not be used again before.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalUrl:
    """A URL that the operator itself can use."""

    url: bytes = field(repr=False)
    digest: str | None = None
    """The hash of the files. Empty if the URL names none, None if not all could be read."""
    errors: list[ApiError] = field(default_factory=list)
    """The requests to the API server that failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    content: bytes = field(repr=False)
    fd: int


class RedisTlsFiles:
    """Holds the files of all sources."""

    def __init__(self, objects: ObjectPoller) -> None:
        self._objects = objects
        self._files: dict[tuple[str, str], _File] = {}  # by uid and option
        self._replaced: deque[tuple[float, int]] = deque()  # when, and the file descriptor

    async def localize(self, source: Source, url: bytes) -> LocalUrl:
        """`url`, with the paths of its files in this process.

        The content is the current one, or the last known one if it can't be read now. The path of a file that was
        never found is not replaced.
        """
        self._close_replaced()
        paths = _file_paths(url)
        if not paths:
            return LocalUrl(url=url, digest="")
        errors: list[ApiError] = []
        contents = {option: await self._read(source, path, errors) for option, path in paths.items()}
        found = {option: content for option, content in contents.items() if content is not None}
        for option, content in found.items():
            self._save(source.metadata.uid, option, content)
        files = {option: self._files.get((source.metadata.uid, option)) for option in paths}
        local = {option: f"/proc/self/fd/{file.fd}" for option, file in files.items() if file is not None}
        digest = hashlib.sha256(b"\0".join(found.values())).hexdigest() if len(found) == len(paths) else None
        return LocalUrl(url=_with_paths(url, local), digest=digest, errors=errors)

    def drop_source(self, uid: str) -> None:
        """Drop the files of a source that was deleted."""
        for key in [key for key in self._files if key[0] == uid]:
            self._replaced.append((time.monotonic(), self._files.pop(key).fd))

    async def _read(self, source: Source, path: str, errors: list[ApiError]) -> bytes | None:
        mounted = find_mounted_key(source.spec.pod_template, path)
        if mounted is None:
            return None
        resource = SECRETS if mounted.kind == "Secret" else CONFIG_MAPS
        metadata = source.metadata
        reader = self._objects.reader(SourceKey(type(source).__name__, metadata.namespace, metadata.name))
        try:
            found = await get_if_allowed(reader, resource, metadata.namespace, mounted.name)
        except ApiError as error:
            errors.append(error)
            return None
        return _content((found or {}).get("data") or {}, mounted)

    def _save(self, uid: str, option: str, content: bytes) -> None:
        file = self._files.get((uid, option))
        if file is not None and file.content == content:
            return
        if file is not None:
            self._replaced.append((time.monotonic(), file.fd))
        fd = os.memfd_create(option)
        os.write(fd, content)
        self._files[uid, option] = _File(content=content, fd=fd)

    def _close_replaced(self) -> None:
        while self._replaced and time.monotonic() - self._replaced[0][0] > _CLOSE_SECONDS:
            os.close(self._replaced.popleft()[1])


def _file_paths(url: bytes) -> dict[str, str]:
    """The files that `url` names, by option."""
    try:
        options = parse_qsl(urlsplit(url.decode().strip()).query)
    except ValueError:
        return {}
    return {name: path for name, path in options if name in _FILE_OPTIONS}


def _with_paths(url: bytes, paths: dict[str, str]) -> bytes:
    parts = urlsplit(url.decode().strip())
    options = [(name, paths.get(name, value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    return parts._replace(query=urlencode(options)).geturl().encode()


def _content(data: dict[str, str], mounted: MountedKey) -> bytes | None:
    text = data.get(mounted.key)
    if text is None or mounted.kind == "ConfigMap":
        return None if text is None else text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
