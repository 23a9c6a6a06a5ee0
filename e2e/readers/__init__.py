"""Reads a status as other tools do: kstatus (Flux, Helm) and Argo CD's health scripts, by their own libraries."""

from e2e.readers.build import ensure
from e2e.readers.program import Readers, Said

__all__ = ["Readers", "Said", "ensure"]
