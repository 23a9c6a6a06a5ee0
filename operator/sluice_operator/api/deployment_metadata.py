"""The labels and annotations that a user adds to the Deployments of a resource."""

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
            f"annotations that begin with {', '.join(_RESERVED_PREFIXES)} are reserved for the operator, "
            "kubectl and Kubernetes: choose other names"
        ),
        holds=lambda annotations: not any(name.startswith(_RESERVED_PREFIXES) for name in annotations),
    ),
]


class DeploymentMetadata(Model):
    """Labels and annotations of the Deployments, such as a label that a policy requires. Those of the pods are in
    podTemplate.
    """

    labels: Labels | None = None
    """Labels of the Deployments."""

    annotations: DeploymentAnnotations | None = None
    """Annotations of the Deployments."""
