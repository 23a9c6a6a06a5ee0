"""A requested reconciliation that fails is not acknowledged."""

from collections.abc import Callable

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import refuse
from tests.integration.operator.reconcile_request import handled_request, request_reconcile
from tests.integration.operator.situation import Situation, eventually


def test_a_request_is_acknowledged_only_after_a_complete_reconciliation(
    place: Situation, start: Callable[..., OperatorProcess], proxy: FaultyProxy
) -> None:
    """A reconciliation that can't read the Secret does not count."""
    start(KUBECONFIG=str(proxy.kubeconfig(OPERATOR)))
    place.apply_relay(suspend=True)
    place.wait_condition("Ready", "True", "Suspended")
    with proxy.inject(refuse(500), "get", "secrets", namespace=place.namespace):
        request_reconcile(place, "now")
        place.wait_reconciled()
        assert handled_request(place) is None
    eventually(lambda: handled_request(place) == "now")
