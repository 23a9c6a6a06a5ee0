"""The contract of API servers that the operator relies on. The fake and a real server run the same tests."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sluice_operator.kubernetes import client as client_module
from sluice_operator.kubernetes.api_resource import CONFIG_MAPS, DEPLOYMENTS, LEASES, ApiResource, Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError

RELAYS = ApiResource(api_version="sluice.dev/v1alpha1", kind="Relay", plural="relays")
UNKNOWN = ApiResource(api_version="sluice.dev/v1alpha1", kind="Nothing", plural="nothings")
REPLICA_SETS = ApiResource(api_version="apps/v1", kind="ReplicaSet", plural="replicasets")


def manifest(api: ApiResource, namespace: str, name: str = "one", **fields: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace, **fields.pop("metadata", {})}
    return {"apiVersion": api.api_version, "kind": api.kind, "metadata": metadata, **fields}


def deployment(namespace: str, *, image: str = "a", **containers: str) -> Manifest:
    labels = {"app": "one"}
    images = {"main": image, **containers}
    return manifest(
        DEPLOYMENTS,
        namespace,
        spec={
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": image} for name, image in images.items()]},
            },
        },
    )


def relay(namespace: str, **spec: Any) -> Manifest:
    return manifest(RELAYS, namespace, spec={"host": "relay.example", **spec})


def ready(status: str) -> Manifest:
    return {
        "type": "Ready",
        "status": status,
        "reason": "Test",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def managers(live: Manifest) -> set[str]:
    return {entry["manager"] for entry in live["metadata"]["managedFields"]}


def version(live: Manifest) -> str:
    return str(live["metadata"]["resourceVersion"])


class ApiServerContract:
    """Single objects, lists, server-side apply, status and deletion."""

    async def test_an_object_is_created_once(self, client: KubernetesClient, namespace: str) -> None:
        created = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"a": "b"}))
        metadata = created["metadata"]
        assert metadata["uid"]
        assert metadata["creationTimestamp"]
        assert version(created).isdecimal()
        with pytest.raises(ApiError, match="409 AlreadyExists"):
            await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace))
        live = await client.get(CONFIG_MAPS, namespace, "one")
        assert live is not None
        assert (live["data"], live["metadata"]["uid"]) == ({"a": "b"}, metadata["uid"])

    async def test_a_missing_object_is_none_and_an_unknown_kind_an_error(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        assert await client.get(CONFIG_MAPS, namespace, "one") is None
        assert not await client.delete(CONFIG_MAPS, namespace, "one", uid="1")
        with pytest.raises(ApiError, match="404"):
            await client.list(UNKNOWN, namespace)
        with pytest.raises(ApiError, match="404"):
            await client.merge_patch(CONFIG_MAPS, namespace, "one", {"data": {}}, manager="a")

    async def test_a_replacement_needs_the_current_version(self, client: KubernetesClient, namespace: str) -> None:
        first = await client.create(LEASES, manifest(LEASES, namespace, spec={"holderIdentity": "a"}))
        second = await client.replace(LEASES, {**first, "spec": {"holderIdentity": "b"}})
        assert int(version(second)) > int(version(first))
        with pytest.raises(ApiError, match="409 Conflict"):
            await client.replace(LEASES, {**first, "spec": {"holderIdentity": "c"}})
        same = await client.replace(LEASES, second)
        assert version(same) == version(second), "nothing has changed"
        await client.delete(LEASES, namespace, "one", uid=first["metadata"]["uid"])
        with pytest.raises(ApiError) as error:
            await client.replace(LEASES, second)
        assert error.value.code in {404, 409}

    async def test_the_generation_counts_changes_of_the_spec(self, client: KubernetesClient, namespace: str) -> None:
        created = await client.apply(RELAYS, relay(namespace), manager="user")
        assert created["metadata"]["generation"] == 1
        changed = await client.apply(RELAYS, relay(namespace, suspend=True), manager="user")
        assert changed["metadata"]["generation"] == 2
        patch = {"metadata": {"annotations": {"a": "b"}}}
        annotated = await client.merge_patch(RELAYS, namespace, "one", patch, manager="user")
        assert annotated["metadata"]["generation"] == 2
        assert version(annotated) != version(changed)

    async def test_the_status_is_a_subresource(self, client: KubernetesClient, namespace: str) -> None:
        created = await client.apply(
            RELAYS, {**relay(namespace), "status": {"conditions": [ready("True")]}}, manager="user"
        )
        assert created["status"] == {"observedGeneration": -1}, "the default of the CRD"
        status = {"conditions": [ready("True")], "observedGeneration": 1}
        name = {key: created["metadata"][key] for key in ("name", "namespace", "uid")}
        own = {"apiVersion": RELAYS.api_version, "kind": RELAYS.kind, "metadata": name, "status": status}
        written = await client.apply(RELAYS, own, manager="status", subresource="status")
        assert written["status"] == status
        assert written["metadata"]["generation"] == 1
        assert version(await client.apply(RELAYS, own, manager="status", subresource="status")) == version(written)
        changed = await client.apply(RELAYS, relay(namespace, suspend=True), manager="user")
        assert changed["status"] == status
        assert "spec" in written

    async def test_a_status_is_applied_to_the_object_of_that_name(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        """The uid in an applied status is not checked, but the version is. In an apply of the object both are."""
        uid = "11111111-1111-4111-8111-111111111111"
        own = manifest(RELAYS, namespace, metadata={"uid": uid}, status={"observedGeneration": 1})
        with pytest.raises(ApiError) as missing:
            await client.apply(RELAYS, own, manager="status", subresource="status")
        assert missing.value.code == 404
        created = await client.apply(RELAYS, relay(namespace), manager="user")
        written = await client.apply(RELAYS, own, manager="status", subresource="status")
        assert written["metadata"]["uid"] == created["metadata"]["uid"]
        metadata = {**relay(namespace)["metadata"], "resourceVersion": version(created)}
        outdated = {**relay(namespace), **own, "metadata": metadata}
        for subresource in ("status", ""):
            with pytest.raises(ApiError, match="409 Conflict"):
                await client.apply(RELAYS, outdated, manager="status", subresource=subresource)
        with pytest.raises(ApiError) as other:
            await client.apply(RELAYS, {**relay(namespace), "metadata": own["metadata"]}, manager="user")
        assert other.value.is_immutable_field

    async def test_a_status_field_that_is_no_longer_applied_is_removed(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        await client.apply(RELAYS, relay(namespace), manager="user")
        status: Manifest
        for status in (
            {"observedGeneration": 1, "image": "x", "conditions": [ready("True")]},
            {"observedGeneration": 1, "conditions": [ready("False")]},
        ):
            written = await client.apply(
                RELAYS, manifest(RELAYS, namespace, status=status), manager="status", subresource="status"
            )
            assert written["status"] == status

    async def test_apply_owns_what_it_sets(self, client: KubernetesClient, namespace: str) -> None:
        one = manifest(CONFIG_MAPS, namespace, data={"mine": "1", "shared": "1"})
        two = manifest(CONFIG_MAPS, namespace, data={"theirs": "2", "shared": "1"})
        await client.apply(CONFIG_MAPS, one, manager="one")
        both = await client.apply(CONFIG_MAPS, two, manager="two")
        assert both["data"] == {"mine": "1", "shared": "1", "theirs": "2"}
        assert managers(both) == {"one", "two"}
        less = await client.apply(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"new": "3"}), manager="one")
        assert less["data"] == {"new": "3", "shared": "1", "theirs": "2"}
        forced = await client.apply(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"theirs": "1"}), manager="one")
        assert forced["data"] == {"shared": "1", "theirs": "1"}
        fields = {entry["manager"]: entry["fieldsV1"]["f:data"] for entry in forced["metadata"]["managedFields"]}
        assert {name: set(owned) - {"."} for name, owned in fields.items()} == {
            "one": {"f:theirs"},
            "two": {"f:shared"},
        }

    async def test_applying_the_same_object_again_changes_nothing(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        one = manifest(CONFIG_MAPS, namespace, data={"a": "1"})
        first = await client.apply(CONFIG_MAPS, one, manager="one")
        again = await client.apply(CONFIG_MAPS, one, manager="one")
        assert version(again) == version(first)

    async def test_an_emoji_is_applied(self, client: KubernetesClient, namespace: str) -> None:
        text = 'a \U0001f98b, "quoted" and \\ back'
        written = await client.apply(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"a": text}), manager="one")
        assert written["data"] == {"a": text}

    async def test_items_of_lists_are_merged_by_their_keys(self, client: KubernetesClient, namespace: str) -> None:
        await client.apply(DEPLOYMENTS, deployment(namespace, sidecar="x"), manager="one")
        sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "injected", "image": "y"}]}}}}
        await client.apply(DEPLOYMENTS, manifest(DEPLOYMENTS, namespace, **sidecar), manager="two")
        live = await client.apply(DEPLOYMENTS, deployment(namespace, image="b"), manager="one")
        containers = live["spec"]["template"]["spec"]["containers"]
        assert {one["name"]: one["image"] for one in containers} == {"main": "b", "injected": "y"}

    async def test_an_update_takes_over_the_fields_that_it_changes(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        await client.apply(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"a": "1", "b": "1"}), manager="one")
        patch = {"data": {"a": "2", "b": None}}
        patched = await client.merge_patch(CONFIG_MAPS, namespace, "one", patch, manager="two")
        assert patched["data"] == {"a": "2"}
        fields = {entry["manager"]: entry["fieldsV1"] for entry in patched["metadata"]["managedFields"]}
        assert "f:a" in fields["two"]["f:data"]
        assert "f:a" not in fields.get("one", {}).get("f:data", {})

    async def test_a_patch_of_an_old_version_is_a_conflict(self, client: KubernetesClient, namespace: str) -> None:
        first = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"a": "1"}))
        await client.merge_patch(CONFIG_MAPS, namespace, "one", {"data": {"a": "2"}}, manager="two")
        patch = {"metadata": {"resourceVersion": version(first)}, "data": {"a": "3"}}
        with pytest.raises(ApiError) as error:
            await client.merge_patch(CONFIG_MAPS, namespace, "one", patch, manager="two")
        assert error.value.is_conflict

    async def test_a_dry_run_writes_nothing(self, client: KubernetesClient, namespace: str) -> None:
        await client.apply(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"a": "1"}), manager="one")
        operations = [{"op": "replace", "path": "/data", "value": {"b": "2"}}]
        tried = await client.json_patch(CONFIG_MAPS, namespace, "one", operations, manager="one", dry_run=True)
        assert tried["data"] == {"b": "2"}
        live = await client.get(CONFIG_MAPS, namespace, "one")
        assert live is not None
        assert live["data"] == {"a": "1"}
        written = await client.json_patch(CONFIG_MAPS, namespace, "one", operations, manager="one", dry_run=False)
        assert written["data"] == {"b": "2"}

    async def test_a_json_patch_whose_version_is_old_is_a_conflict(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        first = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, data={"a": "1"}))
        await client.merge_patch(CONFIG_MAPS, namespace, "one", {"data": {"a": "2"}}, manager="two")
        operations = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version(first)},
            {"op": "replace", "path": "/data", "value": {}},
        ]
        with pytest.raises(ApiError) as error:
            await client.json_patch(CONFIG_MAPS, namespace, "one", operations, manager="one", dry_run=False)
        assert error.value.is_conflict

    async def test_only_the_object_with_the_uid_is_deleted(self, client: KubernetesClient, namespace: str) -> None:
        created = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace))
        assert not await client.delete(CONFIG_MAPS, namespace, "one", uid="another")
        assert await client.get(CONFIG_MAPS, namespace, "one") is not None
        assert await client.delete(CONFIG_MAPS, namespace, "one", uid=created["metadata"]["uid"])
        assert await client.get(CONFIG_MAPS, namespace, "one") is None

    async def test_an_object_with_a_finalizer_stays_until_it_is_removed(
        self, client: KubernetesClient, namespace: str
    ) -> None:
        held = {**relay(namespace), "metadata": {"name": "one", "namespace": namespace, "finalizers": ["test/hold"]}}
        created = await client.create(RELAYS, held)
        assert await client.delete(RELAYS, namespace, "one", uid=created["metadata"]["uid"])
        live = await client.get(RELAYS, namespace, "one")
        assert live is not None
        assert live["metadata"]["deletionTimestamp"]
        assert live["metadata"]["generation"] == 2
        await client.merge_patch(RELAYS, namespace, "one", {"metadata": {"finalizers": []}}, manager="one")
        assert await client.get(RELAYS, namespace, "one") is None

    async def test_dependents_are_deleted_with_their_owner(
        self, client: KubernetesClient, namespace: str, collect_garbage: Callable[[], Awaitable[None]]
    ) -> None:
        owner = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, "owner"))
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
        child = manifest(CONFIG_MAPS, namespace, "child", metadata={"ownerReferences": [reference]})
        await client.create(CONFIG_MAPS, child)
        await client.delete(CONFIG_MAPS, namespace, "owner", uid=owner["metadata"]["uid"])
        await collect_garbage()
        assert await client.get(CONFIG_MAPS, namespace, "child") is None

    async def test_foreground_deletion_removes_the_owner_after_its_dependents(
        self, client: KubernetesClient, namespace: str, collect_garbage: Callable[[], Awaitable[None]]
    ) -> None:
        owner = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, "owner"))
        uid = owner["metadata"]["uid"]
        reference = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "owner",
            "uid": uid,
            "blockOwnerDeletion": True,
        }
        metadata = {"ownerReferences": [reference], "finalizers": ["test/hold"]}
        child = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, "child", metadata=metadata))
        assert await client.delete(CONFIG_MAPS, namespace, "owner", uid=uid, foreground=True)
        live = await client.get(CONFIG_MAPS, namespace, "owner")
        assert live is not None
        assert live["metadata"]["deletionTimestamp"]
        await collect_garbage()
        assert await client.get(CONFIG_MAPS, namespace, "owner") is not None
        no_finalizers = {"metadata": {"finalizers": [], "uid": child["metadata"]["uid"]}}
        await client.merge_patch(CONFIG_MAPS, namespace, "child", no_finalizers, manager="one")
        await collect_garbage()
        assert await client.get(CONFIG_MAPS, namespace, "owner") is None

    async def test_lists_have_selectors_and_pages(
        self, client: KubernetesClient, namespace: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_module, "PAGE_SIZE", 2)
        for number in range(5):
            labels = {"test": "yes" if number else "no"}
            await client.create(
                CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, f"n{number}", metadata={"labels": labels})
            )
        listed = await client.list(CONFIG_MAPS, namespace, label_selector="test=yes")
        assert [item["metadata"]["name"] for item in listed.items] == ["n1", "n2", "n3", "n4"]
        assert int(listed.resource_version) >= max(int(version(item)) for item in listed.items)
        one = await client.list(CONFIG_MAPS, namespace, field_selector="metadata.name=n0")
        assert [item["metadata"]["name"] for item in one.items] == ["n0"]
        everywhere = await client.list(CONFIG_MAPS, None, label_selector="test=yes")
        assert {item["metadata"]["name"] for item in everywhere.items} >= {"n1", "n2", "n3", "n4"}

    async def test_a_page_is_converted_before_the_next_one_is_requested(
        self, client: KubernetesClient, namespace: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_module, "PAGE_SIZE", 2)
        for number in range(3):
            await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, f"n{number}"))
        steps: list[str] = []
        request = client._request

        async def record_request(*arguments: Any, **options: Any) -> Any:
            steps.append("page")
            return await request(*arguments, **options)

        def name_only(item: Manifest) -> Manifest:
            steps.append(item["metadata"]["name"])
            return {"name": item["metadata"]["name"]}

        monkeypatch.setattr(client, "_request", record_request)
        listed = await client.list(CONFIG_MAPS, namespace, convert=name_only)
        assert steps == ["page", "n0", "n1", "page", "n2"]
        assert listed.items == [{"name": "n0"}, {"name": "n1"}, {"name": "n2"}]

    async def test_a_watch_is_tried(self, client: KubernetesClient, namespace: str) -> None:
        listed = await client.list(CONFIG_MAPS, namespace)
        await client.try_watch(CONFIG_MAPS, namespace, resource_version=listed.resource_version)
        with pytest.raises(ApiError, match="404"):
            await client.try_watch(UNKNOWN, namespace, resource_version=listed.resource_version)
