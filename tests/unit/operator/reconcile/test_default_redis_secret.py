"""The Secret with the default URL: one for all sources of a namespace, owned by some of them."""

from base64 import b64encode

import pytest

from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.kubernetes.api_resource import SECRETS, Manifest
from sluice_operator.reconcile.default_redis_secret import MAX_OWNERS
from tests.unit.operator.reconcile.harness import DEFAULT_URL, NAMESPACE, Situation

FORMER = "a-relay-redis-url"


@pytest.fixture
def situation() -> Situation:
    return Situation()


async def create(situation: Situation, *names: str) -> None:
    for name in names:
        situation.apply(name, host=f"{name}.example")
        await situation.reconcile(name)


def owners(situation: Situation) -> list[str]:
    secret = situation.secret()
    assert secret is not None
    assert not any(owner.get("controller") for owner in secret["metadata"]["ownerReferences"])
    return [owner["name"] for owner in secret["metadata"]["ownerReferences"]]


def add_former_secret(situation: Situation, owner: Manifest) -> None:
    """The Secret of an older version, which the Deployment references."""

    def former(secret: Manifest) -> None:
        secret["metadata"]["ownerReferences"] = [owner]

    def references_it(deployment: Manifest) -> None:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (url,) = [one for one in container["env"] if one["name"] == "REDIS_URL"]
        url["valueFrom"]["secretKeyRef"]["name"] = FORMER

    situation.server.edit(SECRETS, NAMESPACE, FORMER, former)
    situation.edit_deployment(references_it)


def names(count: int) -> list[str]:
    return [f"r{number:02}" for number in range(count)]


async def test_all_sources_of_the_namespace_share_it(situation: Situation) -> None:
    await create(situation, "a", "b")
    assert owners(situation) == ["a", "b"]
    for name in ("a", "b"):
        (container,) = situation.deployment(name)["spec"]["template"]["spec"]["containers"]
        (url,) = [one for one in container["env"] if one["name"] == "REDIS_URL"]
        assert url["valueFrom"] == {"secretKeyRef": {"name": DEFAULT_REDIS_SECRET, "key": "url"}}


async def test_the_number_of_owners_is_limited(situation: Situation) -> None:
    await create(situation, *names(MAX_OWNERS))
    await create(situation, "one-more")
    assert owners(situation) == names(MAX_OWNERS)
    assert "PATCH secrets" not in situation.writes()


async def test_the_place_of_a_deleted_owner_is_taken(situation: Situation) -> None:
    await create(situation, *names(MAX_OWNERS + 1))
    situation.delete("r00")
    await situation.reconcile(names(MAX_OWNERS + 1)[-1])
    assert owners(situation) == names(MAX_OWNERS + 1)[1:]


async def test_a_restarted_operator_keeps_the_owners(situation: Situation) -> None:
    await create(situation, "a", "b")
    situation.start_operator()
    for name in ("b", "a"):
        await situation.reconcile(name)
        assert "PATCH secrets" not in situation.writes()


async def test_another_owner_is_no_event(situation: Situation) -> None:
    await create(situation, "a", "b")
    assert [message for message in situation.events("Created") if "Secret" in message] == [
        f"Created Secret {DEFAULT_REDIS_SECRET}"
    ]
    assert situation.events("Updated") + situation.events("ChildRestored") == []


async def test_an_edit_is_restored_once(situation: Situation) -> None:
    await create(situation, "a", "b")

    def change(secret: Manifest) -> None:
        secret["data"] = {"url": b64encode(b"redis://elsewhere").decode()}

    situation.server.edit(SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET, change, manager="somebody")
    for name, writes in (("a", True), ("b", False)):
        await situation.reconcile(name)
        assert ("PATCH secrets" in situation.writes()) == writes
    assert (situation.secret() or {})["data"] == {"url": b64encode(DEFAULT_URL.encode()).decode()}
    assert len(situation.events("ChildRestored")) == 1


async def test_it_may_come_and_go_with_its_last_owner(situation: Situation) -> None:
    for _ in range(6):
        await create(situation, "a")
        assert situation.secret() is not None
        situation.delete("a")
        await situation.reconcile("a")
        situation.collect_garbage()
        assert situation.secret() is None
    assert situation.events("ChildRestored") == []


async def test_it_is_deleted_when_no_source_uses_it(situation: Situation) -> None:
    await create(situation, "a", "b")
    situation.apply("a", redis={"secretRef": {"name": "mine"}})
    await situation.reconcile("a")
    assert situation.secret() is not None
    situation.apply("b", redis={"secretRef": {"name": "mine"}})
    await situation.reconcile("b")
    assert situation.secret() is None


async def test_the_secret_of_an_older_version_is_deleted(situation: Situation) -> None:
    await create(situation, "a")
    (owner,) = situation.deployment()["metadata"]["ownerReferences"]

    add_former_secret(situation, owner)
    situation.start_operator()
    await situation.reconcile("a")
    assert situation.server.get(SECRETS, NAMESPACE, FORMER) is None


async def test_the_secret_of_an_older_version_stays_while_the_deployment_cannot_be_written(
    situation: Situation,
) -> None:
    await create(situation, "a")
    (owner,) = situation.deployment()["metadata"]["ownerReferences"]
    add_former_secret(situation, owner)
    situation.start_operator()
    with situation.server.faults.refuse(403, "Forbidden", "a quota", plural="deployments", method="PATCH"):
        for _ in range(2):
            await situation.reconcile("a")
    assert situation.server.get(SECRETS, NAMESPACE, FORMER) is not None
    situation.clock.advance(60)
    await situation.reconcile("a")
    assert situation.server.get(SECRETS, NAMESPACE, FORMER) is None


async def test_no_deployment_references_a_secret_of_somebody_else(situation: Situation) -> None:
    situation.server.edit(
        SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET, lambda secret: secret.update(data={}), manager="somebody"
    )
    await create(situation, "a")
    assert situation.writes() == ["PATCH relays/status"]
    assert situation.condition("Stalled", "a") == ("True", "ChildConflict")
    (message,) = [one["message"] for one in situation.status("a")["conditions"] if one["type"] == "Stalled"]
    assert "spec.redis.secretRef" in message
    situation.server.delete(SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET)
    await situation.reconcile("a")
    assert "PATCH deployments" in situation.writes()
