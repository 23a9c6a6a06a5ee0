"""The chart by its values: which objects a release has, and which values are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.kinds.crd import build_crd
from sluice_operator.kinds.registry import KINDS

CHART = Path(__file__).parents[3] / "charts" / "sluice"
NAME = "sluice"
REDIS = "sluice-redis"

Render = Callable[..., Any]


def pod_specs(rendered: Any) -> dict[str, dict[str, Any]]:
    workloads = [item for item in rendered if item["kind"] in {"Deployment", "StatefulSet"}]
    return {item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in workloads}


def env(rendered: Any) -> dict[str, Any]:
    container = pod_specs(rendered)[NAME]["containers"][0]
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def flags(rendered: Any) -> dict[str, str]:
    arguments = pod_specs(rendered)[REDIS]["containers"][0]["args"]
    return dict(zip(arguments[::2], arguments[1::2], strict=True))


def test_lint(helm: Callable[..., str]) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_the_objects_of_a_release_with_default_values(render: Render) -> None:
    assert render().names() == {
        ("ServiceAccount", NAME),
        ("CustomResourceDefinition", "relays.sluice.dev"),
        ("CustomResourceDefinition", "labelers.sluice.dev"),
        ("ClusterRole", NAME),
        ("ClusterRole", f"{NAME}-view"),
        ("ClusterRole", f"{NAME}-edit"),
        ("ClusterRoleBinding", NAME),
        ("Role", f"{NAME}-lease"),
        ("RoleBinding", f"{NAME}-lease"),
        ("PodDisruptionBudget", NAME),
        ("Deployment", NAME),
        ("StatefulSet", REDIS),
        ("Service", REDIS),
        ("Secret", REDIS),
    }


def test_the_operator_gets_the_image_of_the_release(render: Render) -> None:
    rendered = render(image={"repository": "registry.example.com/sluice", "tag": "1.2.3"})
    spec = rendered.one("Deployment", NAME)["spec"]
    image = spec["template"]["spec"]["containers"][0]["image"]
    assert image == env(rendered)["SLUICE_INGESTER_IMAGE"] == "registry.example.com/sluice:1.2.3"


def test_the_operators_settings(render: Render) -> None:
    variables = env(render(imagePullSecrets=[{"name": "one"}, {"name": "two"}]))
    assert variables == {
        "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "SLUICE_LEADER_ELECTION": "true",
        "SLUICE_LEASE_NAME": f"{NAME}-operator",
        "SLUICE_LEASE_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        "LOG_FORMAT": "json",
        "SLUICE_WATCH_NAMESPACES": "",
        "SLUICE_STATUS_INTERVAL_SECONDS": "30",
        "SLUICE_INGESTER_IMAGE": "sluice:0.1.0",
        "SLUICE_INGESTER_IMAGE_PULL_POLICY": "IfNotPresent",
        "SLUICE_INGESTER_IMAGE_PULL_SECRETS": "one,two",
        "SLUICE_DEFAULT_REDIS_URL": {"secretKeyRef": {"name": REDIS, "key": "url"}},
    }


def test_a_digest_wins_over_the_tag(render: Render) -> None:
    digest = "sha256:" + "a" * 64
    rendered = render(image={"repository": "sluice", "tag": "1", "digest": digest})
    assert pod_specs(rendered)[NAME]["containers"][0]["image"] == f"sluice@{digest}"


def test_every_pod_is_restricted_and_has_limits(render: Render) -> None:
    specs = pod_specs(render())
    assert specs.keys() == {NAME, REDIS}
    for spec in specs.values():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


def test_the_bundled_redis_persists_and_never_evicts(render: Render) -> None:
    rendered = render()
    assert flags(rendered) == {
        "--dir": "/data",
        "--requirepass": "$(REDISCLI_AUTH)",
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory": "512mb",
        "--maxmemory-policy": "noeviction",
    }
    claims = rendered.one("StatefulSet", REDIS)["spec"]["volumeClaimTemplates"]
    assert [claim["metadata"] for claim in claims] == [{"name": "data"}], "a label here would block upgrades"


def test_the_bundled_redis_has_a_password_of_its_own(render: Render) -> None:
    secrets = [render().one("Secret", REDIS)["stringData"] for _ in range(2)]
    for secret in secrets:
        password = secret["password"]
        assert len(password) == 32
        assert secret["url"] == f"redis://:{password}@{REDIS}.sluice-system.svc:6379/0"
    assert secrets[0] != secrets[1]


def test_a_password_from_an_existing_secret(render: Render) -> None:
    rendered = render(redis={"auth": {"existingSecret": "mine"}})
    assert ("Secret", REDIS) not in rendered.names()
    variables = pod_specs(rendered)[REDIS]["containers"][0]["env"]
    assert variables[0]["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "password"}
    assert env(rendered)["SLUICE_DEFAULT_REDIS_URL"]["secretKeyRef"] == {"name": "mine", "key": "url"}


def test_without_persistence_there_is_no_claim(render: Render) -> None:
    rendered = render(redis={"bundled": {"persistence": {"enabled": False}}})
    assert "volumeClaimTemplates" not in rendered.one("StatefulSet", REDIS)["spec"]
    assert pod_specs(rendered)[REDIS]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_an_external_redis_replaces_the_bundled_one(render: Render) -> None:
    url = "rediss://:p@redis.example.com:6380/2"
    rendered = render(redis={"url": url})
    assert ("StatefulSet", REDIS) not in rendered.names()
    assert ("Service", REDIS) not in rendered.names()
    assert rendered.one("Secret", REDIS)["stringData"] == {"url": url}
    assert env(rendered)["SLUICE_DEFAULT_REDIS_URL"]["secretKeyRef"] == {"name": REDIS, "key": "url"}
    assert url not in str(rendered.one("Deployment", NAME))


def test_an_existing_secret_replaces_the_bundled_redis(render: Render) -> None:
    rendered = render(redis={"existingSecret": {"name": "events", "key": "dsn"}})
    assert not {("StatefulSet", REDIS), ("Secret", REDIS)} & rendered.names()
    assert env(rendered)["SLUICE_DEFAULT_REDIS_URL"]["secretKeyRef"] == {"name": "events", "key": "dsn"}


def test_without_a_default_redis(render: Render) -> None:
    rendered = render(redis={"bundled": {"enabled": False}})
    assert "SLUICE_DEFAULT_REDIS_URL" not in env(rendered)
    assert ("StatefulSet", REDIS) not in rendered.names()


def test_another_redis_changes_the_operators_pod(render: Render) -> None:
    def checksum(**redis: Any) -> str:
        template = render(redis=redis).one("Deployment", NAME)["spec"]["template"]
        result: str = template["metadata"]["annotations"]["checksum/redis"]
        return result

    assert checksum() == checksum()
    assert checksum(url="redis://one") != checksum(url="redis://two")


def test_crds_are_those_of_the_models_and_are_kept_on_uninstall(render: Render) -> None:
    crds = [item for item in render() if item["kind"] == "CustomResourceDefinition"]
    by_file = sorted(KINDS, key=lambda kind: kind.plural)
    assert [crd["spec"] for crd in crds] == [build_crd(kind)["spec"] for kind in by_file]
    assert {crd["metadata"]["annotations"]["helm.sh/resource-policy"] for crd in crds} == {"keep"}


def test_crds_annotated_and_not_kept(render: Render) -> None:
    rendered = render(crds={"keep": False, "annotations": {"argocd.argoproj.io/sync-wave": "-1"}})
    crd = rendered.one("CustomResourceDefinition", "relays.sluice.dev")
    assert crd["metadata"]["annotations"] == {"argocd.argoproj.io/sync-wave": "-1"}


def test_crds_disabled(render: Render) -> None:
    assert not [item for item in render(crds={"enabled": False}) if item["kind"] == "CustomResourceDefinition"]


def test_placement_and_extra_fields_apply_to_both_pods(render: Render) -> None:
    place = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "events", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "podAnnotations": {"team": "events"},
    }
    rendered = render(
        operator={**place, "extraEnv": [{"name": "A", "value": "b"}], "podLabels": {"tier": "control"}},
        redis={"bundled": place},
        imagePullSecrets=[{"name": "registry"}],
    )
    for kind, name in (("Deployment", NAME), ("StatefulSet", REDIS)):
        template = rendered.one(kind, name)["spec"]["template"]
        for key in place.keys() - {"podAnnotations"}:
            assert template["spec"][key] == place[key]
        assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        assert template["metadata"]["annotations"]["team"] == "events"
    assert env(rendered)["A"] == "b"
    assert rendered.one("Deployment", NAME)["spec"]["template"]["metadata"]["labels"]["tier"] == "control"


def test_monitors_select_their_pods(render: Render) -> None:
    rendered = render(
        metrics={
            "podMonitor": {"enabled": True, "labels": {"release": "p"}},
            "serviceMonitor": {"enabled": True},
        }
    )
    labels = rendered.one("Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    operator = rendered.one("PodMonitor", NAME)
    assert operator["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert operator["metadata"]["labels"]["release"] == "p"
    ingesters = rendered.one("PodMonitor", f"{NAME}-ingesters")["spec"]
    assert ingesters["namespaceSelector"] == {"any": True}
    assert ingesters["podMetricsEndpoints"][0]["port"] == "metrics"
    service = rendered.one("Service", f"{NAME}-metrics")
    assert service["spec"]["selector"].items() <= labels.items()
    monitor = rendered.one("ServiceMonitor", NAME)["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    # Otherwise Prometheus replaces the namespace of the resource with that of the operator.
    for endpoint in (*operator["spec"]["podMetricsEndpoints"], *monitor["endpoints"]):
        assert endpoint["honorLabels"] is True


def test_an_extra_variable_that_the_chart_sets_is_refused(render: Render) -> None:
    for name in env(render(imagePullSecrets=[{"name": "one"}])).keys() | {"SLUICE_PORT"}:
        with pytest.raises(Exception, match=f"extraEnv: the chart sets {name} itself: (use|leave)"):
            render(operator={"extraEnv": [{"name": name, "value": "x"}]})


def test_network_policies_admit_the_right_pods(render: Render) -> None:
    client = {"podSelector": {"matchLabels": {"app": "consumer"}}}
    rendered = render(networkPolicy={"enabled": True, "redisClients": [client]})
    peers = rendered.one("NetworkPolicy", REDIS)["spec"]["ingress"][0]["from"]
    assert client in peers
    assert {"app.kubernetes.io/name": "sluice-ingester"} in [
        peer["podSelector"]["matchLabels"] for peer in peers if "namespaceSelector" in peer
    ]
    selector = rendered.one("NetworkPolicy", REDIS)["spec"]["podSelector"]["matchLabels"]
    pods = rendered.one("StatefulSet", REDIS)["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= pods.items()


def test_long_release_names_give_valid_names(helm: Callable[..., str]) -> None:
    text = helm("template", "r" * 53, str(CHART), "--kube-version", "1.35.0")
    for item in filter(None, yaml.safe_load_all(text)):
        assert len(item["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in item["metadata"].get("labels", {}).values())


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"redis": {"bundle": {"enabled": False}}}, "'bundle' not allowed"),
        ({"crd": {"enabled": False}}, "'crd' not allowed"),
        ({"operator": {"statusIntervalSeconds": "often"}}, "/operator/statusIntervalSeconds"),
        ({"operator": {"replicas": "two"}}, "/operator/replicas"),
        ({"operator": {"replicas": -1}}, "/operator/replicas"),
        ({"operator": {"logFormat": "xml"}}, "/operator/logFormat"),
        ({"operator": {"podLabels": {"app.kubernetes.io/component": "mine"}}}, "/operator/podLabels"),
        ({"commonLabels": {"app.kubernetes.io/name": "mine"}}, "/commonLabels"),
        ({"redis": {"url": "http://redis"}}, "/redis/url"),
        ({"redis": {"bundled": {"maxMemory": "lots"}}}, "/redis/bundled/maxMemory"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"fullnameOverride": "My_Sluice"}, "/fullnameOverride"),
        ({"nameOverride": "sluice/two"}, "/nameOverride"),
        ({"operator": {"extraEnv": [{"value": "x"}]}}, "/operator/extraEnv/0"),
        ({"watchNamespaces": "one"}, "/watchNamespaces"),
        ({"watchNamespaces": ["One"]}, "/watchNamespaces/0"),
        ({"redis": {"url": "redis://a", "existingSecret": {"name": "b"}}}, "keep one"),
        ({"serviceAccount": {"create": False}}, "name the ServiceAccount to use"),
    ],
)
def test_the_error_names_an_invalid_value(render: Render, values: dict[str, Any], hint: str) -> None:
    with pytest.raises(Exception, match=hint) as caught:
        render(**values)
    assert type(caught.value).__name__ == "HelmError"


def test_the_bundled_redis_repairs_its_file_before_it_starts(render: Render) -> None:
    pod = pod_specs(render())[f"{NAME}-redis"]
    (mend,) = pod["initContainers"]
    assert "redis-check-aof --fix" in mend["command"][-1]
    assert mend["image"] == pod["containers"][0]["image"]
    in_memory = render(redis={"bundled": {"persistence": {"enabled": False}}})
    assert "initContainers" not in pod_specs(in_memory)[f"{NAME}-redis"]


@pytest.mark.parametrize(("name", "user"), [(NAME, 65532), (REDIS, 999)])
def test_user_ids_can_be_left_to_the_cluster(render: Render, name: str, user: int) -> None:
    by_default = pod_specs(render())[name]["securityContext"]
    assert (by_default["runAsUser"], by_default["runAsNonRoot"]) == (user, True)
    ids = {key for key in by_default if key.startswith("runAs") and key != "runAsNonRoot"} | {"fsGroup"} & set(
        by_default
    )
    none = {"podSecurityContext": dict.fromkeys(ids)}
    rendered = render(**({"operator": none} if name == NAME else {"redis": {"bundled": none}}))
    left = {key: value for key, value in by_default.items() if key not in ids}
    assert pod_specs(rendered)[name]["securityContext"] == left


def test_common_labels_are_on_every_object(render: Render) -> None:
    rendered = render(commonLabels={"team": "data"})
    assert {item["metadata"]["labels"]["team"] for item in rendered} == {"data"}
    for kind in ("Deployment", "StatefulSet"):
        selectors = [item["spec"]["selector"]["matchLabels"] for item in rendered if item["kind"] == kind]
        assert all("team" not in selector for selector in selectors)
