"""The tables of docs/status.md: conditions, reasons and Events, from the enums that declare them."""

from enum import Enum
from typing import Final

from generate.blocks import markdown_table, page_with_blocks
from generate.cells import code
from generate.docstrings import member_paragraphs
from sluice_ingester.telemetry.error_kinds import SourceErrorKind
from sluice_operator.api.conditions import ConditionType
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.event_reasons import EVENT_REASONS, EventReason
from sluice_operator.status.severity import Severity
from sluice_redis.sink.errors import SinkReason

_STATES: Final = {
    Severity.HEALTHY: "healthy",
    Severity.PROGRESSING: "progressing",
    Severity.DEGRADED: "degraded",
    Severity.STALLED: "stalled",
}


def _conditions() -> str:
    texts = member_paragraphs(ConditionType)
    rows = ((code([kind]), *_two(texts[kind.name], "The condition is absent.")) for kind in ConditionType)
    return markdown_table(("condition", "True", "False"), rows)


def _reasons() -> str:
    texts = member_paragraphs(ConditionReason)
    rows = (
        (
            code([reason]),
            ", ".join(_STATES[one] for one in reason.severities),
            *_two(texts[reason.name], "Nothing."),
        )
        for reason in ConditionReason
    )
    return markdown_table(("reason", "state", "when", "what to do"), rows)


def _ingester_reasons() -> str:
    http = ("`Http429`, `Http502` and other statuses", "The source answered with that HTTP status.", "Nothing.")
    rows = [*_rows_of(SourceErrorKind), http, *_rows_of(SinkReason)]
    return markdown_table(("reason", "when", "what to do"), rows)


def _events() -> str:
    texts = member_paragraphs(EventReason)
    rows = ((code([one]), one.type, _budget(one), *_two(texts[one.name], "Nothing.")) for one in EventReason)
    return markdown_table(("event", "type", "budget", "when", "what to do"), rows)


def _budget(reason: EventReason) -> str:
    return "routine" if reason in EVENT_REASONS.routine else "own"


def _rows_of(enum: type[Enum]) -> list[tuple[str, str, str]]:
    texts = member_paragraphs(enum)
    return [(code([member.value]), *_two(texts[member.name], "Nothing.")) for member in enum]


def _two(paragraphs: list[str], default: str) -> tuple[str, str]:
    """The first paragraph and the second one, or `default` if there is but one."""
    first, *rest = paragraphs
    return first, " ".join(rest) or default


PAGE: Final = page_with_blocks(
    "docs/status.md", conditions=_conditions, reasons=_reasons, ingester_reasons=_ingester_reasons, events=_events
)
