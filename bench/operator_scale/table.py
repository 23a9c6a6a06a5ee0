"""The results as one table: a row for each measure, a column for each number of resources."""

from collections.abc import Mapping
from typing import Final

Measures = Mapping[str, float]
"""Values by the name of what was measured, with its unit."""

_ABSENT: Final = ""


class Results:
    """Values by column, by section and by measure. Each has its order of arrival."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, dict[str, float]]] = {}

    def add(self, column: str, section: str, measures: Measures) -> None:
        """Add the values of a section of one column, and print them."""
        self.columns.setdefault(column, {}).setdefault(section, {}).update(measures)
        print(f"  {section}:", flush=True)
        for measure, value in measures.items():
            print(f"    {measure}: {_text(value)}", flush=True)

    def get(self, column: str, section: str, measure: str) -> float | None:
        """A value, if it was measured."""
        return self.columns.get(column, {}).get(section, {}).get(measure)

    def markdown(self) -> str:
        """The table."""
        rows = [["measure", *self.columns]]
        for section in dict.fromkeys(name for sections in self.columns.values() for name in sections):
            rows.append([f"**{section}**", *("" for _ in self.columns)])
            found = [sections.get(section, {}) for sections in self.columns.values()]
            measures = dict.fromkeys(measure for one in found for measure in one)
            rows += [[measure, *(_text(one.get(measure)) for one in found)] for measure in measures]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in rows
        ]
        rule = "| " + " | ".join(["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]) + " |"
        return "\n".join([lines[0], rule, *lines[1:]])


def _text(number: float | None) -> str:
    """With three digits that count, or all of a larger number."""
    if number is None:
        return _ABSENT
    digits = 0 if number == int(number) else 3 if abs(number) < 1 else 2 if abs(number) < 10 else 1
    return f"{number:,.{digits}f}"
