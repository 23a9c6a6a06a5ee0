"""The replacement patch, which makes a live object equal to the desired one."""

import copy
from typing import Any

from sluice_operator.desired.diff import find_differences
from sluice_operator.desired.replacement_patch import build_replacement_patch
from tests.unit.operator.desired.test_diff import desired, stored

RESTARTED = "kubectl.kubernetes.io/restartedAt"


def patched(live: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """`live` after a JSON patch of `add`, `replace` and `remove`."""
    result = copy.deepcopy(live)
    for operation in operations:
        *steps, name = operation["path"].strip("/").split("/")
        node = result
        for step in steps:
            node = node[step]
        if operation["op"] == "remove":
            del node[name]
        else:
            node[name] = operation["value"]
    return result


def test_spec_fields_of_others_are_removed_and_their_metadata_stays() -> None:
    live = stored(desired())
    live["spec"] |= {"paused": True, "replicas": 3}
    live["immutable"] = True
    live["metadata"]["labels"]["former"] = "x"
    result = patched(live, build_replacement_patch(live, desired(), former_keys={"former"}))
    assert find_differences(result, desired()) == []
    assert result["metadata"]["labels"]["team"] == "data"
    assert "former" not in result["metadata"]["labels"]
    assert result["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "x"
    assert [owner["uid"] for owner in result["metadata"]["ownerReferences"]] == ["u-9", "u-1"]
    assert result["spec"]["template"]["metadata"]["annotations"][RESTARTED]
    assert "immutable" not in result


def test_the_patch_is_for_one_resource_version() -> None:
    operations = build_replacement_patch(stored(desired()), desired(), former_keys=())
    assert {"op": "add", "path": "/metadata/resourceVersion", "value": "7"} in operations


def test_the_desired_object_is_not_modified() -> None:
    wanted = desired()
    build_replacement_patch(stored(desired()), wanted, former_keys=())
    assert wanted == desired()
