"""The Redis URL of a source: a new URL restarts the ingester, and an unreadable Secret does not."""

from base64 import b64encode

import pytest

from sluice_operator.kubernetes.api_resource import SECRETS, Manifest
from sluice_operator.kubernetes.errors import ApiError, IncompleteError
from tests.unit.operator.reconcile.harness import KEYS, NAMESPACE, Situation

URL, OTHER_URL = b"redis://mine.data", b"redis://other.data"


def put_secret(situation: Situation, url: bytes) -> None:
    def change(secret: Manifest) -> None:
        secret["data"] = {"url": b64encode(url).decode()}

    situation.server.edit(SECRETS, NAMESPACE, "mine", change)


@pytest.fixture
async def situation() -> Situation:
    """A Relay with a Secret of its own, whose ingester runs."""
    situation = Situation()
    put_secret(situation, URL)
    situation.apply(redis={"secretRef": {"name": "mine"}})
    await situation.reconcile()
    situation.run_pod()
    situation.redis.server(URL).set(KEYS.cursor, "7")
    await situation.reconcile()
    return situation


def template(situation: Situation) -> Manifest:
    found: Manifest = situation.deployment()["spec"]["template"]
    return found


async def test_a_new_url_changes_the_pod_template_and_records_an_event(situation: Situation) -> None:
    before = template(situation)
    put_secret(situation, OTHER_URL)
    await situation.reconcile()
    assert template(situation) != before
    assert len(situation.events("SecretChanged")) == 1


async def test_a_deleted_secret_keeps_the_pod_template(situation: Situation) -> None:
    before = template(situation)
    situation.server.delete(SECRETS, NAMESPACE, "mine")
    await situation.reconcile()
    assert template(situation) == before
    assert situation.condition("Ready") == ("False", "SecretMissing")


async def test_while_the_secret_cannot_be_read_the_last_url_is_used(situation: Situation) -> None:
    before = template(situation)
    situation.redis.server(URL).set(KEYS.cursor, "8")
    situation.clock.advance(60)
    with situation.server.faults.refuse(503, plural="secrets"):
        for _ in range(2):
            with pytest.raises(IncompleteError):
                await situation.reconcile()
    assert template(situation) == before
    assert situation.status()["firehose"]["cursor"] == "8"


async def test_a_source_without_a_url_has_no_pod(situation: Situation) -> None:
    situation.apply("b", host="other.example", redis={"secretRef": {"name": "absent"}})
    await situation.reconcile("b")
    assert situation.writes() == ["PATCH relays/status"]
    assert situation.condition("Ready", "b") == ("False", "SecretMissing")


async def test_without_the_lease_of_the_namespace_nothing_is_written_to_redis(situation: Situation) -> None:
    situation.apply(cursor={"position": 3, "nonce": "one"}, deletionPolicy="DeleteCursor")
    situation.is_write_allowed = False
    with pytest.raises(ApiError):
        await situation.reconcile()
    assert situation.redis.server(URL).get(KEYS.cursor) == "7"
    situation.is_write_allowed = True
    situation.clock.advance(60)
    await situation.reconcile()
    assert situation.redis.server(URL).get(KEYS.cursor) == "3"
    situation.delete()
    await situation.reconcile()
    situation.collect_garbage()
    situation.end_pod()
    situation.is_write_allowed = False
    with pytest.raises(ApiError):
        await situation.reconcile()
    assert situation.redis.server(URL).get(KEYS.cursor) == "3"
