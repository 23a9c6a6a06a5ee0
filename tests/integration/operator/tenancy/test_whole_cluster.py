"""A release that watches the whole cluster, and one that watches some namespaces by name."""

from collections.abc import Callable

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ControlPlane
from tests.integration.operator.situation import eventually
from tests.integration.operator.tenancy.releases import SECOND, Namespace
from tests.integration.operator.tenancy.test_two_releases import is_set_up

Make = Callable[[], Namespace]
Release = Callable[..., OperatorProcess]
NAMESPACES = 12


@pytest.mark.parametrize("named_first", [True, False])
def test_the_first_release_in_a_namespace_continues_to_serve_it(
    control_plane: ControlPlane, namespace: Make, release: Release, *, named_first: bool
) -> None:
    shared, others = namespace(), [namespace() for _ in range(NAMESPACES)]
    wide, named = release(OPERATOR), release(SECOND, shared)
    first, second = (named, wide) if named_first else (wide, named)
    holder, other = (SECOND, OPERATOR) if named_first else (OPERATOR, SECOND)
    first.start()
    shared.apply_relay()
    is_set_up(shared, holder)
    log = control_plane.audit.from_now()
    second.start(ready=False)
    eventually(lambda: shared.is_served(second, served=False))
    for place in others:
        place.apply_relay()
    for place in others:
        is_set_up(place, OPERATOR)
        assert place.holder() == f"{OPERATOR}-system/sluice-operator"
    shared.edit(batch={"size": 91})
    eventually(lambda: "91" in str(shared.template()))
    # Both have read its Lease repeatedly meanwhile.
    eventually(lambda: len(shared.lease_requests(log, other)) >= 3)
    assert shared.writes(log, other) == []
    assert shared.default_redis() == holder
    code, text = wide.get("readyz")
    assert code == 200
    assert (shared.namespace in text) == named_first

    first.stop()
    eventually(lambda: shared.default_redis() == other, seconds=60)
    assert second.stop() == 0


def test_the_same_source_in_namespaces_of_both_releases(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    """Each source uses the default Redis of its release, so they are not duplicates."""
    mine, others = namespace(), namespace()
    wide, named = release(OPERATOR), release(SECOND, others)
    named.start()
    others.apply_relay(host="ws://shared.example")
    is_set_up(others, SECOND)
    wide.start(ready=False)
    eventually(lambda: others.is_served(wide, served=False))
    mine.apply_relay(host="ws://shared.example")
    is_set_up(mine, OPERATOR)
    eventually(lambda: mine.status()["observedGeneration"] == 1)
    eventually(lambda: mine.deployment()["spec"]["replicas"] == 1)
    assert mine.condition("Stalled") is None
