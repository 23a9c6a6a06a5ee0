"""Compiles the modules that handle each frame, when a wheel is built. The build backend finds this file by its name.

The modules are named in pyproject.toml. mypyc compiles them as they are. An editable install does not compile: it is
slower, with the same results.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MYPY_OPTIONS: Final = ("--config-file=", "--ignore-missing-imports")


class CompilingHook(BuildHookInterface[Any]):
    """Puts the compiled modules into a wheel, beside their sources."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile. The backend calls this before it collects the files."""
        if version == "editable":
            return
        # The wheel is written after this, so the files must stay. The system empties its temporary directory.
        target = Path(tempfile.mkdtemp(prefix="sluice-mypyc-"))
        _compile(Path(self.root) / self.config["sources"], self.config["modules"], target)
        libraries = list((target / "lib").rglob("*.so"))
        build_data["force_include"] |= {str(file): str(file.relative_to(target / "lib")) for file in libraries}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _compile(sources: Path, modules: list[str], target: Path) -> None:
    # Only a build has these packages.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415

    with _directory(sources):
        arguments = [*_MYPY_OPTIONS, f"--cache-dir={target / 'mypy'}", *modules]
        extensions = mypycify(arguments, opt_level="3", target_dir=str(target))
        distribution = Distribution({"name": "sluice-compiled", "ext_modules": extensions})
        command = distribution.get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(target / "lib"), str(target / "temp")
        distribution.run_command("build_ext")


@contextlib.contextmanager
def _directory(path: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
