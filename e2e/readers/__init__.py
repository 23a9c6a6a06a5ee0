"""Evaluates a status like other tools, with their libraries: kstatus (Flux, Helm) and Argo CD's health scripts."""

from e2e.readers.build import ensure
from e2e.readers.program import Readers, ReaderVerdict

__all__ = ["ReaderVerdict", "Readers", "ensure"]
