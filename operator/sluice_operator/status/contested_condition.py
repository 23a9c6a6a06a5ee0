"""The condition ChildrenContested: fields of Deployments and Secrets that are left as another writer set them. Pure."""

from collections.abc import Sequence
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.observed.facts.children import Contest
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import ConditionDraft, true

_MAX_CONTESTS: Final = 3


def children_contested(facts: Facts, previous: Condition | None) -> list[ConditionDraft]:
    """The condition with the fields and who set them. Empty if there are none.

    It stays as in `previous` if the fields could not be compared.
    """
    if facts.contests is None and previous is not None:
        return [true(Type.CHILDREN_CONTESTED, previous.reason, previous.message)]
    if not facts.contests:
        return []
    contested = any(not contest.by_admission for contest in facts.contests)
    reason = ConditionReason.CONTESTED if contested else ConditionReason.SET_BY_ADMISSION
    return [true(Type.CHILDREN_CONTESTED, reason, _first_few([_sentence(contest) for contest in facts.contests]))]


def _sentence(contest: Contest) -> str:
    when = "at each write" if contest.by_admission else "again and again"
    return (
        f"{contest.child}: {contest.field} is {contest.found} and not {contest.wanted}, because {contest.by} sets "
        f"it {when}. The operator leaves it: {contest.advice}"
    )


def _first_few(words: Sequence[str]) -> str:
    more = [f"and {len(words) - _MAX_CONTESTS} more"] if len(words) > _MAX_CONTESTS else []
    return "; ".join([*words[:_MAX_CONTESTS], *more])
