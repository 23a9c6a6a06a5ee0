"""What a user adds to the Deployments of a resource themselves, beside their pods."""

from typing import Annotated, Final

from pydantic import Field

from sluice_operator.api.base import GROUP, Model
from sluice_operator.api.pod_template import Labels
from sluice_operator.api.rules import Rule

_RESERVED_PREFIXES: Final = (f"{GROUP}/", "kubectl.kubernetes.io/", "deployment.kubernetes.io/")

DeploymentAnnotations = Annotated[
    dict[str, Annotated[str, Field(max_length=16_384)]],
    Field(max_length=32),
    Rule(
        cel=f"self.all(name, !{list(_RESERVED_PREFIXES)}.exists(taken, name.startsWith(taken)))",
        message=(
            f"annotations that begin with {', '.join(_RESERVED_PREFIXES)} are those of the operator, of kubectl "
            "and of Kubernetes: choose other names"
        ),
        holds=lambda annotations: not any(name.startswith(_RESERVED_PREFIXES) for name in annotations),
    ),
]


class DeploymentMetadata(Model):
    """What is added to the metadata of the Deployments, such as a label that a policy asks for.

    The labels and annotations of their pods are those of podTemplate.
    """

    labels: Labels | None = None
    """Labels of the Deployments."""

    annotations: DeploymentAnnotations | None = None
    """Annotations of the Deployments."""
