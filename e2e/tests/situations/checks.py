"""The rules that no version of any resource may break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from e2e.tests.situations.recorder import Version
from e2e.tests.situations.verdicts import condition

WHILE_TRUE = ("Reconciling", "Stalled", "Suspended")


def faults(versions: Sequence[Version]) -> Iterator[str]:
    """The violations in the versions of one resource, which are in their order."""
    for version in versions:
        if not version.gone:
            for fault in _alone(version):
                yield _described(version, fault)
    for before, after in pairwise(versions):
        if not after.gone and before.body["metadata"]["uid"] == after.body["metadata"]["uid"]:
            for fault in _together(before.body, after.body):
                yield _described(after, fault)


def _alone(version: Version) -> Iterator[str]:
    status, generation = version.body["status"], version.generation
    if condition(version.body, "Reconciling") and condition(version.body, "Stalled"):
        yield "Reconciling and Stalled at once"
    if version.reading.verdict is None:
        yield f"the readers disagree: {version.reading}"
    if status["observedGeneration"] > generation:
        yield f"observedGeneration {status['observedGeneration']} of generation {generation}"
    conditions = status.get("conditions", [])
    kinds = [item["type"] for item in conditions]
    if len(kinds) != len(set(kinds)):
        yield f"a condition twice: {kinds}"
    for item in conditions:
        if item["observedGeneration"] != status["observedGeneration"]:
            yield f"{item['type']} is of generation {item['observedGeneration']}, the status of another"
        if item["type"] in WHILE_TRUE and item["status"] != "True":
            yield f"{item['type']} is there and {item['status']}"
        if not item["reason"]:
            yield f"{item['type']} without a reason"
        if item["status"] != "True" and item["type"] == "Ready" and not item["message"]:
            yield "Ready is not True and has no message"


def _together(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    if after["status"]["observedGeneration"] < before["status"]["observedGeneration"]:
        yield "observedGeneration went back"
    for item in after["status"].get("conditions", []):
        earlier = condition(before, item["type"])
        if not earlier:
            continue
        moved = item["lastTransitionTime"] != earlier["lastTransitionTime"]
        if moved and item["status"] == earlier["status"]:
            yield f"lastTransitionTime of {item['type']} moved, its status did not"
        if item["lastTransitionTime"] < earlier["lastTransitionTime"]:
            yield f"lastTransitionTime of {item['type']} went back"
    restarts = [body["status"].get("restarts", {}).get("count", 0) for body in (before, after)]
    if restarts[1] < restarts[0]:
        yield f"the count of restarts went back from {restarts[0]} to {restarts[1]}"


def _described(version: Version, fault: str) -> str:
    metadata = version.body["metadata"]
    return f"{version.body['kind']} {metadata['name']}, version {metadata['resourceVersion']}: {fault}"
