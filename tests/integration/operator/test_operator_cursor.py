"""spec.cursor on a real API server and a real Redis: once for each nonce, whatever ends in between."""

from sluice_redis.contract import HealthField
from tests.integration.operator.situation import Situation, eventually, now


def ask(position: str | int, nonce: str) -> dict[str, object]:
    return {"cursor": {"position": position, "nonce": nonce}}


def test_the_cursor_is_set_once_for_each_nonce(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream(6_322_875_401)
    situation.apply_relay(**ask("oldest", "first"))
    done = eventually(lambda: situation.status().get("cursorReset"))
    assert {name: done[name] for name in ("nonce", "from", "to")} == {
        "nonce": "first",
        "from": "6322875401",
        "to": "0",
    }
    assert situation.redis.get(situation.keys.cursor) == "0"

    situation.store(6_322_875_500)  # the ingester has followed and gone on
    situation.wait_reconciled()
    assert situation.redis.get(situation.keys.cursor) == "6322875500"

    situation.apply_relay(**ask(6_322_875_450, "second"))
    eventually(lambda: situation.status()["cursorReset"]["nonce"] == "second")
    assert situation.redis.get(situation.keys.cursor) == "6322875450"
    told = [
        "The cursor was set from 6322875401 to 0, as spec.cursor asks (nonce first)",
        "The cursor was set from 6322875500 to 6322875450, as spec.cursor asks (nonce second)",
    ]
    eventually(lambda: situation.event_messages("CursorReset") == told)
    assert not situation.event_messages("CursorMovedBack")


def test_a_status_that_was_never_written_does_not_set_it_twice(situation: Situation) -> None:
    """As if the operator had died between Redis and the API server."""
    fields = {
        HealthField.RESET_NONCE: "first",
        HealthField.RESET_FROM: "12",
        HealthField.RESET_TO: "0",
        HealthField.RESET_AT: now(),
    }
    situation.redis.hset(situation.keys.health, mapping={str(name): value for name, value in fields.items()})
    situation.redis.set(situation.keys.cursor, "77")
    situation.apply_relay(**ask("oldest", "first"))
    done = eventually(lambda: situation.status().get("cursorReset"))
    assert (done["from"], situation.redis.get(situation.keys.cursor)) == ("12", "77")


def test_a_suspended_source_has_its_cursor_set_too(situation: Situation) -> None:
    situation.apply_relay(suspend=True, **ask("live", "first"))
    eventually(lambda: situation.status()["cursorReset"]["to"] == "!live")
    assert situation.redis.get(situation.keys.cursor) == "!live"


def test_one_that_redis_refuses_is_told_of_once_and_leaves_room_for_other_news(situation: Situation) -> None:
    situation.redis.execute_command("ACL", "SETUSER", situation.namespace, "on", ">x", "~*", "+@all", "-set")
    url = f"redis://{situation.namespace}:x@127.0.0.1:{situation.sink.port}/0"
    situation.apply_secret("mine", url=url)
    spec = {"redis": {"secretRef": {"name": "mine"}}, "cursor": {"position": "oldest", "nonce": "once"}}
    situation.apply_relay(**spec)
    situation.stream()
    situation.wait_events("CursorResetFailed")
    situation.wait_reconciled(12)
    (event,) = [event for event in situation.all("Event") if event["reason"] == "CursorResetFailed"]
    assert "may not call SET" in event["message"]
    assert event["count"] == 1
    situation.redis.execute_command("ACL", "SETUSER", situation.namespace, "+set")
    eventually(lambda: situation.status()["cursorReset"]["nonce"] == "once")
