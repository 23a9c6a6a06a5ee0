"""A refused spec, suspension, a listing of all repos, duplicates, deletion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from e2e.tests.situations.catalog.common import STARTING, corrected, streaming
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import PATIENCE_SECONDS, eventually

OLDER: Final = "duplicate-elder"
REFUSED: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "a URL as host": ({"host": "https://relay.example/xrpc"}, "give a host name"),
    "an impossible port": ({"host": "relay.example:99999"}, "port"),
    "an unknown start": ({"firehose": {"startFrom": "yesterday"}}, "oldest"),
    "an unknown field": ({"hosts": []}, "hosts"),
}
"""What is wrong -> the spec, and a part of the API server's message."""


def refused(spec: dict[str, Any], words: str) -> Act:
    """The API server must refuse it with a message that contains these words."""

    def attempt(subject: Subject) -> None:
        message = subject.refused(**spec)
        assert words in message, message

    return attempt


def listed(subject: Subject) -> None:
    complete = eventually(
        lambda: subject.condition("BackfillComplete"), until=lambda seen: seen.get("status") == "True"
    )
    assert complete["reason"] == "Listed", complete
    subject.wait_event("BackfillDone")


def cursor(subject: Subject) -> str:
    """Its stored cursor, empty if there is none."""
    return subject.environment.redis(
        "GET", subject.redis_key(f"firehose_live:cursor:{subject.environment.simulator().host}")
    )


def delete_with_cursor(subject: Subject, *args: str) -> None:
    """Delete it once there is a cursor, which comes some time after the connection."""
    eventually(lambda: cursor(subject), until=str.isdecimal)
    subject.delete(*args)


def cursor_is_kept(subject: Subject) -> None:
    assert cursor(subject).isdecimal()


def apply_younger(subject: Subject) -> None:
    """Apply another resource with the same cursor, and the one under test in the next second or later.

    Creation timestamps have whole seconds.
    """
    subject.environment.apply(subject.manifest(name=OLDER))
    applied = int(time.time())
    eventually(lambda: int(time.time()), until=lambda now: now > applied)
    subject.apply()


def older_runs(subject: Subject) -> None:
    assert OLDER in subject.condition("Stalled")["message"]
    older, recorder = ("relay", OLDER), subject.environment.recorder
    ready = recorder.wait(
        older, lambda seen: bool(seen) and seen[-1].reading.verdict is Verdict.READY, seconds=PATIENCE_SECONDS
    )
    assert ready, recorder.versions(older)[-1].reading


def delete_older(subject: Subject) -> None:
    kind, _ = subject.resource
    subject.environment.kubectl("delete", kind, OLDER, "--wait=false")


def apply_to_own_redis(subject: Subject) -> None:
    subject.environment.secret(f"url-{subject.name}", url=subject.redis().start())
    subject.apply(redis={"secretRef": {"name": f"url-{subject.name}"}}, deletionPolicy="DeleteCursor")


def delete_without_redis(subject: Subject) -> None:
    subject.redis().scale(0)
    subject.delete()


def cursor_is_gone(subject: Subject) -> None:
    assert cursor(subject) == ""
    subject.wait_event("CursorDeleted")


def what_remains_is_reported(subject: Subject) -> None:
    subject.wait_event("CursorNotDeleted")


def suspended(what: str, does: Any) -> Step:
    return Step(
        what=what,
        does=does,
        becomes=Verdict.SUSPENDED,
        because=because("Suspended"),
        through=STARTING,
        stays=3,
    )


SITUATIONS: Final = (
    Situation(
        name="refused",
        steps=tuple(
            Step(what=what, does=refused(spec, words), becomes=Verdict.GONE) for what, (spec, words) in REFUSED.items()
        ),
    ),
    Situation(
        name="suspended",
        seconds=45,
        steps=(
            streaming(),
            suspended("suspended", lambda subject: subject.patch(suspend=True)),
            corrected("resumed", lambda subject: subject.patch(suspend=False)),
        ),
    ),
    Situation(
        name="born-suspended",
        steps=(suspended("applied", lambda subject: subject.apply(suspend=True)),),
    ),
    Situation(
        name="backfill-done",
        seconds=40,
        steps=(
            streaming(backfill={"enabled": True}),
            Step(what="listed", becomes=Verdict.READY, because=because("Streaming"), stays=8, then=listed),
        ),
    ),
    Situation(
        name="backfill-alone",
        seconds=40,
        steps=(
            Step(
                what="applied",
                does=lambda subject: subject.apply(firehose={"enabled": False}, backfill={"enabled": True}),
                becomes=Verdict.READY,
                because=because("Listed"),
                through=via(Verdict.PROGRESSING, Verdict.READY),
                stays=3,
            ),
        ),
    ),
    Situation(
        name="deleted",
        steps=(
            streaming(),
            Step(
                what="deleted",
                does=lambda subject: delete_with_cursor(subject, "--cascade=foreground"),
                becomes=Verdict.GONE,
                through=via(Verdict.DELETED, Verdict.TERMINATING),
                then=cursor_is_kept,
            ),
        ),
    ),
    Situation(
        name="deleted-with-cursor",
        steps=(
            streaming(deletionPolicy="DeleteCursor"),
            Step(
                what="deleted",
                does=delete_with_cursor,
                becomes=Verdict.GONE,
                through=via(Verdict.DELETED, Verdict.TERMINATING),
                then=cursor_is_gone,
            ),
        ),
    ),
    Situation(
        name="deleted-redis-gone",
        seconds=110,
        steps=(
            Step(what="applied", does=apply_to_own_redis, becomes=Verdict.READY, through=STARTING),
            Step(
                what="Redis down, deleted",
                does=delete_without_redis,
                becomes=Verdict.TERMINATING,
                because=because("Terminating"),
                through=via(Verdict.DELETED, Verdict.READY),
                stays=10,
            ),
            Step(
                what="past the deadline",
                becomes=Verdict.GONE,
                through=via(Verdict.TERMINATING),
                then=what_remains_is_reported,
            ),
        ),
    ),
    Situation(
        name="duplicate-source",
        seconds=50,
        steps=(
            Step(
                what="applied as the younger one",
                does=apply_younger,
                becomes=Verdict.STALLED,
                because=because("DuplicateSource"),
                through=STARTING,
                stays=15,
                then=older_runs,
            ),
            corrected("the older one deleted", delete_older, through=via(Verdict.PROGRESSING)),
        ),
    ),
)
