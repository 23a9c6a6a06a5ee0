"""Installing the PDS with npm, and the lock file of its packages."""

import json
import re
from pathlib import Path

import pytest

from e2e.pds import install

FAKE_NPM = """#!/bin/sh
echo "$@" >> "{calls}"
echo this is the log
exit {code}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


def use_npm(calls: Path, monkeypatch: pytest.MonkeyPatch, *, code: int) -> None:
    """Put an npm on PATH that records its calls and exits with `code`."""
    npm = calls.with_name("bin") / "npm"
    npm.parent.mkdir(exist_ok=True)
    npm.write_text(FAKE_NPM.format(calls=calls, code=code))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")


def test_without_npm_the_error_says_what_to_do_in_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert install.unavailable_reason() == "the reference PDS needs npm: install Node.js"
    with pytest.raises(install.InstallError, match="needs npm"):
        install.ensure_installed()
    assert not cache.exists()


def test_the_error_names_a_platform_without_node(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    assert install.unavailable_reason() == "the reference PDS runs on Linux on x86_64 or aarch64 only"


def test_an_installed_pds_needs_no_npm(cache: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_npm(calls, monkeypatch, code=0)
    installed = install.ensure_installed()
    monkeypatch.setenv("PATH", str(cache))

    assert install.unavailable_reason() is None
    assert install.ensure_installed() == installed


def test_it_is_installed_once_for_each_state_of_the_lock_file(
    cache: Path, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_npm(calls, monkeypatch, code=0)
    here = tmp_path / "pds"
    here.mkdir()
    for name in install.INPUTS:
        (here / name).write_text("{}")
    monkeypatch.setattr(install, "HERE", here)

    first = install.ensure_installed()
    assert install.ensure_installed() == first
    assert calls.read_text().split("\n")[0].startswith("ci ")
    assert len(calls.read_text().splitlines()) == 2

    (here / "package-lock.json").write_text("{} ")
    second = install.ensure_installed()
    assert len(calls.read_text().splitlines()) == 4
    assert [path for path in cache.iterdir() if path.is_dir()] == [second]


def test_a_failed_install_names_the_command_and_the_log_and_is_not_ready(
    cache: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_npm(calls, monkeypatch, code=1)

    with pytest.raises(install.InstallError, match=re.escape(f"see {cache}/install.log")) as failed:
        install.ensure_installed()

    assert "`npm ci " in str(failed.value)
    assert (cache / "install.log").read_text() == "this is the log\n"
    use_npm(calls, monkeypatch, code=0)
    assert install.ensure_installed().is_dir()


def test_the_lock_file_pins_every_package_and_names_no_registry() -> None:
    lock = json.loads((install.HERE / "package-lock.json").read_text())
    packages = {path: package for path, package in lock["packages"].items() if path}

    assert len(packages) > 100
    assert [path for path, package in packages.items() if "resolved" in package] == []
    assert [path for path, package in packages.items() if "integrity" not in package] == []


def test_the_lock_file_matches_the_package_file() -> None:
    package = json.loads((install.HERE / "package.json").read_text())
    lock = json.loads((install.HERE / "package-lock.json").read_text())
    root = lock["packages"][""]

    assert root["dependencies"] == package["dependencies"]
    assert root["optionalDependencies"] == package["optionalDependencies"]
    pinned = package["dependencies"] | package["optionalDependencies"]
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in pinned} == pinned
