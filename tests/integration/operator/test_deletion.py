"""spec.deletionPolicy on a real API server and a real Redis: what is deleted, and what stays."""

from sluice_operator.api.deletion import FINALIZER
from sluice_redis.contract import Stream, StreamKeys
from tests.integration.operator.control_plane import ApiServerError, path_of
from tests.integration.operator.deletion import DELETE_CURSOR, bind_to_node, end_pod, finalizers, is_gone, redis_keys
from tests.integration.operator.situation import NAME, Situation, eventually

OTHERS = "example.com/other"


def stored(situation: Situation) -> set[str]:
    """Write what a Relay with a backfill leaves in Redis. Returns the keys of its host."""
    backfill = StreamKeys(stream=Stream.BACKFILL, host=situation.host)
    situation.store(12)
    situation.redis.set(backfill.cursor, "page-2")
    situation.redis.hset(backfill.health, "state", "done")
    return {situation.keys.cursor, situation.keys.health, backfill.cursor, backfill.health}


def test_the_finalizer_follows_the_policy_and_nothing_else_changes(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    assert finalizers(situation) == []
    situation.patch(situation.kind, NAME, {"metadata": {"finalizers": [OTHERS]}})
    situation.apply_relay(**DELETE_CURSOR)
    eventually(lambda: finalizers(situation) == [OTHERS, FINALIZER])
    before = situation.relay()
    situation.apply_relay(**DELETE_CURSOR)  # as a GitOps tool does repeatedly
    situation.wait_reconciled()
    assert (finalizers(situation), situation.relay()["spec"]) == ([OTHERS, FINALIZER], before["spec"])
    managers = {entry["manager"]: entry for entry in situation.relay()["metadata"]["managedFields"]}
    written = managers["sluice-operator-finalizer"]["fieldsV1"]
    assert set(written) == {"f:metadata"}
    assert set(written["f:metadata"]) == {"f:finalizers"}
    situation.apply_relay(deletionPolicy="Retain")
    eventually(lambda: finalizers(situation) == [OTHERS])
    situation.patch(situation.kind, NAME, {"metadata": {"finalizers": None}})


def test_a_removed_finalizer_is_restored(situation: Situation) -> None:
    situation.apply_relay(**DELETE_CURSOR)
    eventually(lambda: finalizers(situation) == [FINALIZER])
    situation.patch(situation.kind, NAME, {"metadata": {"finalizers": None}})
    eventually(lambda: finalizers(situation) == [FINALIZER])


def test_a_refused_finalizer_is_reported_once_and_the_source_streams(situation: Situation) -> None:
    """An admission policy refuses the finalizer."""
    namespace = situation.namespace
    rule = {"apiGroups": ["sluice.dev"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["relays"]}
    validation = {"expression": "!has(object.metadata.finalizers)", "message": "no finalizers here"}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    group, metadata = "admissionregistration.k8s.io/v1", {"name": namespace}
    situation.control_plane.apply(
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]},
        },
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {
                "policyName": namespace,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": selector},
            },
        },
    )

    def is_in_force() -> bool:
        path = path_of(situation.kind, namespace, NAME) + "?dryRun=All"
        body = {"metadata": {"finalizers": [OTHERS]}}
        try:
            situation.control_plane.request("PATCH", path, body, kind="application/merge-patch+json")
        except ApiServerError as error:
            return "no finalizers here" in str(error)
        return False

    try:
        situation.apply_relay()
        eventually(is_in_force)
        situation.apply_relay(**DELETE_CURSOR)
        situation.stream()
        situation.wait_events("CursorNotDeleted")
        situation.wait_reconciled()
        (event,) = [event for event in situation.all("Event") if event["reason"] == "CursorNotDeleted"]
        assert (event["type"], event["count"]) == ("Warning", 1)
        assert "no finalizers here" in event["message"]
        assert finalizers(situation) == []
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            situation.control_plane.request("DELETE", path_of(kind, None, namespace))


def test_cursors_and_health_are_deleted_and_streams_stay(situation: Situation) -> None:
    situation.apply_relay(**DELETE_CURSOR)
    situation.stream()
    entries = situation.redis.xlen(situation.keys.entries)
    assert redis_keys(situation) == {situation.keys.cursor, situation.keys.health}
    assert redis_keys(situation) < stored(situation)  # the keys of a backfill that was switched off since
    situation.delete(situation.kind, NAME)
    eventually(lambda: is_gone(situation))
    assert redis_keys(situation) == set()
    assert situation.redis.xlen(situation.keys.entries) == entries + 1
    assert situation.all("Deployment") == situation.all("Pod") == []
    assert f"firehose_live:cursor:{situation.host}" in situation.event_messages("CursorDeleted")[0]
    assert not situation.event_messages("CursorNotDeleted")


def test_with_retain_the_resource_is_deleted_at_once_and_the_cursor_stays(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    situation.delete(situation.kind, NAME)
    assert is_gone(situation)
    eventually(lambda: situation.all("Deployment") == [])  # a new garbage collector has to learn of the kind first
    situation.wait_others_reconciled()
    assert situation.redis.get(situation.keys.cursor) == "6322875401"
    assert situation.all("Deployment") == []


def test_the_deletion_waits_for_the_pods(situation: Situation) -> None:
    situation.apply_relay(**DELETE_CURSOR)
    pod = situation.stream()
    bind_to_node(situation, pod)
    situation.delete(situation.kind, NAME)
    situation.wait_condition("Reconciling", "True", "Terminating")

    def is_reported() -> bool:
        message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Ready")
        return f"pod {pod['metadata']['name']}" in message

    eventually(is_reported)
    situation.wait_reconciled()
    assert is_reported()
    assert situation.redis.get(situation.keys.cursor) == "6322875401"
    assert situation.condition("Ready") == ("False", "Terminating")
    situation.store(6_322_875_500)  # the ingester still runs
    end_pod(situation, pod)
    eventually(lambda: is_gone(situation))
    assert redis_keys(situation) == set()
    assert {"Resumed", "Recovered", "Disconnected"}.isdisjoint(reason for reason, _ in situation.events())


def test_foreign_finalizers_delay_the_deletion_and_are_reported(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    situation.patch(situation.kind, NAME, {"metadata": {"finalizers": [OTHERS]}})
    situation.delete(situation.kind, NAME)
    situation.wait_condition("Reconciling", "True", "Terminating")
    situation.delete("Deployment", situation.child)
    situation.wait_reconciled()
    assert situation.all("Deployment") == []  # no child is created for a resource that is being deleted
    situation.patch(situation.kind, NAME, {"metadata": {"finalizers": None}})
    eventually(lambda: is_gone(situation))


def test_foreground_deletion(situation: Situation) -> None:
    situation.apply_relay(**DELETE_CURSOR)
    situation.stream()
    situation.kubectl("delete", "relay", NAME, "--cascade=foreground", "--timeout=60s")
    assert redis_keys(situation) == set()


def test_the_policy_changes_during_the_deletion(situation: Situation) -> None:
    situation.apply_relay(**DELETE_CURSOR)
    bind_to_node(situation, situation.stream())
    situation.delete(situation.kind, NAME)
    situation.wait_condition("Reconciling", "True", "Terminating")
    situation.patch(situation.kind, NAME, {"spec": {"deletionPolicy": "Retain"}})
    eventually(lambda: is_gone(situation))
    assert situation.redis.get(situation.keys.cursor) == "6322875401"
