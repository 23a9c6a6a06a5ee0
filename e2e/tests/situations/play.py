"""Goes through situations, many at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from e2e.tests.situations.recorder import Recorder, Version
from e2e.tests.situations.situation import Played, Seen, Situation, Step
from e2e.tests.situations.stage import Stage, World
from e2e.tests.situations.verdicts import NOT_THERE, Reading, Verdict

AT_ONCE = 12
_SETTLE_SECONDS = 60.0


def play_all(world: World, situations: Iterable[Situation]) -> dict[str, Future[Played]]:
    """Play them: first, one after the other, those that need the operator for themselves, then all others, the
    longest first. Gives what will have come of each, by name.
    """
    ordered = sorted(situations, key=lambda one: (not one.alone, -one.seconds))
    alone = [one for one in ordered if one.alone]
    results: dict[str, Future[Played]] = {one.name: Future() for one in ordered}

    def perform(situation: Situation) -> None:
        try:
            results[situation.name].set_result(play(world, situation))
        except BaseException as error:  # noqa: BLE001 (told to whoever waits for the result)
            results[situation.name].set_exception(error)

    def perform_all() -> None:
        for situation in alone:
            perform(situation)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for situation in ordered[len(alone) :]:
                pool.submit(perform, situation)

    ThreadPoolExecutor(1).submit(perform_all)
    return results


def play(world: World, situation: Situation) -> Played:
    """Go through the steps of one situation, up to the first that comes to a wrong verdict."""
    begun = time.monotonic()
    stage, played = Stage(world, situation), Played(situation)
    for step in situation.steps:
        try:
            played.seen.append(_take(stage, step, before=played.seen[-1] if played.seen else None))
        except AssertionError as error:
            played.wrong.append(f"{situation.name}, {step.what}: {error}")
            break
    played.seconds = time.monotonic() - begun
    return played


def changes_afterwards(recorder: Recorder, played: Played) -> list[str]:
    """What was said of the resource after the last step of its situation, other than the verdict of that step."""
    if played.wrong:
        return []
    last = played.seen[-1]
    later = recorder.versions(played.situation.key)[last.number :]
    return [
        f"{played.situation.name}, after its end: {version.reading}"
        for version in later
        if version.reading.verdict is not last.step.becomes
    ]


def _take(stage: Stage, step: Step, *, before: Seen | None) -> Seen:
    recorder, key = stage.world.recorder, stage.key
    start = before.number if before else 0
    step.does(stage)
    generation = stage.generation()

    def found(versions: list[Version]) -> int | None:
        """Of the first version that is as it should become; the one of the step before counts if it still is."""
        return next(
            (number for number in range(start, len(versions)) if _is_it(versions[number], step, generation)), None
        )

    if step.becomes is Verdict.GONE and not recorder.versions(key):
        reading = stage.read()
        assert reading == NOT_THERE, f"there is one: {reading}"
        return Seen(step, 0, reading)
    recorder.wait(key, lambda versions: found(versions) is not None, seconds=step.within)
    versions = recorder.versions(key)
    assert versions, "nothing was recorded"
    number = found(versions)
    _check_way(versions[start:number], step, before=before)
    assert number is not None, f"not {_wanted(step)} within {step.within:.0f} s, but {versions[-1].reading}"
    _check_readers(stage, versions[number].reading, since=number)
    if step.stays:
        time.sleep(step.stays)
        for version in recorder.versions(key)[number:]:
            assert _is_it(version, step, generation), f"did not stay {_wanted(step)}: {version.reading}"
    step.then(stage)
    return Seen(step, number, versions[number].reading)


def _is_it(version: Version, step: Step, generation: int | None) -> bool:
    reading = version.reading
    if reading.verdict is not step.becomes or (step.because and reading.reason not in step.because):
        return False
    return version.gone or version.generation == generation


def _check_way(versions: list[Version], step: Step, *, before: Seen | None) -> None:
    """The verdict that was there may still be told at first: nobody knows at once."""
    old, left = before.reading.verdict if before else Verdict.UNSEEN, False
    for version in versions:
        verdict = version.reading.verdict
        if (verdict is old and not left) or version.outdated:
            continue
        left = True
        allowed = step.through | {step.becomes}
        assert verdict in allowed, f"on the way to {_wanted(step)}: {version.reading}"


def _check_readers(stage: Stage, expected: Reading, *, since: int) -> None:
    """kubectl, run now, says of the version what was read from it, or else of one that has come meanwhile."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        now = stage.read()
        possible = [version.reading for version in stage.world.recorder.versions(stage.key)[since:]]
        if now in possible:
            return
        assert time.monotonic() < deadline, f"kubectl says {now}, the recorded versions {expected}"


def _wanted(step: Step) -> str:
    return f"{step.becomes.name} {'/'.join(sorted(step.because))}".rstrip()
