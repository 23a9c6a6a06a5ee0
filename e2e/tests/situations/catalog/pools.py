"""Resources that share a pod. Nothing that happens to one of them changes what the readers say of the other."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.catalog.common import BROKEN, LATE, SHORT, SOURCE_DOWN, STARTING, corrected, own, replaced
from e2e.tests.situations.recorder import Key
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.subject import SMALL, Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import PATIENCE_SECONDS, eventually
from sluice_operator.desired.pools import POOL_LABEL

ENDING: Final = via(Verdict.DELETED, Verdict.TERMINATING)


def pooling(subject: Subject) -> dict[str, str]:
    """The pool of this situation."""
    return {"mode": "Shared", "pool": subject.name}


def apply(subject: Subject, **spec: Any) -> None:
    """Apply the resource under test, in the pool unless the spec says something else."""
    subject.apply(host=own(subject).address, **{"pooling": pooling(subject), **spec})


def apply_alone(subject: Subject) -> None:
    """Apply the resource under test, with a pod of its own, beside the pool."""
    apply_first(subject)
    apply(subject, pooling={"mode": "Dedicated"})


def first(subject: Subject) -> Key:
    """The older resource of the pool, which nothing happens to."""
    return subject.kind, f"{subject.name}-first"


def apply_first(subject: Subject, **spec: Any) -> None:
    """Apply the older resource of the pool, and wait until it is Ready."""
    key = first(subject)
    subject.environment.apply(subject.manifest(name=key[1], pooling=pooling(subject), **spec))
    recorder = subject.environment.recorder
    ready = recorder.wait(
        key, lambda seen: bool(seen) and seen[-1].reading.verdict is Verdict.READY, seconds=PATIENCE_SECONDS
    )
    assert ready, recorder.versions(key)[-1].reading


def apply_both(subject: Subject, **spec: Any) -> None:
    """Apply both, one after the other."""
    apply_first(subject)
    apply(subject, **spec)


def first_is_untouched(subject: Subject) -> None:
    """Since it was Ready first, no reader has said anything else of the older resource, and nothing was counted."""
    versions = subject.environment.recorder.versions(first(subject))
    verdicts = [version.reading.verdict for version in versions]
    since = verdicts[verdicts.index(Verdict.READY) :]
    assert set(since) == {Verdict.READY}, verdicts
    api, namespace = subject.environment.installation.api, subject.environment.namespace
    status = api.read("labelers", namespace, first(subject)[1])["status"]
    assert status["restarts"]["count"] == 0, status["restarts"]


def shared_pod(subject: Subject) -> str:
    """The name of the only pod of the pool."""

    def pods() -> list[str]:
        namespace = subject.environment.namespace
        found = subject.environment.installation.api.list(
            "pods", namespace, labelSelector=f"{POOL_LABEL}={subject.name}"
        )
        return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]

    return eventually(pods, until=lambda names: len(names) == 1)[0]


def delete_pod(subject: Subject) -> None:
    """Delete the shared pod."""
    subject.environment.kubectl("delete", "pod", shared_pod(subject), "--wait=false")


def counted_once(subject: Subject) -> None:
    restarts = eventually(lambda: subject.status()["restarts"], until=lambda seen: seen["count"] > 0, every=0.5)
    assert restarts["count"] == 1, restarts


def cursor_key(subject: Subject) -> str:
    return subject.redis_key(f"label_live:cursor:{own(subject).host}")


def set_future_cursor(subject: Subject) -> None:
    """Store a cursor that the source does not have yet, and break the connection."""
    subject.environment.redis("SET", cursor_key(subject), str(2**52))
    own(subject).fault("cut")


def delete_with_cursor(subject: Subject) -> None:
    eventually(lambda: subject.environment.redis("GET", cursor_key(subject)), until=str.isdecimal)
    subject.delete()


def cursor_is_gone(subject: Subject) -> None:
    assert subject.environment.redis("GET", cursor_key(subject)) == ""
    subject.wait_event("CursorDeleted")
    first_is_untouched(subject)


def names_the_field(subject: Subject) -> None:
    message = subject.condition("Stalled")["message"]
    assert message.startswith("spec.podTemplate differs from that of Labeler"), message
    first_is_untouched(subject)


def suspend(*, yes: bool) -> Act:
    return lambda subject: subject.patch(suspend=yes)


def started(what: str = "applied", does: Act = apply_both, *, through: frozenset[Verdict] = STARTING) -> Step:
    return Step(
        what=what,
        does=does,
        becomes=Verdict.READY,
        because=because("Streaming"),
        through=through,
        then=first_is_untouched,
    )


SITUATIONS: Final = (
    Situation(name="pooled-joins", kind="labeler", seconds=40, steps=(started(),)),
    Situation(
        name="pooled-suspended",
        kind="labeler",
        seconds=50,
        steps=(
            started(),
            Step(
                what="suspended",
                does=suspend(yes=True),
                becomes=Verdict.SUSPENDED,
                through=STARTING,
                stays=5,
                then=first_is_untouched,
            ),
            started("resumed", suspend(yes=False)),
        ),
    ),
    Situation(
        name="pooled-halted",
        kind="labeler",
        seconds=60,
        steps=(
            started(),
            Step(
                what="cursor in the future",
                does=set_future_cursor,
                becomes=Verdict.STALLED,
                because=because("FutureCursor"),
                stays=5,
                then=first_is_untouched,
            ),
            corrected(
                "cursor set by the spec",
                lambda subject: subject.patch(cursor={"position": "oldest", "nonce": "1"}),
                through=BROKEN,
            ),
        ),
    ),
    Situation(
        name="pooled-source-down",
        kind="labeler",
        seconds=70,
        steps=(
            started("applied", lambda subject: apply_both(subject, health=SHORT), through=LATE),
            *SOURCE_DOWN,
            started("source back", lambda subject: own(subject).scale(1), through=LATE),
        ),
    ),
    Situation(
        name="pooled-mismatch",
        kind="labeler",
        seconds=45,
        steps=(
            Step(
                what="another pod template",
                does=lambda subject: apply_both(subject, podTemplate={"labels": {"team": "other"}}),
                becomes=Verdict.STALLED,
                because=because("PoolMismatch"),
                through=STARTING,
                stays=5,
                then=names_the_field,
            ),
            corrected(
                "the same pod template",
                lambda subject: subject.patch(podTemplate={"labels": None, "resources": SMALL}),
                through=BROKEN,
            ),
        ),
    ),
    Situation(
        name="pooled-moves",
        kind="labeler",
        seconds=80,
        steps=(
            started("in its own pod", apply_alone),
            started("in the pool", lambda subject: subject.patch(pooling=pooling(subject))),
            started("in its own pod again", lambda subject: subject.patch(pooling={"mode": "Dedicated"})),
        ),
    ),
    Situation(
        name="pooled-killed",
        kind="labeler",
        seconds=50,
        steps=(
            started(),
            Step(what="pod deleted", does=delete_pod, becomes=Verdict.PROGRESSING),
            replaced(then=counted_once),
        ),
    ),
    Situation(
        name="pooled-deleted",
        kind="labeler",
        seconds=50,
        steps=(
            started("applied", lambda subject: apply_both(subject, deletionPolicy="DeleteCursor")),
            Step(
                what="deleted",
                does=delete_with_cursor,
                becomes=Verdict.GONE,
                through=ENDING,
                then=cursor_is_gone,
            ),
        ),
    ),
    Situation(
        name="pooled-alone",
        kind="labeler",
        seconds=50,
        steps=(
            Step(what="applied", does=apply, becomes=Verdict.READY, because=because("Streaming"), through=STARTING),
            Step(what="deleted", does=lambda subject: subject.delete(), becomes=Verdict.GONE, through=ENDING),
        ),
    ),
)
