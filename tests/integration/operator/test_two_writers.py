"""A copy of the ingester's pod that writes to Redis too."""

import time
from collections.abc import Callable

from sluice_redis.contract import SourceState
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.situation import Situation, eventually
from tests.integration.operator.test_foreign_pods import COPY, copy_of, since


def test_a_copy_that_runs_the_ingester_is_named_and_does_not_change_ready(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    start(speed=3)
    place.apply_relay()
    pod = place.stream(1000)
    ready = since(place, "Ready")
    copy = copy_of(place, pod, "sluice-ingester")

    def both_write() -> bool:
        place.report(SourceState.STREAMING, pod=pod)
        time.sleep(0.5)  # so that the operator sees both
        place.report(SourceState.CONNECTING, pod=copy)
        time.sleep(0.5)
        return place.condition("SeveralWriters") == ("True", "OtherIngester")

    eventually(both_write)
    place.wait_events("SeveralWriters")
    (message,) = place.event_messages("SeveralWriters")
    assert f"`kubectl delete pod {COPY} -n {place.namespace}`" in message
    assert since(place, "Ready") == ready
    place.kubectl("delete", "pod", COPY, "--wait=false", "--grace-period=0", "--force")
    place.report(SourceState.STREAMING, pod=pod)

    def is_over() -> bool:
        place.report(SourceState.STREAMING, pod=pod)
        return place.condition("SeveralWriters") is None

    eventually(is_over)
    assert since(place, "Ready") == ready
