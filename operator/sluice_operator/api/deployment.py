"""What a user adds to the Deployments of a resource themselves, beside their pods."""

from typing import Annotated, Final

from pydantic import Field

from sluice_operator.api.base import GROUP, Model
from sluice_operator.api.pod_template import Labels
from sluice_operator.api.rules import Rule

_TAKEN: Final = (f"{GROUP}/", "kubectl.kubernetes.io/", "deployment.kubernetes.io/")

Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=16_384)]],
    Field(max_length=32),
    Rule(
        cel=f"self.all(name, !{list(_TAKEN)}.exists(taken, name.startsWith(taken)))",
        message=(
            f"annotations that begin with {', '.join(_TAKEN)} are those of the operator, of kubectl and of Kubernetes: "
            "choose other names"
        ),
        holds=lambda annotations: not any(name.startswith(_TAKEN) for name in annotations),
    ),
]


class Deployment(Model):
    """What is added to the metadata of the Deployments, such as a label that a policy asks for.

    The labels and annotations of their pods are those of podTemplate.
    """

    labels: Labels | None = None
    """Labels of the Deployments."""

    annotations: Annotations | None = None
    """Annotations of the Deployments."""
