"""The operator is killed at fifteen random moments while users edit: a reconciliation may end at any point."""

import os
import random
import signal
import time
from collections.abc import Callable

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.random_edits import STEADY, Users, is_as_wanted, surplus_events
from tests.integration.operator.situation import Situation, eventually

KILLS = 15
SEED = int(os.environ.get("SLUICE_TEST_SEED", "5"))


def test_an_operator_that_is_killed_repeatedly_reaches_the_wanted_state(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    rng = random.Random(SEED)
    users, operator = Users(place, rng), start()
    for name in STEADY:
        users.create(name)
    eventually(users.steady_pods)
    users.start_steady()
    for _ in range(KILLS):
        for _ in range(rng.randint(1, 4)):
            users.change()
            time.sleep(rng.uniform(0, 0.1))
        users.restart_a_container()
        time.sleep(rng.uniform(0, 0.4))
        operator.stop(signal.SIGKILL)
        users.change()
        operator.start(ready=rng.random() < 0.7)
        time.sleep(rng.uniform(0, 0.4))
    eventually(lambda: is_as_wanted(place, users))
    assert surplus_events(place, users) == {}

    def is_quiet() -> bool:
        log = place.control_plane.audit.from_now()
        time.sleep(4)
        # Deadlines of resources without an ingester may pass, so a status may be written.
        return {request.resource for request in log.writes(OPERATOR)} <= {"relays/status"}

    eventually(is_quiet)  # Events about the last status may still be missing
    assert is_as_wanted(place, users)
