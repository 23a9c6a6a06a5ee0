"""Two resources with one cursor: they never both run, also when the operator restarts."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.deletion import without_validation
from tests.integration.operator.duplicate_source import add_resource, resource_of, wait_next_timestamp
from tests.integration.operator.situation import Situation, eventually

START = Callable[..., OperatorProcess]


@pytest.fixture
def start(own_operator: START, place: Situation, other_place: Situation) -> START:
    """Starts an operator that serves only these two namespaces."""

    def start(**environment: str) -> OperatorProcess:
        url = f"redis://:s3cret@127.0.0.1:{place.sink.port}/0"
        namespaces = f"{place.namespace},{other_place.namespace}"
        operator = own_operator(SLUICE_WATCH_NAMESPACES=namespaces, SLUICE_DEFAULT_REDIS_URL=url, **environment)
        place.operator = operator
        return operator

    return start


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")], ids=["in order", "out of order"])
def test_a_restart_never_starts_both(
    place: Situation, other_place: Situation, start: START, names: tuple[str, str]
) -> None:
    """A new operator knows both resources at once, but not yet the content of their Secrets."""
    for namespace in (place, other_place):
        namespace.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
    redis = {"secretRef": {"name": "mine"}}
    older = add_resource(of=place, name=names[0])
    younger = add_resource(of=place, name=names[1], namespace=other_place.namespace)
    older.apply(redis=redis)
    wait_next_timestamp()
    younger.apply(redis=redis)
    for _ in range(3):
        operator = start()
        older.wait_running()
        younger.wait_stalled_by(older)
        operator.stop(signal.SIGKILL)
    assert older.deployment_generation() == younger.deployment_generation() == 1  # never scaled up, never scaled down
    assert "Stalled" not in {
        event["reason"] for event in place.all("Event") if event["involvedObject"]["name"] == older.name
    }


def test_resources_with_the_same_creation_timestamp(place: Situation, start: START) -> None:
    ones = [add_resource(of=place, name=name) for name in ("a", "b", "c")]
    operator = start()
    for one in reversed(ones):
        one.apply()
    oldest = min(ones, key=lambda one: (one.get()["metadata"]["creationTimestamp"], one.name))

    def the_oldest_runs() -> bool:
        return [one.name for one in ones if one.replicas()] == [oldest.name]

    eventually(the_oldest_runs)
    place.wait_reconciled(5 * len(ones))
    assert the_oldest_runs()
    operator.stop()
    start()
    place.wait_reconciled(5 * len(ones))
    assert the_oldest_runs()


def test_a_resource_does_not_read_the_secrets_of_its_duplicates(place: Situation, start: START) -> None:
    """Six resources with one host, each with its own Redis."""
    start(SLUICE_OBSERVE_INTERVAL_SECONDS="3")
    ones = [add_resource(of=place, name=f"n{number}") for number in range(6)]
    for number, one in enumerate(ones):
        place.apply_secret(one.name, url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/{number}")
        one.apply(redis={"secretRef": {"name": one.name}})
    for one in ones:
        one.wait_running()
    log, began = place.control_plane.audit.from_now(), time.monotonic()

    def reads() -> list[int]:
        read = [request.name for request in log.requests() if (request.verb, request.resource) == ("get", "secrets")]
        return [read.count(one.name) for one in ones]

    eventually(lambda: min(reads()) >= 6)
    seconds = time.monotonic() - began
    # The start may cost one or two reads more. If each read all Secrets, there would be six times as many.
    assert max(reads()) <= seconds / 3 + 4, (reads(), seconds)


def test_an_older_resource_with_an_unreadable_spec_keeps_its_cursor(place: Situation, start: START) -> None:
    """This happens after an upgrade to a CRD that refuses a value which an older CRD accepted."""
    operator = start()
    older, younger = resource_of(place), add_resource(of=place, name="a-younger")
    older.apply()
    older.wait_running()
    with without_validation(place.control_plane, "image"):
        eventually(lambda: older.apply(image="not an image") is None)
    eventually(lambda: (older.condition("Stalled") or {})["reason"] == "InvalidSpec")
    wait_next_timestamp()
    younger.apply()
    younger.wait_stalled_by(older)
    operator.stop(signal.SIGKILL)
    start()
    place.wait_reconciled(10)
    younger.wait_stalled_by(older)
    assert (older.replicas(), younger.deployment_generation()) == (1, 1)


def test_the_secret_of_the_older_resource_is_deleted_while_its_pods_run(place: Situation, start: START) -> None:
    operator = start()
    url = f"redis://:s3cret@127.0.0.1:{place.sink.port}/0"
    place.apply_secret("mine", url=url)
    place.apply_secret("other", url=url)
    older, younger = resource_of(place), add_resource(of=place, name="a-younger")
    older.apply(redis={"secretRef": {"name": "mine"}})
    older.wait_running()
    wait_next_timestamp()
    younger.apply(redis={"secretRef": {"name": "other"}})
    younger.wait_stalled_by(older)
    place.delete("Secret", "mine")
    operator.stop(signal.SIGKILL)
    start()
    place.wait_reconciled(16)
    younger.wait_stalled_by(older)
    assert younger.deployment_generation() == 1
