"""A look may be cut off anywhere: the operator is killed at fifteen random moments while all is in motion."""

import os
import random
import signal
import time
from collections.abc import Callable

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.random_edits import STEADY, Users, is_settled, repeated
from tests.integration.operator.situation import Situation, eventually

KILLS = 15
SEED = int(os.environ.get("SLUICE_TEST_SEED", "5"))


def test_killed_again_and_again(place: Situation, start: Callable[..., OperatorProcess]) -> None:
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
        users.end_a_container()
        time.sleep(rng.uniform(0, 0.4))
        operator.stop(signal.SIGKILL)
        users.change()
        operator.start(ready=rng.random() < 0.7)
        time.sleep(rng.uniform(0, 0.4))
    eventually(lambda: is_settled(place, users))
    assert repeated(place, users) == {}

    def is_quiet() -> bool:
        log = place.control_plane.audit.from_now()
        time.sleep(4)
        # Deadlines of what has no ingester may pass meanwhile, so a status may be written.
        return {request.resource for request in log.writes(OPERATOR)} <= {"relays/status"}

    eventually(is_quiet)  # what the last status has to tell may still be on its way
    assert is_settled(place, users)
