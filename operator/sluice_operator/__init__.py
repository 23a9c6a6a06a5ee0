"""The Sluice operator: AT Protocol sources as Kubernetes resources."""

from importlib.metadata import version
from typing import Final

__version__: Final = version("sluice-operator")
