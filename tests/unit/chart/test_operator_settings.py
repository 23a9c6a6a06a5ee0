"""The chart's values for the operator's settings have the defaults, limits and choices of the settings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from sluice_common.logs import LogFormat
from sluice_operator.api.source_spec import ImagePullPolicy
from sluice_operator.settings import Settings

CHART = Path(__file__).parents[3] / "charts" / "sluice"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["operator"]
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
SETTINGS = Settings.model_json_schema()["properties"]


@pytest.mark.parametrize(
    ("value", "setting"), [("statusIntervalSeconds", "status_interval_seconds"), ("logFormat", "LOG_FORMAT")]
)
def test_a_value_has_the_default_of_its_setting(value: str, setting: str) -> None:
    assert VALUES[value] == SETTINGS[setting]["default"]


def test_the_status_interval_has_the_limits_of_its_setting() -> None:
    value = SCHEMA["properties"]["operator"]["properties"]["statusIntervalSeconds"]
    setting = SETTINGS["status_interval_seconds"]
    assert (value["minimum"], value["maximum"]) == (setting["minimum"], setting["maximum"])


def test_the_choices_are_those_of_the_settings() -> None:
    assert SCHEMA["properties"]["operator"]["properties"]["logFormat"]["enum"] == list(LogFormat)
    assert SCHEMA["definitions"]["image"]["properties"]["pullPolicy"]["enum"] == list(get_args(ImagePullPolicy))


def test_the_port_is_that_of_the_settings(render: Callable[..., Any]) -> None:
    rendered = render(metrics={"serviceMonitor": {"enabled": True}})
    (container,) = rendered.one("Deployment", "sluice")["spec"]["template"]["spec"]["containers"]
    assert [port["containerPort"] for port in container["ports"]] == [SETTINGS["port"]["default"]]
    services = [item for item in rendered if item["kind"] == "Service" and "redis" not in item["metadata"]["name"]]
    assert [port["port"] for service in services for port in service["spec"]["ports"]] == [SETTINGS["port"]["default"]]
