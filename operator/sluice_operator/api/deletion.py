"""What becomes of a source's cursor when the source is deleted."""

from enum import StrEnum
from typing import Final

from sluice_operator.api.base import GROUP

FINALIZER: Final = f"{GROUP}/cursor"
"""Keeps a resource until its cursor is deleted. Only `DeletionPolicy.DELETE_CURSOR` has it."""


class DeletionPolicy(StrEnum):
    """What is done about the cursor when the resource is deleted."""

    RETAIN = "Retain"
    DELETE_CURSOR = "DeleteCursor"
