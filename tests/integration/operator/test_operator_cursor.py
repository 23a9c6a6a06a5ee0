"""spec.cursor on a real API server and a real Redis: the cursor is set once for each nonce, also after a crash."""

from sluice_redis.contract import HealthField
from tests.integration.operator.situation import Situation, eventually, now


def cursor_spec(position: str | int, nonce: str) -> dict[str, object]:
    return {"cursor": {"position": position, "nonce": nonce}}


def test_the_cursor_is_set_once_for_each_nonce(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream(6_322_875_401)
    situation.apply_relay(**cursor_spec("oldest", "first"))
    done = eventually(lambda: situation.status().get("cursorReset"))
    assert {name: done[name] for name in ("nonce", "from", "to")} == {
        "nonce": "first",
        "from": "6322875401",
        "to": "0",
    }
    assert situation.redis.get(situation.keys.cursor) == "0"

    situation.store(6_322_875_500)  # the ingester has followed the cursor and continued
    situation.wait_reconciled()
    assert situation.redis.get(situation.keys.cursor) == "6322875500"

    situation.apply_relay(**cursor_spec(6_322_875_450, "second"))
    eventually(lambda: situation.status()["cursorReset"]["nonce"] == "second")
    assert situation.redis.get(situation.keys.cursor) == "6322875450"
    messages = [
        "The cursor was set from 6322875401 to 0, as spec.cursor asks (nonce first)",
        "The cursor was set from 6322875500 to 6322875450, as spec.cursor asks (nonce second)",
    ]
    eventually(lambda: situation.event_messages("CursorReset") == messages)
    assert not situation.event_messages("CursorMovedBack")


def test_a_cursor_is_not_set_twice_if_the_status_was_not_written(situation: Situation) -> None:
    """The operator may die after the write to Redis, and before that to the API server."""
    fields = {
        HealthField.RESET_NONCE: "first",
        HealthField.RESET_FROM: "12",
        HealthField.RESET_TO: "0",
        HealthField.RESET_AT: now(),
    }
    situation.redis.hset(situation.keys.health, mapping={str(name): value for name, value in fields.items()})
    situation.redis.set(situation.keys.cursor, "77")
    situation.apply_relay(**cursor_spec("oldest", "first"))
    done = eventually(lambda: situation.status().get("cursorReset"))
    assert (done["from"], situation.redis.get(situation.keys.cursor)) == ("12", "77")


def test_the_cursor_of_a_suspended_source_is_set(situation: Situation) -> None:
    situation.apply_relay(suspend=True, **cursor_spec("live", "first"))
    eventually(lambda: situation.status()["cursorReset"]["to"] == "!live")
    assert situation.redis.get(situation.keys.cursor) == "!live"


def test_a_refused_reset_is_reported_once_and_retried(situation: Situation) -> None:
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
