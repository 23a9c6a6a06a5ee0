"""Turns a Deployment into facts. Pure."""

from collections.abc import Mapping
from typing import Any

from sluice_common.times import parse_time
from sluice_operator.observed.facts.deployment import DeploymentFacts
from sluice_redis.ingester_settings import REDIS_URL, SOURCE_LIST


def deployment_facts(deployment: Mapping[str, Any]) -> DeploymentFacts:
    """The facts of one apps/v1 Deployment."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    replicas = (deployment.get("spec") or {}).get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    progressing, failure = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
    late = seen and progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded"
    failing = seen and failure.get("status") == "True"
    return DeploymentFacts(
        replicas=replicas,
        rolled_out=seen and _is_rolled_out(replicas, status),
        observed=seen,
        deadline_message=progressing.get("message", "") or "the rollout has passed its deadline" if late else "",
        failure_message=failure.get("message", "") or "pods can't be created" if failing else "",
        failing_since=parse_time(failure.get("lastTransitionTime")) if failing else None,
    )


def _is_rolled_out(replicas: int, status: Mapping[str, Any]) -> bool:
    """Whether all pods are of the newest template. Another number of replicas alone is not a rollout: one pod does all
    the work.
    """
    there, updated = status.get("replicas", 0), status.get("updatedReplicas", 0)
    return bool(there == updated and (there > 0 if replicas else there == 0))


def redis_secret_of(deployment: Mapping[str, Any]) -> str:
    """The name of the Secret from which the ingester has the URL of its Redis. Empty if there is none."""
    references = [one.get("valueFrom") or {} for one in _variables(deployment, REDIS_URL.variable)]
    return next((str(one["secretKeyRef"]["name"]) for one in references if "secretKeyRef" in one), "")


def source_list_of(deployment: Mapping[str, Any]) -> str:
    """The key of the source list that a shared Deployment follows. Empty if it follows none."""
    return next((str(one.get("value", "")) for one in _variables(deployment, SOURCE_LIST.variable)), "")


def _variables(deployment: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The environment variables of that name in the containers of a Deployment."""
    containers = deployment.get("spec", {}).get("template", {}).get("spec", {}).get("containers") or ()
    return [one for container in containers for one in container.get("env") or () if one.get("name") == name]
