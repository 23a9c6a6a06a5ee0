"""The files that a Redis URL names, such as a client certificate, for the operator's own look at that Redis.

They are files in the ingester's container, mounted by `spec.podTemplate` from a Secret or a ConfigMap. The operator
has no such mount. It reads the same keys from the API server and keeps them in memory, under paths of its own process,
since TLS takes a certificate and its key from files alone.
"""

import asyncio
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
from sluice_operator.kubernetes.client import CONFIG_MAPS, SECRETS, ApiError, KubernetesClient

_FILE_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_READ_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 900.0
"""For how long a file of old is kept: longer than a client that names it, whose URL must not come to mean another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalUrl:
    """A URL as the operator itself can use it."""

    url: bytes
    digest: str | None = None
    """The hash of the files' content: empty if the URL names none, None if not all could be read."""
    errors: list[ApiError] = field(default_factory=list)
    """What the API server could not do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    content: bytes
    fd: int


class RedisTlsFiles:
    """Keeps the files of all sources."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._files: dict[tuple[str, str], _File] = {}  # by uid and option
        self._replaced: deque[tuple[float, int]] = deque()

    async def localize(self, source: Source, url: bytes) -> LocalUrl:
        """`url` with the paths of its files as this process reads them: as they are now, or were when they were last
        found. A path of which nothing is known stays as it is, and so does one that can't be read now.
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
        kept = {option: self._files.get((source.metadata.uid, option)) for option in paths}
        places = {option: f"/proc/self/fd/{file.fd}" for option, file in kept.items() if file is not None}
        digest = hashlib.sha256(b"\0".join(found.values())).hexdigest() if len(found) == len(paths) else None
        return LocalUrl(url=_with_paths(url, places), digest=digest, errors=errors)

    def drop_source(self, uid: str) -> None:
        """The source is gone."""
        for place in [place for place in self._files if place[0] == uid]:
            self._replaced.append((time.monotonic(), self._files.pop(place).fd))

    async def _read(self, source: Source, path: str, errors: list[ApiError]) -> bytes | None:
        mounted = find_mounted_key(source.spec.pod_template, path)
        if mounted is None:
            return None
        api = SECRETS if mounted.kind == "Secret" else CONFIG_MAPS
        try:
            async with asyncio.timeout(_READ_SECONDS):
                found = await self._client.get_if_allowed(api, source.metadata.namespace, mounted.name)
        except ApiError as error:
            errors.append(error)
            return None
        except TimeoutError:
            errors.append(ApiError(0, "Timeout", f"no answer in {_READ_SECONDS:.0f} s"))
            return None
        return _content((found or {}).get("data") or {}, mounted)

    def _save(self, uid: str, option: str, content: bytes) -> None:
        kept = self._files.get((uid, option))
        if kept is not None and kept.content == content:
            return
        if kept is not None:
            self._replaced.append((time.monotonic(), kept.fd))
        number = os.memfd_create(option)
        os.write(number, content)
        self._files[uid, option] = _File(content=content, fd=number)

    def _close_replaced(self) -> None:
        while self._replaced and time.monotonic() - self._replaced[0][0] > _CLOSE_SECONDS:
            os.close(self._replaced.popleft()[1])


def _file_paths(url: bytes) -> dict[str, str]:
    """By option, the files that `url` names."""
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
