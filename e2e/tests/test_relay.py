"""A Relay on a real cluster, from `kubectl apply` to deletion: events in Redis, the table, restarts, repairs."""

import json
import operator
from functools import partial

from e2e import manifests
from e2e.tests.relay import CONTAINER
from e2e.tests.sluice import DEFAULT_DATABASE, Sluice
from e2e.tests.wait import eventually

NO_MARK = {"highWaterMark": 10_000_000}

# Well below the operator's resync interval of 300 s: only what it does on a change can be so quick.
BEFORE_RESYNC_SECONDS = 120


def test_an_applied_relay_becomes_ready_and_its_events_are_in_redis(sluice: Sluice) -> None:
    """Apply, Ready, and every event of the source in the stream: exactly once, in order."""
    source = sluice.simulator("plain", "--rate", "200", database=DEFAULT_DATABASE)
    relay = sluice.relay("plain", host=source.address, firehose={"collections": ["*"]}, backpressure=NO_MARK)
    relay.wait_ready()
    sluice.assert_exactly_once(source, events=2_000)


def test_the_table_answers_the_questions_of_the_hand_run_deployment(sluice: Sluice) -> None:
    """Cursor, lag, rate, restarts and the reason in one table; conditions of this generation."""
    source = sluice.simulator("table", "--rate", "100")
    relay = sluice.relay("table", source=source)
    relay.wait_ready()
    eventually(relay.status, until=lambda status: float(status["firehose"].get("eventsPerSecond", 0)) > 0)
    header, row = relay.kubectl("get", relay.resource).splitlines()
    assert header.split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    name, _, ready, cursor, *_, reason = row.split()
    assert (name, ready, reason) == ("table", "True", "Streaming")
    assert int(cursor) in source.seqs
    body = relay.body()
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    assert all(
        condition["observedGeneration"] == body["metadata"]["generation"] for condition in body["status"]["conditions"]
    )
    assert not body["metadata"].get("finalizers")
    assert set(body["metadata"].get("annotations", {})) <= {"kubectl.kubernetes.io/last-applied-configuration"}


def test_a_killed_pod_is_counted_and_loses_nothing(sluice: Sluice) -> None:
    """Deleting the pod by force raises the count of restarts; the stream has no gap and no double."""
    source = sluice.simulator("killed", "--rate", "200")
    relay = sluice.relay("killed", source=source, firehose={"collections": ["*"]})
    relay.wait_ready()
    assert relay.status()["restarts"]["count"] == 0
    for count in (1, 2):
        relay.kubectl("delete", "pod", relay.pod_name(), "--grace-period=0", "--force")
        eventually(relay.restarts, until=partial(operator.le, count))
        relay.wait_ready()
    assert relay.restarts() == 2
    sluice.assert_exactly_once(source, events=3_000)


def test_an_edited_or_deleted_deployment_is_restored_before_the_next_resync(sluice: Sluice) -> None:
    """The operator restores what others change or delete, long before the next resync."""
    source = sluice.simulator("edited", "--rate", "20")
    relay = sluice.relay("edited", source=source)
    relay.wait_ready()

    relay.kubectl("scale", f"deployment/{relay.deployment}", "--replicas=3")
    eventually(relay.replicas, until=lambda replicas: replicas == 1, within=BEFORE_RESYNC_SECONDS)

    patch = {"spec": {"template": {"spec": {"containers": [{"name": CONTAINER, "image": "localhost/other"}]}}}}
    relay.kubectl("patch", f"deployment/{relay.deployment}", "--patch", json.dumps(patch))
    eventually(relay.image, until=lambda image: image == sluice.image, within=BEFORE_RESYNC_SECONDS)

    uid, _ = relay.identity()
    relay.kubectl("delete", f"deployment/{relay.deployment}", "--wait=false")
    eventually(relay.identity, until=lambda seen: seen[0] not in {"", uid}, within=BEFORE_RESYNC_SECONDS)
    relay.wait_ready()


def test_suspend_stops_and_resume_continues_from_the_cursor(sluice: Sluice) -> None:
    """Suspended: no pod, Ready with reason Suspended. Resumed: nothing is missing."""
    source = sluice.simulator("paused", "--rate", "100")
    relay = sluice.relay("paused", source=source, firehose={"collections": ["*"]})
    relay.wait_ready()

    relay.patch({"spec": {"suspend": True}})
    relay.wait_condition("Suspended")
    eventually(relay.pods, until=lambda pods: pods == [])
    ready = eventually(
        lambda: relay.condition("Ready"), until=lambda seen: seen.get("reason") == "Suspended", within=60
    )
    assert ready["status"] == "True"
    cursor = sluice.cursor(source)
    source.wait_sent(cursor + 300)
    assert sluice.cursor(source) == cursor

    relay.patch({"spec": {"suspend": False}})
    eventually(lambda: sluice.cursor(source), until=lambda seen: seen > cursor)
    relay.wait_ready()
    assert relay.restarts() == 0
    sluice.assert_exactly_once(source, events=2_000)


def test_a_bad_spec_is_refused_with_what_to_do(sluice: Sluice) -> None:
    """The message of the API server says what is wrong. Nothing is created."""
    refusal = sluice.refused(manifests.relay(name="bad", namespace=sluice.namespace, host="https://relay.example/xrpc"))
    assert "host" in refusal
    refusal = sluice.refused(
        manifests.relay(
            name="bad", namespace=sluice.namespace, host="relay.example", firehose={"startFrom": "yesterday"}
        )
    )
    assert "startFrom" in refusal
    assert "oldest" in refusal
    refusal = sluice.refused(manifests.relay(name="bad", namespace=sluice.namespace, host="relay.example", hosts=[]))
    assert "hosts" in refusal


def test_a_changed_secret_rolls_the_pod_and_a_missing_one_is_named(sluice: Sluice) -> None:
    """The URL of the pod's Redis is in a Secret of the user. A change of its content rolls the pod."""
    source = sluice.simulator("secret", "--rate", "50")
    relay = sluice.relay("secret", host=source.address, redis={"secretRef": {"name": "my-redis", "key": "url"}})
    missing = eventually(
        lambda: relay.condition("Ready"),
        until=lambda ready: ready.get("reason") == "SecretMissing",
    )
    assert missing["status"] == "False"
    assert "my-redis" in missing["message"]

    sluice.secret("my-redis", url=sluice.url_in_cluster(source))
    relay.wait_ready()
    pod = relay.pod_name()
    sluice.secret("my-redis", url=sluice.url_in_cluster(source, db=str(source.database)))
    eventually(relay.pod_name, until=lambda name: name != pod)
    relay.wait_ready()
    assert relay.restarts() == 0


def test_full_speed_fits_into_64_mebibytes(sluice: Sluice) -> None:
    """Reading as fast as it can, the ingester is never OOMKilled with a limit of 64Mi."""
    source = sluice.simulator("fast", "--rate", "0", "--limit", "50000", "--corpus", "2000")
    relay = sluice.relay(
        "fast",
        source=source,
        firehose={"collections": ["*"]},
        backpressure=NO_MARK,
        podTemplate={"resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "64Mi"}}},
    )
    last = source.wait_all_sent()
    eventually(lambda: sluice.cursor(source), until=lambda seen: seen >= last)
    assert relay.restarts() == 0


def test_a_deleted_relay_leaves_nothing(sluice: Sluice) -> None:
    """There is no finalizer, and the garbage collector deletes all children."""
    source = sluice.simulator("gone", "--rate", "20")
    relay = sluice.relay("gone", source=source)
    relay.wait_ready()
    relay.delete()
    eventually(relay.children, until=lambda children: children == [])
