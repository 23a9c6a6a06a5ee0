"""Set-up shared by worker processes happens once."""

from pathlib import Path

import pytest

from e2e.tests.once import once


def test_only_the_first_call_runs(tmp_path: Path) -> None:
    calls: list[int] = []
    for number in range(3):
        once(tmp_path, "release", lambda number=number: calls.append(number))
    once(tmp_path, "images", lambda: calls.append(9))
    assert calls == [0, 9]


def test_a_failed_call_is_repeated(tmp_path: Path) -> None:
    calls: list[str] = []

    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once(tmp_path, "release", fail)
    once(tmp_path, "release", lambda: calls.append("again"))
    assert calls == ["again"]
