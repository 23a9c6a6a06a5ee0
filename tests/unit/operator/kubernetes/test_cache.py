"""The cache: late, lost and repeated watch events, and lists."""

from typing import Any

from sluice_operator.desired.naming import label_value
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.informers.informers import handle_child_event, handle_source_event
from sluice_operator.kubernetes.source_key import SourceKey

RELAYS = RELAY.resource
LABELERS = LABELER.resource

KEY = SourceKey("Relay", "n", "us-east")


def item(name: str = "us-east", *, version: int = 1, uid: str = "u1", **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "n", "name": name, "uid": uid, "resourceVersion": str(version), **more}
    return {"metadata": metadata}


def child(name: str, *, of: str = "us-east", version: int = 1, **more: Any) -> dict[str, Any]:
    return item(name, version=version, uid=f"uid-of-{name}", labels={"sluice.dev/relay": of}, **more)


def names(items: list[dict[str, Any]]) -> list[str]:
    return sorted(found["metadata"]["name"] for found in items)


def test_a_late_event_does_not_replace_a_newer_version() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(version=100))
    cache.put(RELAYS, item(version=99))
    assert cache.resource_version(RELAYS, "n", "us-east") == "100"
    cache.put(RELAYS, item(version=1, uid="u2"))
    assert cache.resource_version(RELAYS, "n", "us-east") == "1"


def test_an_event_with_a_known_version_does_not_replace_the_cached_object() -> None:
    """The operator's own writes come back as events, and each start lists everything twice."""
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(version=5))
    stored = cache.source(KEY)
    cache.put(RELAYS, item(version=5))
    assert cache.source(KEY) is stored
    cache.put(RELAYS, item(version=5, uid="u2"))
    assert cache.source(KEY) is not stored


def test_an_older_event_does_not_restore_a_deleted_object() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(version=5))
    cache.remove(RELAYS, item(version=7))
    cache.put(RELAYS, item(version=6))
    assert cache.source(KEY) is None


def test_a_removed_object_returns_with_a_newer_event() -> None:
    """A Deployment leaves its watch when somebody removes its label, and returns when the operator restores it."""
    cache = Cache(KINDS.watched)
    cache.remove(DEPLOYMENTS, child("us-east-firehose", version=7))
    cache.put(DEPLOYMENTS, child("us-east-firehose", version=8))
    assert names(cache.children(DEPLOYMENTS, KEY)) == ["us-east-firehose"]


def test_a_late_deletion_keeps_a_recreated_object() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(version=9, uid="u2"))
    cache.remove(RELAYS, item(version=8, uid="u1"))
    assert cache.source(KEY) is not None


def test_a_list_replaces_everything_up_to_its_version() -> None:
    cache = Cache(KINDS.watched)
    for name, version in (("stays", 1), ("changes", 2), ("deleted", 3)):
        cache.put(PODS, child(name, version=version))
    cache.put(PODS, child("newer", version=30))
    listed = [child("stays", version=1), child("changes", version=10), child("new", version=12)]
    changed = cache.replace(PODS, listed, resource_version="20")
    assert names(cache.all(PODS)) == ["changes", "new", "newer", "stays"]
    assert names(changed) == ["changes", "deleted", "new"]
    assert cache.resource_version(PODS, "n", "changes") == "10"


def test_a_list_does_not_restore_an_object_that_was_deleted_after_it() -> None:
    cache = Cache(KINDS.watched)
    cache.put(PODS, child("p", version=5))
    cache.remove(PODS, child("p", version=21))
    assert cache.replace(PODS, [child("p", version=5)], resource_version="20") == []
    assert cache.all(PODS) == []


def test_a_list_does_not_replace_a_newer_version() -> None:
    cache = Cache(KINDS.watched)
    cache.put(PODS, child("p", version=25))
    assert cache.replace(PODS, [child("p", version=5)], resource_version="20") == []
    assert cache.resource_version(PODS, "n", "p") == "25"


def test_children_are_found_by_the_label_of_their_source() -> None:
    cache = Cache(KINDS.watched)
    cache.put(PODS, child("mine"))
    cache.put(PODS, child("other", of="us-west"))
    cache.put(PODS, item("unrelated"))
    cache.put(PODS, {"metadata": {**child("elsewhere")["metadata"], "namespace": "m"}})
    assert names(cache.children(PODS, KEY)) == ["mine"]


def test_the_owner_of_a_child_with_a_long_name_is_found() -> None:
    cache, long = Cache(KINDS.watched), "r" * 100
    cache.put(RELAYS, item(long))
    key = SourceKey("Relay", "n", long)
    pod = child("p", of=label_value(long))
    cache.put(PODS, pod)
    assert cache.owners_of(pod) == [key]
    assert names(cache.children(PODS, key)) == ["p"]
    assert cache.owners_of(child("p", of="unknown")) == []


def test_the_revision_changes_with_what_sources_there_are_and_with_their_specs() -> None:
    cache = Cache(KINDS.watched)
    seen = [cache.sources_revision]

    def has_changed() -> bool:
        seen.append(cache.sources_revision)
        return seen[-1] not in seen[:-1]

    cache.put(RELAYS, item(version=1, generation=1))
    assert has_changed()
    cache.put(RELAYS, item(version=2, generation=2))
    assert has_changed()
    cache.put(RELAYS, item(version=3, generation=2, deletionTimestamp="2026-11-24T12:00:00Z"))
    assert has_changed()
    cache.remove(RELAYS, item(version=4))
    assert has_changed()
    cache.replace(LABELERS, [item(version=5)], resource_version="5")
    assert has_changed()


def test_the_revision_stays_while_only_statuses_and_children_change() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(version=1, generation=1))
    before = cache.sources_revision
    cache.put(RELAYS, {**item(version=2, generation=1), "status": {}})
    cache.put(RELAYS, item(version=1, generation=0))  # a late event
    cache.put(PODS, child("p"))
    cache.remove(PODS, child("p"))
    cache.replace(PODS, [child("q")], resource_version="9")
    assert cache.sources_revision == before


def test_managed_fields_are_not_cached() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(managedFields=[{"manager": "kubectl"}]))
    source = cache.source(KEY)
    assert source is not None
    assert "managedFields" not in source["metadata"]
    assert (source["apiVersion"], source["kind"]) == ("sluice.dev/v1alpha1", "Relay")


def test_an_object_of_a_list_is_the_cached_one_if_that_has_its_version() -> None:
    cache = Cache(KINDS.watched)
    cache.put(RELAYS, item(version=1))
    assert cache.compact(RELAYS, item(version=1, managedFields=[])) is cache.source(KEY)
    newer = cache.compact(RELAYS, item(version=2, managedFields=[]))
    assert (newer["kind"], newer["metadata"]["resourceVersion"]) == ("Relay", "2")
    assert "managedFields" not in newer["metadata"]
    assert cache.resource_version(RELAYS, "n", "us-east") == "1"


class TestWatchEvents:
    def test_a_source_is_added_when_it_is_created_changed_or_deleted(self) -> None:
        cache, added = Cache(KINDS.watched), list[SourceKey]()
        handle_source_event(cache, added.append, RELAYS, "ADDED", item(version=1, generation=1))
        handle_source_event(cache, added.append, RELAYS, "MODIFIED", item(version=2, generation=2))
        handle_source_event(
            cache, added.append, RELAYS, "MODIFIED", item(version=3, generation=2, annotations={"a": "b"})
        )
        handle_source_event(cache, added.append, RELAYS, "DELETED", item(version=4))
        assert added == [KEY] * 4
        assert cache.source(KEY) is None

    def test_a_status_that_the_operator_has_written_adds_nothing(self) -> None:
        cache, added = Cache(KINDS.watched), list[SourceKey]()
        handle_source_event(cache, added.append, RELAYS, None, item(version=1, generation=1))
        written = [{**item(version=version, generation=1), "status": {"a": version}} for version in (2, 3)]
        for one in written:
            cache.put(RELAYS, one)
        for one in written:
            handle_source_event(cache, added.append, RELAYS, "MODIFIED", one)
        assert added == [KEY]
        assert cache.resource_version(RELAYS, "n", "us-east") == "3"

    def test_a_status_that_somebody_else_has_written_adds_the_source(self) -> None:
        cache, added = Cache(KINDS.watched), list[SourceKey]()
        handle_source_event(cache, added.append, RELAYS, None, item(version=1, generation=1))
        foreign = {**item(version=2, generation=1), "status": {"a": 1}}
        handle_source_event(cache, added.append, RELAYS, "MODIFIED", foreign)
        assert added == [KEY, KEY]

    def test_a_changed_source_adds_the_others_with_its_host(self) -> None:
        cache, added = Cache(KINDS.watched), list[SourceKey]()
        host, other = {"spec": {"host": "relay.example"}}, {"spec": {"host": "other.example"}}
        cache.put(RELAYS, {**item("older", uid="u-1"), **host})
        cache.put(LABELERS, {**item("ozone", uid="u-2"), "kind": "Labeler", **other})
        handle_source_event(cache, added.append, RELAYS, "ADDED", {**item("younger", uid="u-3"), **host})
        assert [key.name for key in added] == ["younger", "older"]

    def test_a_change_of_a_child_adds_its_source(self) -> None:
        cache, added = Cache(KINDS.watched), list[SourceKey]()
        cache.put(RELAYS, item())
        handle_child_event(cache, added.append, PODS, "ADDED", child("p", version=1))
        handle_child_event(cache, added.append, PODS, "MODIFIED", child("p", of="somebody-else", version=2))
        handle_child_event(cache, added.append, PODS, "DELETED", child("p", of="somebody-else", version=3))
        handle_child_event(cache, added.append, PODS, "DELETED", child("q", version=4))
        handle_child_event(cache, added.append, PODS, "ADDED", item("unrelated"))
        assert added == [KEY, KEY, KEY]
        assert names(cache.all(PODS)) == ["unrelated"]


def test_sources_are_found_by_the_host_in_their_redis_keys() -> None:
    cache = Cache(KINDS.watched)

    def source(name: str, host: object, *, version: int = 1) -> dict[str, Any]:
        return {**item(name, uid=f"uid-of-{name}", version=version), "spec": {"host": host}}

    cache.put(RELAYS, source("a", "ws://Relay.Example:2470"))
    cache.put(LABELERS, source("b", "relay.example:2470"))
    cache.put(RELAYS, source("c", "other.example"))
    cache.put(RELAYS, source("broken", None))
    assert names(cache.sources_by(redis_host_of, "relay.example:2470")) == ["a", "b"]
    cache.put(RELAYS, source("c", "https://relay.example:2470", version=2))
    assert names(cache.sources_by(redis_host_of, "relay.example:2470")) == ["a", "b", "c"]
    cache.remove(RELAYS, source("a", "ws://Relay.Example:2470", version=3))
    assert names(cache.sources_by(redis_host_of, "relay.example:2470")) == ["b", "c"]
    cache.replace(RELAYS, [source("d", "relay.example:2470", version=4)], resource_version="4")
    assert names(cache.sources_by(redis_host_of, "relay.example:2470")) == ["b", "d"]
    cache.put(RELAYS, {**source("d", "relay.example:2470", version=5), "status": {"host": "x"}})
    assert [found.get("status") for found in cache.sources_by(redis_host_of, "relay.example:2470")] == [
        {"host": "x"},
        None,
    ]
