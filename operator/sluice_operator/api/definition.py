"""How a kind is named and listed: the part of its CRD that is not a schema."""

from dataclasses import dataclass
from typing import Literal

from sluice_operator.api.base import GROUP
from sluice_operator.api.resource import Resource


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterColumn:
    """A column of `kubectl get`; one with `wide` is shown only with `-o wide`."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A kind: its model, its names and its columns."""

    model: type[Resource]
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[PrinterColumn, ...]

    @property
    def kind(self) -> str:
        """The kind, such as Relay."""
        return self.model.__name__

    @property
    def name(self) -> str:
        """The name of the CRD, such as relays.sluice.dev."""
        return f"{self.plural}.{GROUP}"
