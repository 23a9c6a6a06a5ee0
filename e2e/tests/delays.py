"""How long labels took from their source into Redis, and how that changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from e2e.tests.label_consumer import Label, LabelConsumer
from e2e.tests.wait import eventually


def wait_labels(consumer: LabelConsumer, sources: Collection[str], *, since: float, count: int) -> None:
    """Wait until so many labels that each of these sources has sent since then are stored."""

    def missing() -> list[str]:
        counts = dict.fromkeys(sources, 0)
        for label in consumer.labels():
            if label.source in counts and label.sent >= since:
                counts[label.source] += 1
        return [name for name, seen in counts.items() if seen < count]

    eventually(missing, until=lambda names: names == [], every=1)


@dataclass(frozen=True, slots=True)
class Delays:
    """Of some labels, in seconds. As a text: a line for a person."""

    count: int
    median: float
    p99: float
    longest: float

    @classmethod
    def of(cls, labels: Iterable[Label]) -> Delays:
        """Of at least one label."""
        delays = sorted(label.delay for label in labels)
        last = len(delays) - 1
        return cls(len(delays), delays[last // 2], delays[round(0.99 * last)], delays[last])

    def __str__(self) -> str:
        return (
            f"{self.count} labels stored after {self.median:.2f} s, p99 {self.p99:.2f} s, longest {self.longest:.2f} s"
        )
