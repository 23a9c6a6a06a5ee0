"""The RBAC rights that the chart grants to the operator and to people."""

from collections.abc import Callable
from typing import Any

from sluice_operator.kinds.registry import KINDS

NAME = "sluice"

Render = Callable[..., Any]


def container(rendered: Any) -> dict[str, Any]:
    result: dict[str, Any] = rendered.one("Deployment", NAME)["spec"]["template"]["spec"]["containers"][0]
    return result


def rules(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def is_of(kind: str, name: str, item: dict[str, Any]) -> bool:
    return bool(item["kind"] == kind and item["metadata"]["name"] == name)


def test_the_operator_has_only_the_rights_that_it_uses_and_no_wildcard(render: Render) -> None:
    granted = rules(render().one("ClusterRole", NAME))
    for kind in KINDS:
        assert {verb for _, resource, verb in granted if resource == kind.plural} == {"list", "watch", "patch"}
        assert {verb for _, resource, verb in granted if resource == f"{kind.plural}/status"} == {"patch"}
    assert not [grant for grant in granted if "*" in grant]
    assert not {("", "secrets", "list"), ("", "secrets", "watch")} & granted


def test_watched_namespaces_get_roles_and_nothing_is_cluster_wide(render: Render) -> None:
    rendered = render(watchNamespaces=["one", "two"])
    assert not [item for item in rendered if item["kind"].startswith("Cluster")]
    for kind in ("Role", "RoleBinding"):
        namespaces = [item["metadata"]["namespace"] for item in rendered if is_of(kind, NAME, item)]
        assert namespaces == ["one", "two"]
    roles = [item for item in rendered if is_of("Role", NAME, item)]
    assert rules(roles[0]) == rules(roles[1]) == rules(render().one("ClusterRole", NAME))
    for binding in (item for item in rendered if is_of("RoleBinding", NAME, item)):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": "sluice-system"}]
    assert {"name": "SLUICE_WATCH_NAMESPACES", "value": "one,two"} in container(rendered)["env"]


def test_only_the_lease_of_the_release_may_be_changed(render: Render) -> None:
    for watched in ([], ["one", "sluice-system"]):
        rendered = render(watchNamespaces=watched)
        role = rendered.one("Role", f"{NAME}-lease")
        assert "namespace" not in role["metadata"], "that of the release"
        assert role["rules"] == [
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "resourceNames": [f"{NAME}-operator"],
                "verbs": ["get", "update"],
            },
        ]
        binding = rendered.one("RoleBinding", f"{NAME}-lease")
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": "sluice-system"}]
        assert {"name": "SLUICE_LEASE_NAME", "value": f"{NAME}-operator"} in container(rendered)["env"]


def test_in_watched_namespaces_only_one_lease_may_be_changed(render: Render) -> None:
    for role in (render().one("ClusterRole", NAME), render(watchNamespaces=["one"]).one("Role", NAME)):
        leases = [rule for rule in role["rules"] if rule["resources"] == ["leases"]]
        assert [(rule["verbs"], rule.get("resourceNames")) for rule in leases] == [
            (["create"], None),
            (["get", "update", "delete"], ["sluice.dev"]),
        ]


def test_rights_of_people(render: Render) -> None:
    rendered = render()
    view, edit = rendered.one("ClusterRole", f"{NAME}-view"), rendered.one("ClusterRole", f"{NAME}-edit")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert {verb for _, _, verb in rules(view)} == {"get", "list", "watch"}
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert {resource for _, resource, _ in rules(edit)} == {kind.plural for kind in KINDS}


def test_a_service_account_from_the_values(render: Render) -> None:
    rendered = render(serviceAccount={"create": False, "name": "mine"}, rbac={"create": False})
    assert not [item for item in rendered if item["kind"] in {"ServiceAccount", "ClusterRoleBinding", "RoleBinding"}]
    assert rendered.one("Deployment", NAME)["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
