"""The ingester's settings: defaults, values, and the messages about wrong ones."""

import os
from pathlib import Path

import pytest

from sluice_ingester.settings import Settings, SettingsError, load
from sluice_ingester.sources.address import Address
from sluice_redis.ingester_settings import Mode


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith(("INGESTER_", "REDIS_", "LOG_")) or name in {"METRICS_PORT", "SSL_CERT_FILE", "POD_NAME"}:
            monkeypatch.delenv(name)


def load_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load()


def test_defaults_are_those_of_the_rust_ingester(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_with(monkeypatch)
    assert settings.redis_url == "redis://localhost:6379"
    assert settings.mode is Mode.ALL
    assert settings.relay_hosts == (Address("bsky.network"),)
    assert settings.labeler_hosts == ()
    assert (settings.high_water_mark, settings.batch_size, settings.batch_timeout_ms) == (100_000, 500, 1000)
    assert settings.metrics_port == 4100
    assert settings.collections == ("app.bsky.*", "chat.bsky.*")
    assert settings.sync_events == "omit"
    assert (settings.start_from, settings.key_prefix) == ("oldest", "")
    assert settings.pod_name


def test_each_variable_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_with(
        monkeypatch,
        INGESTER_RELAY_HOSTS="ws://a.test:1, b.test,",
        INGESTER_LABELER_HOSTS="",
        INGESTER_MODE="Firehose",
        INGESTER_COLLECTIONS="*",
        INGESTER_SYNC_EVENTS="Emit",
        INGESTER_START_FROM="6322875401",
        SSL_CERT_FILE="",
        POD_NAME="",
        LOG_FORMAT="",
        LOG_LEVEL="WARNING",
    )
    assert settings.relay_hosts == (Address("a.test:1", plaintext=True), Address("b.test"))
    assert (settings.mode, settings.collections, settings.start_from) == (Mode.FIREHOSE, ("*",), 6_322_875_401)
    assert settings.sync_events == "emit"
    assert settings.ssl_cert_file is None
    assert settings.pod_name
    assert settings.log_format in {"json", "plain"}
    assert settings.log_level == "warning"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("INGESTER_RELAY_HOSTS", "", "give a host"),
        ("INGESTER_RELAY_HOSTS", "a.test/path", "'a.test/path' is not a host"),
        ("INGESTER_RELAY_HOSTS", "a.test,https://A.test", "named twice"),
        ("INGESTER_RELAY_HOSTS", "a.test,a.test:443", "named twice"),
        ("INGESTER_MODE", "fast", "'all', 'firehose', 'backfill' or 'labeler'"),
        ("INGESTER_HIGH_WATER_MARK", "0", "a whole number from 1 up"),
        ("INGESTER_HIGH_WATER_MARK", "", "a whole number from 1 up"),
        ("INGESTER_BATCH_SIZE", "10001", "from 1 to 10000"),
        ("INGESTER_BATCH_TIMEOUT_MS", "1.5", "from 10 to 60000"),
        ("METRICS_PORT", "65536", "from 0 to 65535"),
        ("INGESTER_COLLECTIONS", "", "no collection is named"),
        ("INGESTER_COLLECTIONS", "app.bsky.*,nonsense", "'nonsense' is no collection pattern"),
        ("INGESTER_START_FROM", "-1", "oldest, live, or the first seq"),
        ("INGESTER_START_FROM", "9" * 5000, "oldest, live, or the first seq"),
        ("INGESTER_KEY_PREFIX", "a b", "without blanks"),
        ("INGESTER_SYNC_EVENTS", "yes", "'omit' or 'emit'"),
        ("INGESTER_CA_BUNDLE", "/nowhere/ca.pem", "path of a file"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "path of a file"),
        ("LOG_FORMAT", "xml", "'json' or 'plain'"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("REDIS_URL", "localhost", "redis://"),
    ],
)
def test_a_wrong_value_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_with(monkeypatch, **{variable: value})
    message = str(caught.value)
    assert message.startswith(variable)
    assert says in message
    assert "\n" not in message
    assert len(message) < 500


def test_all_wrong_values_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"INGESTER_BATCH_SIZE='0'.*; METRICS_PORT='x'"):
        load_with(monkeypatch, INGESTER_BATCH_SIZE="0", METRICS_PORT="x")


def test_no_message_contains_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load_with(monkeypatch, REDIS_URL="redis://:hunter2/@host")
    assert "hunter2" not in str(caught.value)


def test_labeler_hosts_may_be_empty_unless_only_labelers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_with(monkeypatch, INGESTER_MODE="all", INGESTER_LABELER_HOSTS=" ").mode is Mode.ALL
    assert load_with(monkeypatch, INGESTER_MODE="firehose").mode is Mode.FIREHOSE
    with pytest.raises(SettingsError, match="INGESTER_LABELER_HOSTS is empty"):
        load_with(monkeypatch, INGESTER_MODE="labeler", INGESTER_LABELER_HOSTS="")


def test_a_ca_bundle_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_with(monkeypatch, INGESTER_CA_BUNDLE=__file__).ca_bundle == Path(__file__)
