import tempfile

import pytest

from sluice_ingester.sources.tls import Tls


def test_shared_memory_holds_temporary_files_where_all_else_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiofastnet needs a temporary file for each connection with TLS."""

    def find_none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", find_none)
    Tls.load()
    assert tempfile.gettempdir() == "/dev/shm"  # noqa: S108


def test_temporary_files_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = tempfile.gettempdir()
    Tls.load()
    assert tempfile.gettempdir() == before
