"""Builds images with buildah into archives that the cluster loads, unless their sources are unchanged."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import base, buildah
from e2e.cluster.layout import PACKAGE, Layout

_ARGUMENT = re.compile(r"^\s*ARG\s+(\w+)\s*$", re.MULTILINE)
_IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image to build: `inputs` are the files and directories whose content decides whether it is stale."""

    tag: str
    dockerfile: Path
    context: Path
    inputs: tuple[Path, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """A hash of everything that the image is made from."""
        digest = hashlib.sha256(json.dumps([self.tag, dict(self.build_args)], sort_keys=True).encode())
        for path in (self.dockerfile, *self.inputs):
            for file in files_below(path):
                name = os.path.relpath(file, self.context)
                digest.update(f"{name}\0{file.stat().st_mode & 0o111}\0".encode() + file.read_bytes())
        return digest.hexdigest()


REDIS = Image(
    tag="localhost/sluice-redis:7",
    dockerfile=PACKAGE / "recipes" / "redis.Dockerfile",
    context=PACKAGE / "recipes",
    inputs=(PACKAGE / "recipes" / "redis-server",),
)


@dataclass(frozen=True)
class Archive:
    """A built image: a docker-archive, and the key of what it was made from."""

    path: Path
    key: str


def build(layout: Layout, image: Image) -> Archive:
    """Build an image on the base image (its Dockerfile's `ARG BASE`) unless the cache has it.

    Instant when nothing changed. Build arguments without a default in the Dockerfile are taken from the environment.
    pip has the settings of this machine.
    """
    archive = Archive(_archive_path(layout, image.tag), f"{base.key()[:16]}-{image.key()}")
    if _fresh(archive):
        return archive
    foundation = ensure_base(layout)
    with _locked(layout):
        if not _fresh(archive):
            buildah.unmount_leftovers(layout)
            buildah.trim(layout)
            if not buildah.has(layout, base.TAG):
                buildah.output(layout, "pull", "--quiet", f"docker-archive:{foundation.path}")
            _build(layout, image)
            _export(layout, image.tag, archive)
    return archive


def ensure_base(layout: Layout) -> Archive:
    """Make the base image unless the cache has it."""
    archive = Archive(_archive_path(layout, base.TAG), base.key())
    with _locked(layout):
        if not _fresh(archive):
            log = _log(layout, base.TAG)
            log.unlink(missing_ok=True)
            base.make(layout, log)
            _export(layout, base.TAG, archive)
    return archive


def files_below(path: Path) -> Iterator[Path]:
    """A file itself, or all files below a directory in a fixed order, without the caches of Python's tools."""
    if path.is_file():
        yield path
    else:
        for entry in sorted(path.iterdir()):
            if entry.name not in _IGNORED:
                yield from files_below(entry)


def arguments(image: Image, environ: Mapping[str, str]) -> dict[str, str]:
    """All build arguments: the base, those that the Dockerfile declares without a default, the image's own."""
    declared = _ARGUMENT.findall(image.dockerfile.read_text())
    from_environment = {name: environ[name] for name in declared if name in environ}
    return {"BASE": base.TAG, **from_environment, **image.build_args}


def _build(layout: Layout, image: Image) -> None:
    log = _log(layout, image.tag)
    log.unlink(missing_ok=True)
    flags = [f"--build-arg={name}={value}" for name, value in arguments(image, os.environ).items()]
    buildah.run(
        layout,
        *("build", "--pull=never", "--layers=true", "--force-rm", *buildah.mounts(layout), *flags),
        *(f"--tag={image.tag}", f"--file={image.dockerfile}", image.context),
        label=f"image {image.tag}",
        duration="up to a minute, once for each change",
        log=log,
        tries=2,
    )


def _export(layout: Layout, tag: str, archive: Archive) -> None:
    draft = archive.path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    target = f"docker-archive:{draft}:{tag}"
    buildah.run(layout, "push", "--quiet", tag, target, label=f"image {tag}: archive", log=_log(layout, tag))
    draft.replace(archive.path)
    _key_path(archive).write_text(archive.key)


def _fresh(archive: Archive) -> bool:
    stamp = _key_path(archive)
    return archive.path.exists() and stamp.exists() and stamp.read_text() == archive.key


def _key_path(archive: Archive) -> Path:
    return archive.path.with_suffix(".key")


def _archive_path(layout: Layout, tag: str) -> Path:
    return layout.images / f"{re.sub(r'[^a-zA-Z0-9.-]+', '_', tag)}.tar"


def _log(layout: Layout, tag: str) -> Path:
    return _archive_path(layout, tag).with_suffix(".log")


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    layout.images.mkdir(parents=True, exist_ok=True)
    with (layout.images / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
