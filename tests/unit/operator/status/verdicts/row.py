"""A row of the tests of conditions: a situation of a source, and the conditions expected in it."""

from dataclasses import dataclass, field, replace

from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.severity import Severity
from tests.unit.operator.status.situations import after, ago, conditions, facts, failed_sink, pod, sink

HEALTHY, PROGRESSING, DEGRADED, STALLED = Severity

STARTING = facts(now=ago(3590), sink=sink(health=None), pods=(pod(running_since=ago(3595)),))
STREAMED = facts(now=ago(400))
AN_HOUR_AGO = facts(now=ago(3000))
REDIS_DOWN = facts(sink=failed_sink(SinkReadFailure.UNREACHABLE))
NO_SECRET = facts(secret=SecretFacts(problem="There is no Secret redis"), sink=None)
YOUNG = pod(created=ago(20), running_since=ago(15))
NEW_GENERATION = 3


@dataclass(frozen=True)
class Row:
    """After the reconciles with `past`, the facts are `now`. `also` are further conditions, as (status, reason)."""

    name: str
    now: Facts
    severity: Severity
    reason: str
    past: tuple[Facts, ...] = ()
    also: dict[str, tuple[str, str]] = field(default_factory=dict)


def since(seconds: float, situation: Facts, *before: Facts) -> tuple[Facts, ...]:
    """A past in which `situation` began `seconds` ago, after `before`."""
    return (*before, replace(situation, now=ago(seconds)))


STALLED_ADVICE = {
    "ImagePullFailed": "; correct spec.image, spec.imagePullPolicy or spec.podTemplate.imagePullSecrets",
    "ContainerConfigError": "; create what is missing, or correct spec.podTemplate or spec.image",
    "PodRefused": "; change the quota, the policy or the webhook that forbids it, or spec.podTemplate",
    "CrashLoop": "; `kubectl logs --previous us-east-firehose-1` shows why",
    "ProgressDeadlineExceeded": "; `kubectl describe pod us-east-firehose-1` shows what it waits for",
    "SinkUnauthorized": ": correct the user and the password of the URL in the Secret, or grant",
    "SinkUrlInvalid": ": put a Redis URL into the Secret",
    "Halted": ": read its log",
}
"""By reason, the advice in the message of Stalled. Secrets, refusals, duplicates and halted ingesters have messages of
their own.
"""


def check(row: Row) -> None:
    """Assert the conditions of the row, and that the message of Stalled says what to do."""
    status = after(*row.past, row.now)
    found = conditions(status)

    assert found["Ready"] == ("True" if row.severity == HEALTHY else "False", row.reason), status.conditions
    assert found.get("Reconciling") == (("True", row.reason) if row.severity == PROGRESSING else None)
    assert found.get("Stalled") == (("True", row.reason) if row.severity == STALLED else None)
    assert ("Suspended" in found) == (row.now.suspended and row.severity == HEALTHY)
    assert {kind: found.get(kind) for kind in row.also} == row.also
    if row.reason in set(ConditionReason):
        assert row.severity in ConditionReason(row.reason).severities, "docs/status.md says otherwise"

    assert status.observed_generation == row.now.generation
    assert {item.observed_generation for item in status.conditions or ()} == {row.now.generation}
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Ready"]
    assert STALLED_ADVICE.get(row.reason, "") in messages.get("Stalled", STALLED_ADVICE.get(row.reason, "")), (
        "it says what to do"
    )
