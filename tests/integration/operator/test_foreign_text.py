"""Invalid text in Redis leads to a status that the API server accepts and people can read."""

from typing import Any

import pytest

from sluice_redis.contract import HealthField, SourceState
from tests.integration.operator.situation import NAME, Situation, eventually

ODD = {
    "latin-1": (b"Erreur de base de donn\xe9es", "Erreur de base de donn\u00e9es"),
    "controls": (b"red \x1b[31m\x00 and\r\na second line", "red \\x1b[31m\\x00 and a second line"),
    "marks": ("right \u202e to left \u200b".encode(), "right \\u202e to left \\u200b"),
    "half": (b"half \xed\xa0\xbd of it", "half"),
    "long": ("\N{GRINNING FACE}".encode() * 100_000, "\N{GRINNING FACE}" * 400),
}


@pytest.mark.parametrize("odd", ODD)
def test_the_reason_of_a_waiting_source_is_readable(situation: Situation, odd: str) -> None:
    written, shown = ODD[odd]
    situation.apply_relay()
    pod = situation.stream()
    situation.report(SourceState.WAITING, "Http500", "first", pod=pod)
    texts = (
        HealthField.MESSAGE,
        HealthField.LAST_ERROR,
        HealthField.VERSION,
        HealthField.LOST_REASON,
        HealthField.LOST_FROM,
        HealthField.RESET_FROM,
    )
    situation.redis.hset(situation.keys.health, mapping=dict.fromkeys(texts, written))
    situation.redis.hset(
        situation.keys.health, mapping={written[:500]: written, HealthField.EVENT_TIME: "0001-01-01T00:00:00+14:00"}
    )

    def is_reported() -> bool:
        status: dict[str, Any] = situation.status()
        (connected,) = (item for item in status["conditions"] if item["type"] == "Connected")
        for text in (connected["message"], status["firehose"]["lastError"]):
            assert shown in text
            assert text.isprintable()
        return True

    eventually(is_reported)
    assert all(message.isprintable() for _, message in situation.events())


def test_an_emoji_in_the_environment_reaches_the_pod(situation: Situation) -> None:
    smile = "\N{GRINNING FACE} \x7f"
    situation.apply_relay()
    situation.patch("Relay", NAME, {"spec": {"podTemplate": {"env": [{"name": "SMILE", "value": smile}]}}})

    def is_in_pod() -> bool:
        (container,) = situation.deployment()["spec"]["template"]["spec"]["containers"]
        return {"name": "SMILE", "value": smile} in container["env"]

    eventually(is_in_pod)
