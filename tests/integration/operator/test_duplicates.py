"""Two resources with one cursor: the older one streams, and the younger one is Stalled."""

from sluice_redis.contract import HealthField, SourceState
from tests.integration.operator.control_plane import Manifest
from tests.integration.operator.deletion import bind_to_node, end_pod
from tests.integration.operator.duplicate_source import SourceResource, add_resource, resource_of, wait_next_timestamp
from tests.integration.operator.situation import NAME, Situation, eventually


def test_the_younger_resource_stalls_and_takes_over(situation: Situation) -> None:
    older, younger = resource_of(situation), add_resource(of=situation, name="a-younger")
    older.apply()
    pod = situation.stream()
    wait_next_timestamp()
    younger.apply(cursor={"position": "oldest", "nonce": "mine"})
    younger.wait_stalled_by(older)
    status = younger.get()["status"]
    conditions = {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}
    assert conditions["Ready"] == ("False", "DuplicateSource")
    assert "Reconciling" not in conditions
    assert conditions["Connected"] == conditions["EventsFlowing"] == ("False", "DuplicateSource")
    assert conditions["CursorValid"] == conditions["SinkWritable"] == ("Unknown", "DuplicateSource")
    assert "firehose" not in status  # the numbers belong to the other resource
    # It must not set the cursor of the other resource.
    assert situation.redis.get(situation.keys.cursor) == "6322875401"
    situation.report(SourceState.STREAMING, pod=pod)  # an old report is ignored
    situation.wait_condition("Ready", "True", "Streaming")
    assert situation.deployment()["spec"]["replicas"] == 1

    younger.apply()
    bind_to_node(situation, pod)
    older.delete()
    eventually(lambda: "deletionTimestamp" in pod_now(situation, pod)["metadata"])
    eventually(lambda: (younger.condition("Reconciling") or {})["reason"] == "DuplicateSource")
    situation.wait_reconciled(8)
    assert younger.replicas() == 0  # the pod of the older resource may still write
    end_pod(situation, pod)
    younger.wait_running()
    situation.redis.delete(situation.keys.health)


def pod_now(situation: Situation, pod: Manifest) -> Manifest:
    found: Manifest = situation.get("Pod", pod["metadata"]["name"])
    return found


def test_a_duplicate_in_another_namespace_with_another_redis_user(situation: Situation, other_place: Situation) -> None:
    client = situation.redis
    client.execute_command("ACL", "SETUSER", "other", "on", ">pass", "~*", "&*", "+@all")
    other_place.apply_secret("mine", url=f"redis://other:pass@127.0.0.1:{situation.sink.port}")
    redis = {"secretRef": {"name": "mine"}}
    older, younger = resource_of(situation), add_resource(of=situation, name=NAME, namespace=other_place.namespace)
    younger_but_apart = add_resource(of=situation, name="apart", namespace=other_place.namespace)
    older.apply()
    older.wait_running()
    wait_next_timestamp()
    younger.apply(redis=redis)
    younger_but_apart.apply(redis={**redis, "keyPrefix": "apart:"})
    younger.wait_stalled_by(older)
    younger_but_apart.wait_running()

    younger.apply(redis={**redis, "keyPrefix": "mine:"})
    younger.wait_running()
    younger.apply(redis=redis)
    younger.wait_stalled_by(older)
    other_place.apply_secret("mine", url=f"redis://other:pass@127.0.0.1:{situation.sink.port}/7")
    younger.wait_running()


def test_other_streams_and_other_kinds_are_not_duplicates(situation: Situation) -> None:
    older, lists = resource_of(situation), add_resource(of=situation, name="lists")
    labels = SourceResource(
        situation.control_plane, situation.namespace, "labels", f"ws://{situation.host}", kind="Labeler"
    )
    older.apply()
    wait_next_timestamp()
    lists.apply(firehose={"enabled": False}, backfill={"enabled": True})
    labels.apply()
    eventually(lambda: lists.condition("Ready"))
    assert lists.condition("Stalled") is None
    eventually(lambda: lists.replicas("backfill") == 1)
    eventually(lambda: labels.condition("Ready"))
    assert labels.condition("Stalled") is None
    lists.apply(firehose={"enabled": True}, backfill={"enabled": True})
    lists.wait_stalled_by(older)
    assert lists.replicas("backfill") == 1  # the backfill has its own cursor


def test_a_suspended_older_resource_keeps_its_cursor(situation: Situation) -> None:
    older, younger = resource_of(situation), add_resource(of=situation, name="a-younger")
    older.apply(suspend=True)
    wait_next_timestamp()
    younger.apply()
    younger.wait_stalled_by(older)
    younger.apply(suspend=True)
    eventually(lambda: (younger.condition("Ready") or {}).get("reason") == "Suspended")
    older.delete()
    younger.apply()
    younger.wait_running()


def test_deleting_the_younger_resource_keeps_the_cursor_of_the_older_one(situation: Situation) -> None:
    older, younger = resource_of(situation), add_resource(of=situation, name="a-younger")
    older.apply()
    situation.stream()
    wait_next_timestamp()
    younger.apply(deletionPolicy="DeleteCursor")
    younger.wait_stalled_by(older)
    younger.delete()
    eventually(lambda: "a-younger" not in situation.names("Relay"))
    assert situation.redis.get(situation.keys.cursor) == "6322875401"
    assert situation.redis.hget(situation.keys.health, HealthField.STATE) == "streaming"
    message = situation.event_messages("CursorNotDeleted")[0]
    assert f"firehose_live:cursor:{situation.host} is kept: {older} goes on from it" in message
    assert "Warning" not in {event["type"] for event in situation.all("Event") if "is kept" in event["message"]}


def test_an_older_resource_that_is_being_deleted_keeps_its_cursor_until_it_is_gone(situation: Situation) -> None:
    older, younger = resource_of(situation), add_resource(of=situation, name="a-younger")
    older.apply()
    older.wait_running()
    situation.patch("Relay", NAME, {"metadata": {"finalizers": ["example.com/other"]}})
    wait_next_timestamp()
    older.delete()
    younger.apply()

    def waits() -> bool:
        found = younger.condition("Reconciling")
        assert found is not None, younger.get()["status"]
        assert (found["reason"], younger.condition("Stalled")) == ("DuplicateSource", None)
        assert f"{older} still owns the cursor and is being deleted" in found["message"]
        return younger.replicas() == 0

    eventually(waits)
    situation.patch("Relay", NAME, {"metadata": {"finalizers": None}})
    younger.wait_running()
