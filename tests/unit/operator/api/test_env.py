"""The variables of podTemplate: taken is what the ingester takes."""

import pytest

from sluice_ingester.settings import SettingsError, load
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.relay import Relay

WORDS = ("debug", "Info", "WARNING", "error", "warn", "critical", "loud", "json", "plain", "JSON", "text", " info", "")


def operator_takes(name: str, value: str) -> bool:
    spec = {"host": "relay.example.com", "podTemplate": {"env": [{"name": name, "value": value}]}}
    try:
        Relay.parse({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": spec})
    except InvalidResourceError:
        return False
    return True


def ingester_takes() -> bool:
    try:
        load()
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("name", ["LOG_LEVEL", "LOG_FORMAT"])
@pytest.mark.parametrize("word", WORDS)
def test_the_words_of_the_log_are_the_ingesters(monkeypatch: pytest.MonkeyPatch, name: str, word: str) -> None:
    monkeypatch.setenv(name, word)
    assert operator_takes(name, word) == ingester_takes()
