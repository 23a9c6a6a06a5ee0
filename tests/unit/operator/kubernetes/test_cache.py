from typing import Any

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


def test_an_event_that_comes_late_does_not_replace_what_is_newer() -> None:
    store = Cache(KINDS.watched)
    store.put(RELAYS, item(version=100))
    store.put(RELAYS, item(version=99))
    assert store.resource_version(RELAYS, "n", "us-east") == "100"
    store.put(RELAYS, item(version=1, uid="u2"))
    assert store.resource_version(RELAYS, "n", "us-east") == "1"


def test_what_is_gone_does_not_come_back_by_old_news() -> None:
    store = Cache(KINDS.watched)
    store.put(RELAYS, item(version=5))
    store.remove(RELAYS, item(version=7))
    store.put(RELAYS, item(version=6))
    assert store.source(KEY) is None


def test_what_has_left_a_watch_may_come_back_to_it() -> None:
    """As a Deployment does whose label somebody took away and the operator put back."""
    store = Cache(KINDS.watched)
    store.remove(DEPLOYMENTS, child("us-east-firehose", version=7))
    store.put(DEPLOYMENTS, child("us-east-firehose", version=8))
    assert names(store.children(DEPLOYMENTS, KEY)) == ["us-east-firehose"]


def test_the_end_of_an_object_does_not_end_its_namesake() -> None:
    store = Cache(KINDS.watched)
    store.put(RELAYS, item(version=9, uid="u2"))
    store.remove(RELAYS, item(version=8, uid="u1"))
    assert store.source(KEY) is not None


def test_a_list_replaces_everything_up_to_its_moment() -> None:
    store = Cache(KINDS.watched)
    for name, version in (("stays", 1), ("changes", 2), ("went", 3)):
        store.put(PODS, child(name, version=version))
    store.put(PODS, child("came-since", version=30))
    listed = [child("stays", version=1), child("changes", version=10), child("new", version=12)]
    changed = store.replace(PODS, listed, resource_version="20")
    assert names(store.all(PODS)) == ["came-since", "changes", "new", "stays"]
    assert names(changed) == ["changes", "new", "went"]
    assert store.resource_version(PODS, "n", "changes") == "10"


def test_a_list_does_not_bring_back_what_went_while_it_was_made() -> None:
    store = Cache(KINDS.watched)
    store.put(PODS, child("p", version=5))
    store.remove(PODS, child("p", version=21))
    assert store.replace(PODS, [child("p", version=5)], resource_version="20") == []
    assert store.all(PODS) == []


def test_a_list_does_not_undo_what_is_newer() -> None:
    store = Cache(KINDS.watched)
    store.put(PODS, child("p", version=25))
    assert store.replace(PODS, [child("p", version=5)], resource_version="20") == []
    assert store.resource_version(PODS, "n", "p") == "25"


def test_children_are_found_by_the_label_of_their_source() -> None:
    store = Cache(KINDS.watched)
    store.put(PODS, child("mine"))
    store.put(PODS, child("other", of="us-west"))
    store.put(PODS, item("stranger"))
    store.put(PODS, {"metadata": {**child("elsewhere")["metadata"], "namespace": "m"}})
    assert names(store.children(PODS, KEY)) == ["mine"]


def test_the_owner_of_a_child_with_a_long_name_is_found() -> None:
    store, long = Cache(KINDS.watched), "r" * 100
    store.put(RELAYS, item(long))
    key = SourceKey("Relay", "n", long)
    from sluice_operator.desired.naming import label_value  # noqa: PLC0415

    pod = child("p", of=label_value(long))
    store.put(PODS, pod)
    assert store.owner_of(pod) == key
    assert names(store.children(PODS, key)) == ["p"]
    assert store.owner_of(child("p", of="unknown")) is None


def test_what_nobody_reads_is_not_kept() -> None:
    store = Cache(KINDS.watched)
    store.put(RELAYS, item(managedFields=[{"manager": "kubectl"}]))
    source = store.source(KEY)
    assert source is not None
    assert "managedFields" not in source["metadata"]
    assert (source["apiVersion"], source["kind"]) == ("sluice.dev/v1alpha1", "Relay")


class TestNews:
    def test_a_source_is_looked_at_when_it_comes_changes_or_goes(self) -> None:
        store, added = Cache(KINDS.watched), list[SourceKey]()
        handle_source_event(store, added.append, RELAYS, "ADDED", item(version=1, generation=1))
        handle_source_event(store, added.append, RELAYS, "MODIFIED", item(version=2, generation=2))
        handle_source_event(
            store, added.append, RELAYS, "MODIFIED", item(version=3, generation=2, annotations={"a": "b"})
        )
        handle_source_event(store, added.append, RELAYS, "DELETED", item(version=4))
        assert added == [KEY] * 4
        assert store.source(KEY) is None

    def test_a_status_is_no_news_since_the_operator_wrote_it(self) -> None:
        store, added = Cache(KINDS.watched), list[SourceKey]()
        handle_source_event(store, added.append, RELAYS, None, item(version=1, generation=1))
        handle_source_event(
            store, added.append, RELAYS, "MODIFIED", {**item(version=2, generation=1), "status": {"a": 1}}
        )
        assert added == [KEY]
        assert store.resource_version(RELAYS, "n", "us-east") == "2"

    def test_a_child_is_news_of_its_source(self) -> None:
        store, added = Cache(KINDS.watched), list[SourceKey]()
        store.put(RELAYS, item())
        handle_child_event(store, added.append, PODS, "ADDED", child("p", version=1))
        handle_child_event(store, added.append, PODS, "MODIFIED", child("p", of="somebody-else", version=2))
        handle_child_event(store, added.append, PODS, "DELETED", child("p", of="somebody-else", version=3))
        handle_child_event(store, added.append, PODS, "DELETED", child("q", version=4))
        handle_child_event(store, added.append, PODS, "ADDED", item("stranger"))
        assert added == [KEY, KEY, KEY]
        assert names(store.all(PODS)) == ["stranger"]


def test_sources_are_found_by_the_host_of_their_keys() -> None:
    store = Cache(KINDS.watched)

    def source(name: str, host: object, *, version: int = 1) -> dict[str, Any]:
        return {**item(name, uid=f"uid-of-{name}", version=version), "spec": {"host": host}}

    store.put(RELAYS, source("a", "ws://Relay.Example:2470"))
    store.put(LABELERS, source("b", "relay.example:2470"))
    store.put(RELAYS, source("c", "other.example"))
    store.put(RELAYS, source("broken", None))
    assert names(store.sources_by(redis_host_of, "relay.example:2470")) == ["a", "b"]
    store.put(RELAYS, source("c", "https://relay.example:2470", version=2))
    assert names(store.sources_by(redis_host_of, "relay.example:2470")) == ["a", "b", "c"]
    store.remove(RELAYS, source("a", "ws://Relay.Example:2470", version=3))
    assert names(store.sources_by(redis_host_of, "relay.example:2470")) == ["b", "c"]
    store.replace(RELAYS, [source("d", "relay.example:2470", version=4)], resource_version="4")
    assert names(store.sources_by(redis_host_of, "relay.example:2470")) == ["b", "d"]
    store.put(RELAYS, {**source("d", "relay.example:2470", version=5), "status": {"host": "x"}})
    assert [found.get("status") for found in store.sources_by(redis_host_of, "relay.example:2470")] == [
        {"host": "x"},
        None,
    ]
