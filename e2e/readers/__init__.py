"""What others make of a status: kstatus (Flux, Helm) and Argo CD's health script, by their own engines."""

from e2e.readers.build import ensure
from e2e.readers.program import Readers, Said

__all__ = ["Readers", "Said", "ensure"]
