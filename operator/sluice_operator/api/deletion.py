"""What happens to a source's cursor when the source is deleted."""

from enum import StrEnum
from typing import Final

from sluice_operator.api.base import GROUP

FINALIZER: Final = f"{GROUP}/cursor"
"""Keeps a resource until its cursor is deleted. Only resources with `DeletionPolicy.DELETE_CURSOR` have it."""


class DeletionPolicy(StrEnum):
    """What the operator does with the cursor when the resource is deleted."""

    RETAIN = "Retain"
    DELETE_CURSOR = "DeleteCursor"
