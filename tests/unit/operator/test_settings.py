"""The operator's settings: defaults, variables, and the messages about invalid ones."""

import json
import logging
import os
import sys
from subprocess import run

import pytest

from sluice_common.logs import JsonFormatter
from sluice_operator.kubernetes.leader_lease import LeaseConfig
from sluice_operator.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLUICE_", "LOG_", "POD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_INGESTER_IMAGE", "sluice:1")


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_WATCH_NAMESPACES", "")
    settings = load_settings()
    assert (settings.watch_namespaces, settings.status_interval_seconds, settings.port) == ((), 30.0, 8080)
    assert (settings.log_format, settings.log_level) == ("json", "info")
    assert settings.ingesters.image == "sluice:1"
    assert settings.ingesters.default_redis_url is None


def test_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SLUICE_INGESTER_IMAGE_PULL_POLICY": "Never",
        "SLUICE_INGESTER_IMAGE_PULL_SECRETS": "a,b",
        "SLUICE_DEFAULT_REDIS_URL": "rediss://:s3cret@redis:6379/0",
        "SLUICE_WATCH_NAMESPACES": "one, two,",
        "SLUICE_STATUS_INTERVAL_SECONDS": "5",
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "plain",
        "POD_NAME": "sluice-1",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.watch_namespaces == ("one", "two")
    assert settings.ingesters.image_pull_secrets == ("a", "b")
    assert settings.ingesters.image_pull_policy == "Never"
    assert settings.ingesters.default_redis_url == "rediss://:s3cret@redis:6379/0"
    assert (settings.log_level, settings.log_format, settings.pod_name) == ("debug", "plain", "sluice-1")
    assert "s3cret" not in f"{settings} {settings.ingesters}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLUICE_PORT", "http"),
        ("SLUICE_PORT", "0"),
        ("SLUICE_STATUS_INTERVAL_SECONDS", "0"),
        ("SLUICE_DEFAULT_REDIS_URL", "http://:s3cret@redis"),
        ("SLUICE_INGESTER_IMAGE", "two words"),
        ("SLUICE_INGESTER_IMAGE", ""),
        ("SLUICE_INGESTER_IMAGE_PULL_POLICY", "Sometimes"),
        ("SLUICE_LEADER_ELECTION", "perhaps"),
        ("SLUICE_LEASE_NAME", "Sluice Operator"),
        ("SLUICE_LEASE_DURATION_SECONDS", "4"),
        ("SLUICE_LEASE_DURATION_SECONDS", "7.5"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_an_invalid_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(f"{name}: ")
    assert "s3cret" not in str(error.value)


def test_the_identity_of_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """All replicas have the same one, after restarts too, with and without leader election."""
    monkeypatch.setenv("POD_NAME", "sluice-7d9f-x2x4")
    assert load_settings().release == "sluice-7d9f-x2x4"
    monkeypatch.setenv("SLUICE_LEASE_NAMESPACE", "sluice-system")
    monkeypatch.setenv("SLUICE_LEASE_NAME", "mine-operator")
    for election in ("true", "false"):
        monkeypatch.setenv("SLUICE_LEADER_ELECTION", election)
        assert load_settings().release == "sluice-system/mine-operator"
    monkeypatch.setenv("SLUICE_LEASE_NAME", "sluice.dev")
    with pytest.raises(SettingsError, match="SLUICE_LEASE_NAME: choose another name"):
        load_settings()


def test_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().lease_config is None
    monkeypatch.setenv("SLUICE_LEADER_ELECTION", "true")
    with pytest.raises(SettingsError, match=r"^SLUICE_LEASE_NAMESPACE: name the operator's own namespace"):
        load_settings()
    monkeypatch.setenv("SLUICE_LEASE_NAMESPACE", "sluice-system")
    assert load_settings().lease_config == LeaseConfig(
        namespace="sluice-system", name="sluice-operator", duration_seconds=10
    )


def test_the_command_stops_at_an_invalid_setting() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    command = [sys.executable, "-m", "sluice_operator"]
    done = run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "SLUICE_INGESTER_IMAGE: Field required" in done.stderr


def test_a_log_line_is_one_json_object() -> None:
    try:
        raise RuntimeError("broken\nin two")
    except RuntimeError:
        record = logging.makeLogRecord({"name": "a", "levelname": "ERROR", "msg": "x\n%s", "args": ("y",)})
        record.exc_info = sys.exc_info()
    line = JsonFormatter().format(record)
    assert "\n" not in line
    record = json.loads(line)
    assert (record["level"], record["logger"], record["message"]) == ("error", "a", "x y")
    assert "broken\nin two" in record["error"]
