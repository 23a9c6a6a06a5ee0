"""Which hosts each mode needs, and how a wrong setting is told."""

import pytest

from sluice_ingester.settings import Settings, SettingsError, load
from sluice_redis.ingester_settings import Mode

VARIABLES = ("INGESTER_MODE", "INGESTER_RELAY_HOSTS", "INGESTER_LABELER_HOSTS", "INGESTER_START_FROM")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"INGESTER_{name}", value)
    return load()


def test_labelers_are_named_like_relays(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, MODE="labeler", LABELER_HOSTS="ozone.example.com, ws://localhost:2470,")
    assert settings.mode is Mode.LABELER
    assert [address.host for address in settings.labeler_hosts] == ["ozone.example.com", "localhost:2470"]


@pytest.mark.parametrize("hosts", ["", " , "])
def test_without_labelers_all_is_no_error(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    assert given(monkeypatch, MODE="all", LABELER_HOSTS=hosts).labeler_hosts == ()


@pytest.mark.parametrize("hosts", [{}, {"LABELER_HOSTS": ""}])
def test_without_labelers_the_labeler_mode_is_an_error(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="INGESTER_LABELER_HOSTS is empty, and INGESTER_MODE=labeler"):
        given(monkeypatch, MODE="labeler", **hosts)


def test_the_labeler_mode_needs_no_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, MODE="labeler", RELAY_HOSTS="", LABELER_HOSTS="ozone.example.com").relay_hosts == ()
    with pytest.raises(SettingsError, match="INGESTER_RELAY_HOSTS"):
        given(monkeypatch, MODE="all")


@pytest.mark.parametrize("hosts", ["ozone.example.com/xrpc", "a.example, A.example"])
def test_a_host_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    with pytest.raises(SettingsError, match="INGESTER_LABELER_HOSTS"):
        given(monkeypatch, MODE="labeler", LABELER_HOSTS=hosts)


def test_one_seq_can_not_be_of_relays_and_of_labelers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="INGESTER_START_FROM=7 can't be"):
        given(monkeypatch, MODE="all", LABELER_HOSTS="ozone.example.com", START_FROM="7")
    assert given(monkeypatch, MODE="labeler").start_from == 7
    assert given(monkeypatch, MODE="all", START_FROM="live").start_from == "live"
