"""Goes through situations, several at the same time, and checks each step."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from e2e.tests.situations.environment import Environment
from e2e.tests.situations.recorder import Recorder, Version
from e2e.tests.situations.situation import MOMENTARY, Reached, Result, Situation, Step
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import NOT_THERE, Reading, Verdict
from e2e.tests.wait import PATIENCE_SECONDS

_POLL_SECONDS: Final = 0.5


def start_all(environment: Environment, situations: Iterable[Situation], *, at_once: int) -> dict[str, Future[Result]]:
    """Begin with the longest; a future result for each, by name."""
    ordered = sorted(situations, key=lambda one: -one.seconds)
    pool = ThreadPoolExecutor(at_once)
    results = {one.name: pool.submit(run_situation, environment, one) for one in ordered}
    pool.shutdown(wait=False)
    return results


def run_situation(environment: Environment, situation: Situation) -> Result:
    """Go through the steps of one situation, up to the first that fails."""
    begun = time.monotonic()
    subject, result = Subject(environment, situation), Result(situation)
    for step in situation.steps:
        try:
            result.seen.append(_take(subject, step, before=result.seen[-1] if result.seen else None))
        except AssertionError as error:
            result.wrong.append(f"{situation.name}, {step.what}: {error}")
            break
    result.seconds = time.monotonic() - begun
    return result


def changes_afterwards(recorder: Recorder, result: Result) -> list[str]:
    """The readings after the last step of a situation that differ from the verdict of that step."""
    if result.wrong:
        return []
    last = result.seen[-1]
    later = recorder.versions(result.situation.key)[last.number :]
    return [
        f"{result.situation.name}, after its end: {version.reading}"
        for version in later
        if version.reading.verdict is not last.step.becomes
    ]


def _take(subject: Subject, step: Step, *, before: Reached | None) -> Reached:
    recorder, key = subject.environment.recorder, subject.key
    start = before.number if before else 0
    lenient = replace(step, because=step.because | MOMENTARY) if step.because else step
    step.does(subject)
    generation = subject.generation()

    def found(versions: list[Version]) -> int | None:
        """The number of the first version that is as wanted; that of the step before counts if it still is."""
        return next(
            (number for number in range(start, len(versions)) if _is_it(versions[number], step, generation)), None
        )

    def left(versions: list[Version]) -> list[Version]:
        """Those that are not as wanted, not even for a moment."""
        return [version for version in versions if not _is_it(version, lenient, generation)]

    if step.becomes is Verdict.GONE and not recorder.versions(key):
        reading = subject.read()
        assert reading == NOT_THERE, f"there is one: {reading}"
        return Reached(step, 0, reading)
    recorder.wait(key, lambda versions: found(versions) is not None, seconds=step.within)
    versions = recorder.versions(key)
    assert versions, "no version was recorded"
    number = found(versions)
    _check_way(versions[start:number], step, before=before)
    assert number is not None, f"not {_wanted(step)} within {step.within:.0f} s, but {versions[-1].reading}"
    _check_readers(subject, versions[number].reading, since=number)
    if step.stays:
        recorder.wait(key, lambda versions: bool(left(versions[number:])), seconds=step.stays)
        changed = left(recorder.versions(key)[number:])
        assert not changed, f"did not stay {_wanted(step)}: {changed[0].reading}"
        came_back = recorder.wait(key, lambda versions: _is_it(versions[-1], step, generation), seconds=step.within)
        assert came_back, f"not {_wanted(step)} again, but {recorder.versions(key)[-1].reading}"
    step.then(subject)
    return Reached(step, number, versions[number].reading)


def _is_it(version: Version, step: Step, generation: int | None) -> bool:
    reading = version.reading
    if reading.verdict is not step.becomes or (step.because and reading.reason not in step.because):
        return False
    return version.gone or version.generation == generation


def _check_way(versions: list[Version], step: Step, *, before: Reached | None) -> None:
    """At first the verdict of the step before may still be there: the operator needs a moment."""
    old, left = before.reading.verdict if before else Verdict.UNOBSERVED, False
    for version in versions:
        verdict = version.reading.verdict
        if (verdict is old and not left) or version.outdated:
            continue
        left = True
        allowed = step.through | {step.becomes}
        assert verdict in allowed, f"on the way to {_wanted(step)}: {version.reading}"


def _check_readers(subject: Subject, expected: Reading, *, since: int) -> None:
    """kubectl, run now, agrees with what was read from that version or from a later one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = subject.read()
        possible = [version.reading for version in subject.environment.recorder.versions(subject.key)[since:]]
        if now in possible:
            return
        assert time.monotonic() < deadline, f"kubectl says {now}, the recorded versions {expected}"
        time.sleep(_POLL_SECONDS)


def _wanted(step: Step) -> str:
    return f"{step.becomes.name} {'/'.join(sorted(step.because))}".rstrip()
