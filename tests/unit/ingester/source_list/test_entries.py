"""Parsing a source list: each entry as the environment of an ingester of its own, and what is wrong with others."""

import json
import os
import re
from pathlib import Path

import pytest

from sluice_ingester.settings import Settings, load
from sluice_ingester.source_list.entries import SourceList, parse_source_list
from sluice_redis.contract import Stream
from sluice_redis.ingester_settings import SETTINGS

LABELER = {"INGESTER_MODE": "labeler", "INGESTER_LABELER_HOSTS": "wss://ozone.test"}
RELAY = {"INGESTER_MODE": "firehose", "INGESTER_RELAY_HOSTS": "relay.test"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {setting.variable for setting in SETTINGS} & os.environ.keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("INGESTER_SOURCE_LIST", "{sluice}:sources:one")
    monkeypatch.setenv("INGESTER_KEY_PREFIX", "{sluice}:")
    monkeypatch.setenv("INGESTER_BATCH_SIZE", "7")


@pytest.fixture
def process(_environment: None) -> Settings:
    return load()


def parse(process: Settings, **entries: object) -> SourceList:
    return parse_source_list(
        {"version": "1"} | {name: json.dumps(variables) for name, variables in entries.items()}, process
    )


def test_an_entry_is_laid_over_the_environment_of_the_process(process: Settings) -> None:
    found = parse(process, a=LABELER | {"INGESTER_HIGH_WATER_MARK": "9", "INGESTER_START_FROM": "live"})
    [spec] = found.specs.values()
    assert (spec.stream, spec.address.host, spec.problem) == (Stream.LABELS, "ozone.test", "")
    settings = spec.settings
    assert (settings.high_water_mark, settings.batch_size, settings.start_from) == (9, 7, "live")
    assert spec.keys.cursor == "{sluice}:label_live:cursor:ozone.test"


def test_all_streams_and_no_entry_at_all(process: Settings) -> None:
    found = parse(process, a=LABELER, b=RELAY, c=RELAY | {"INGESTER_MODE": "backfill"})
    assert {name: spec.stream for name, spec in found.specs.items()} == {
        "a": Stream.LABELS,
        "b": Stream.FIREHOSE,
        "c": Stream.BACKFILL,
    }
    assert parse(process) == SourceList()


def test_the_spelling_of_an_entry_does_not_matter(process: Settings) -> None:
    one = parse(process, a=LABELER).specs["a"]
    other = parse(
        process, a={"INGESTER_BATCH_SIZE": "7", "INGESTER_LABELER_HOSTS": "OZONE.test", "INGESTER_MODE": "Labeler"}
    ).specs["a"]
    assert one == other
    assert one != parse(process, a=LABELER | {"INGESTER_BATCH_SIZE": "8"}).specs["a"]


def test_a_variable_of_a_later_version_is_ignored(process: Settings) -> None:
    assert parse(process, a=LABELER | {"INGESTER_LATER": "x"}).specs == parse(process, a=LABELER).specs


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"INGESTER_BATCH_SIZE": "many"}, "INGESTER_BATCH_SIZE='many' is not valid: give a whole number from 1"),
        ({"INGESTER_BATCH_SIZE": 5}, "INGESTER_BATCH_SIZE=5 is not valid: give a text"),
        ({"INGESTER_START_FROM": "-1"}, "INGESTER_START_FROM"),
        ({"HTTPS_PROXY": "http://proxy"}, "HTTPS_PROXY can't be set for a single source"),
        *(
            ({setting.variable: "1"}, f"{setting.variable} can't be set for a single source")
            for setting in SETTINGS
            if setting.of_process
        ),
    ],
)
def test_an_entry_with_an_invalid_variable_names_it_and_its_source(
    process: Settings, wrong: dict[str, object], says: str
) -> None:
    found = parse(process, a=LABELER | wrong, b=RELAY)
    assert says in found.specs["a"].problem
    assert (found.specs["a"].stream, found.specs["a"].address.host) == (Stream.LABELS, "ozone.test")
    assert found.specs["a"].keys.health == "{sluice}:label_live:health:ozone.test"
    assert found.specs["b"].problem == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no JSON", "no JSON"),
        ('["a"]', "no JSON object"),
        ("{}", "an entry is for one"),
        ('{"INGESTER_MODE": "labeler"}', "INGESTER_LABELER_HOSTS is empty"),
        ('{"INGESTER_MODE": "fast", "INGESTER_RELAY_HOSTS": "a.test"}', "INGESTER_MODE='fast'"),
        ('{"INGESTER_MODE": "firehose", "INGESTER_RELAY_HOSTS": "a.test/path"}', "INGESTER_RELAY_HOSTS"),
        ('{"INGESTER_MODE": "firehose", "INGESTER_RELAY_HOSTS": "a.test,b.test"}', "name 2 streams"),
        ('{"INGESTER_MODE": "all", "INGESTER_RELAY_HOSTS": "a.test"}', "name 2 streams"),
    ],
)
def test_an_entry_whose_source_can_t_be_told_is_rejected_alone(process: Settings, text: str, says: str) -> None:
    found = parse_source_list({"version": "1", "bad": text, "good": json.dumps(LABELER)}, process)
    assert list(found.specs) == ["good"]
    assert says in found.rejected["bad"]


def test_of_two_entries_for_one_source_the_first_that_is_valid_is_read(process: Settings) -> None:
    """The second must not write `halted` into the health hash of the first."""
    found = parse(process, a=LABELER | {"INGESTER_BATCH_SIZE": "x"}, b=LABELER, c=LABELER, d=RELAY)
    assert sorted(found.specs) == ["b", "d"]
    assert "INGESTER_BATCH_SIZE" in found.rejected["a"]
    assert "the entry b reads" in found.rejected["c"]


def test_the_example_of_the_documentation(process: Settings) -> None:
    text = (Path(__file__).parents[4] / "docs" / "redis-contract.md").read_text()
    [(key, version, name, entry)] = re.findall(r"redis-cli HSET (\S+) version (\S+) (\S+) '(.*)'", text)
    found = parse_source_list({"version": version, name: entry}, process)
    assert found.specs[name].problem == ""
    assert str(found.specs[name]) == "label_live of ozone.example.com"
    assert f"GET {key}:applied" in text
