"""The results of all rounds, and their table: the median of each measure, the lowest and the highest value."""

import statistics
from collections.abc import Iterator, Mapping
from typing import Final

Measures = Mapping[str, float]
"""Values by the name of what was measured, with its unit."""

_HEAD: Final = ("what", "measure", "median", "min .. max")


class Results:
    """Values by section, by what was measured, and by measure. Each has its order of arrival."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[tuple[str, str], list[float]]] = {}

    def add(self, section: str, what: str, measures: Measures) -> None:
        """Add the values of one run."""
        rows = self._sections.setdefault(section, {})
        for measure, value in measures.items():
            rows.setdefault((what, measure), []).append(value)

    def add_ratios(self, section: str, what: str, of: str, against: str) -> None:
        """Add the ratios of each round between two that were measured, without those of other processes."""
        rows = self._sections.get(section, {})
        for (name, measure), values in list(rows.items()):
            others = rows.get((against, measure))
            if name == of and others is not None and " of " not in measure:
                pairs = zip(values, others, strict=True)
                rows[what, measure.partition(",")[0]] = [value / other for value, other in pairs]

    def markdown(self) -> str:
        """The table."""
        rows = [_HEAD, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = [
            f"| {what:<{widths[0]}} | {measure:<{widths[1]}} | {median:>{widths[2]}} | {spread:>{widths[3]}} |"
            for what, measure, median, spread in rows
        ]
        dashes = [f"{'-' * width}" for width in widths]
        rule = f"| {dashes[0]} | {dashes[1]} | {dashes[2][:-1]}: | {dashes[3][:-1]}: |"
        return "\n".join([lines[0], rule, *lines[1:]])

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for section, rows in self._sections.items():
            yield f"**{section}**", "", "", ""
            shown = ""
            for (what, measure), values in rows.items():
                spread = f"{_text(min(values))} .. {_text(max(values))}"
                yield "" if what == shown else what, measure, _text(statistics.median(values)), spread
                shown = what


def _text(number: float) -> str:
    """With three digits that count, or all of a larger number."""
    digits = 2 if abs(number) < 10 else 1 if abs(number) < 1000 else 0
    return f"{number:,.{digits}f}"
