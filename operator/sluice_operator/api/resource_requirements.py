"""The compute resources of a container: requests and limits."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from sluice_operator.api.base import Model
from sluice_operator.api.quantity import PATTERN as QUANTITY
from sluice_operator.api.quantity import parse_quantity
from sluice_operator.api.rules import Rule

_RESOURCE_NAME: Final = re.compile(r"(cpu|memory|ephemeral-storage)$|hugepages-|.*/")


def _check_quantity(value: str | int) -> str | int:
    try:
        parse_quantity(value)
    except ValueError as error:
        raise PydanticCustomError("quantity", "{error}", {"error": str(error)}) from error
    return value


Quantity = Annotated[
    str | int,
    AfterValidator(_check_quantity),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 40,
            "minimum": 0,
            "pattern": QUANTITY,
            "x-kubernetes-int-or-string": True,
        }
    ),
]
ResourceList = Annotated[
    dict[str, Quantity],
    Field(max_length=16),
    Rule(
        cel=(
            "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || "
            "name.startsWith('hugepages-') || name.contains('/'))"
        ),
        message="unknown resource: use cpu, memory, ephemeral-storage, hugepages-SIZE or DOMAIN/NAME",
        holds=lambda quantities: all(_RESOURCE_NAME.match(name) for name in quantities),
    ),
]


class ResourceRequirements(Model):
    """Compute resources of a container, as in a Pod."""

    requests: ResourceList | None = None
    """Minimum amount of each resource, such as cpu in cores (50m is a twentieth of a core) and memory in bytes (64Mi).
    """

    limits: ResourceList | None = None
    """Maximum amount of each resource, such as cpu in cores and memory in bytes (128Mi)."""

    def requests_within_limits(self) -> bool:
        """Whether no request is above its limit. Raises ValueError if a value is not a quantity."""
        limits = self.limits or {}
        return all(
            parse_quantity(amount) <= parse_quantity(limits.get(name, amount))
            for name, amount in (self.requests or {}).items()
        )


REQUESTS_WITHIN_LIMITS: Final = Rule(
    cel=(
        "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
        "quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)"
    ),
    message="a request is above the limit of the same resource: lower the request or raise the limit",
    holds=ResourceRequirements.requests_within_limits,
)
