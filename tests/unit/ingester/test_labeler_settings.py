"""The hosts that each mode needs, and the messages about wrong settings."""

import pytest

from sluice_ingester.settings import Settings, SettingsError, load
from sluice_redis.ingester_settings import Mode

VARIABLES = ("INGESTER_MODE", "INGESTER_RELAY_HOSTS", "INGESTER_LABELER_HOSTS", "INGESTER_START_FROM")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def settings_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"INGESTER_{name}", value)
    return load()


def test_labeler_hosts_are_parsed_like_relay_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, MODE="labeler", LABELER_HOSTS="ozone.example.com, ws://localhost:2470,")
    assert settings.mode is Mode.LABELER
    assert [address.host for address in settings.labeler_hosts] == ["ozone.example.com", "localhost:2470"]


@pytest.mark.parametrize("hosts", ["", " , "])
def test_mode_all_needs_no_labeler_host(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    assert settings_of(monkeypatch, MODE="all", LABELER_HOSTS=hosts).labeler_hosts == ()


@pytest.mark.parametrize("hosts", [{}, {"LABELER_HOSTS": ""}])
def test_mode_labeler_needs_a_labeler_host(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="INGESTER_LABELER_HOSTS is empty, and INGESTER_MODE=labeler"):
        settings_of(monkeypatch, MODE="labeler", **hosts)


def test_mode_labeler_needs_no_relay_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(monkeypatch, MODE="labeler", RELAY_HOSTS="", LABELER_HOSTS="ozone.example.com").relay_hosts == ()
    with pytest.raises(SettingsError, match="INGESTER_RELAY_HOSTS"):
        settings_of(monkeypatch, MODE="all")


@pytest.mark.parametrize("hosts", ["ozone.example.com/xrpc", "a.example, A.example"])
def test_the_error_names_the_invalid_host(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    with pytest.raises(SettingsError, match="INGESTER_LABELER_HOSTS"):
        settings_of(monkeypatch, MODE="labeler", LABELER_HOSTS=hosts)


def test_a_start_seq_cannot_serve_both_relays_and_labelers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="INGESTER_START_FROM=7 can't be"):
        settings_of(monkeypatch, MODE="all", LABELER_HOSTS="ozone.example.com", START_FROM="7")
    assert settings_of(monkeypatch, MODE="labeler").start_from == 7
    assert settings_of(monkeypatch, MODE="all", START_FROM="live").start_from == "live"
