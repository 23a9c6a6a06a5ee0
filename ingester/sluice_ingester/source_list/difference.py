"""What changes between the sources that run and those that a list names. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sluice_ingester.source_spec import SourceSpec


@dataclass(frozen=True, slots=True)
class Difference:
    """The names of sources to stop, and then what to start, by name. A source that changed is in both."""

    stop: tuple[str, ...]
    start: Mapping[str, SourceSpec]


def difference(running: Mapping[str, SourceSpec], wanted: Mapping[str, SourceSpec]) -> Difference:
    """How to come from `running` to `wanted`, both by name. Sources that are equal in both are in neither part.

    Settings are compared, and not their spelling.
    """
    return Difference(
        stop=tuple(name for name, spec in running.items() if wanted.get(name) != spec),
        start={name: spec for name, spec in wanted.items() if running.get(name) != spec},
    )
