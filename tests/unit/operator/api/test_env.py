"""Variables in spec.podTemplate.env: the operator accepts the same values as the ingester."""

import pytest

from sluice_ingester.settings import SettingsError, load
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.relay import Relay

VALUES = ("debug", "Info", "WARNING", "error", "warn", "critical", "loud", "json", "plain", "JSON", "text", " info", "")


def operator_accepts(name: str, value: str) -> bool:
    spec = {"host": "relay.example.com", "podTemplate": {"env": [{"name": name, "value": value}]}}
    try:
        Relay.parse({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": spec})
    except InvalidResourceError:
        return False
    return True


def ingester_accepts() -> bool:
    try:
        load()
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("name", ["LOG_LEVEL", "LOG_FORMAT"])
@pytest.mark.parametrize("value", VALUES)
def test_log_settings_are_accepted_as_by_the_ingester(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert operator_accepts(name, value) == ingester_accepts()
