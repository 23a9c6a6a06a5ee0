"""Compiles the modules that handle each frame, when a wheel is built. The build backend finds this file by its name.

The modules are named in pyproject.toml. mypyc compiles them as they are. An editable install does not compile: it is
slower, with the same results.
"""

import contextlib
import os
import shutil
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
        self._target = Path(tempfile.mkdtemp(prefix="sluice-mypyc-"))
        _compile(Path(self.root) / self.config["sources"], self.config["modules"], self._target)
        built = self._target / "lib"
        build_data["force_include"] |= {str(file): str(file.relative_to(built)) for file in built.rglob("*.so")}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clean up. The backend calls this when the wheel is written."""
        if version != "editable":
            shutil.rmtree(self._target)


def _compile(sources: Path, modules: list[str], target: Path) -> None:
    # An editable install does not need them.
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
