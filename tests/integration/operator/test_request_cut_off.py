"""A look that was asked for and could not be ended: it is not answered."""

from collections.abc import Callable

from tests.integration.operator.asking import answer, ask
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.faults import FaultyProxy
from tests.integration.operator.situation import Situation, eventually
from tests.integration.operator.tricks import answers


def test_no_answer_before_the_look_has_come_to_its_end(
    place: Situation, start: Callable[..., OperatorProcess], proxy: FaultyProxy
) -> None:
    """One that could not read what it needs was none."""
    start(KUBECONFIG=str(proxy.kubeconfig(OPERATOR)))
    place.apply_relay(suspend=True)
    place.becomes("Ready", "True", "Suspended")
    with proxy.fault(answers(500), "get", "secrets", namespace=place.namespace):
        ask(place, "now")
        place.reconciled()
        assert answer(place) is None
    eventually(lambda: answer(place) == "now")
