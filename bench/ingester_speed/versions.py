"""The checkouts whose ingesters are measured: this one, and others with their own packages."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CACHE: Final = Path(".cache/bench")
_UV: Final = Path(".cache/uv/bin/uv")
_COMPILED: Final = Path(".venv/compiled")


@dataclass(frozen=True)
class Version:
    """A checkout with its packages in .venv."""

    name: str
    checkout: Path

    @property
    def command(self) -> list[str]:
        """Starts its ingester."""
        return [str(self.checkout / ".venv" / "bin" / "sluice-ingester")]

    @property
    def environment(self) -> dict[str, str]:
        """Variables that `command` needs: a checkout may have compiled packages."""
        return {"PYTHONPATH": str(self.checkout / _COMPILED / "packages")}


def this_checkout() -> Version:
    """The checkout of this program."""
    return Version("this checkout", Path.cwd())


def other_version(name: str) -> Version:
    """The checkout at the path `name`, or else of the commit `name`, built in .cache/bench. Exits without it."""
    checkout = Path(name).resolve() if (Path(name) / "Makefile").exists() else _worktree(name)
    # With our uv: otherwise each checkout would install its own.
    is_compiled = (checkout / "hatch_build.py").exists()
    target = checkout.resolve() / _COMPILED / "ready" if is_compiled else ".venv/ready"
    subprocess.run(["make", "-s", "-C", checkout, f"UV={_UV.resolve()}", target], check=True)
    return Version(name, checkout)


def _worktree(name: str) -> Path:
    commit = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not commit:
        sys.exit(
            f"{name} is neither a checkout nor a commit of this clone. If the clone is shallow, run "
            "`git fetch --unshallow`. Or name another one: make bench BENCH_ARGS='--against PATH_OR_COMMIT'"
        )
    directory = (_CACHE / commit[:7]).resolve()
    if not (directory / ".git").exists() or _git("-C", str(directory), "rev-parse", "HEAD") != commit:
        shutil.rmtree(directory, ignore_errors=True)  # that of a clone that is gone
        _git("worktree", "prune")
        print(f"building {directory} ...", flush=True)
        subprocess.run(["git", "worktree", "add", "--quiet", "--force", "--detach", directory, commit], check=True)
    return directory


def _git(*arguments: str) -> str:
    """What git prints. Empty if it fails."""
    return subprocess.run(
        ["git", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    ).stdout.strip()
