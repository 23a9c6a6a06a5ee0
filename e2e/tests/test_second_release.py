"""A second release of the chart in a cluster that has one: who owns the CRDs."""

from typing import Final

import pytest

from e2e import deploy
from e2e.cluster.errors import ClusterError
from e2e.tests.installation import Installation

ANOTHER: Final = "sluice-another"


def try_install(installation: Installation, *settings: str) -> str:
    """The output of a dry run of `helm install`. Nothing is stored."""
    place = ("--namespace", ANOTHER, "--create-namespace")
    flags = [part for setting in settings for part in ("--set", setting)]
    return installation.cluster.helm("install", ANOTHER, deploy.CHART, *place, "--dry-run=server", *flags)


def test_the_crds_belong_to_one_release_and_another_uses_them(shared: Installation) -> None:
    """Helm refuses a second owner. The notes of the first release say what to set, and with it Helm accepts."""
    with pytest.raises(ClusterError, match="exists and cannot be imported into the current release"):
        try_install(shared, "image.repository=localhost/none")
    made = try_install(shared, "image.repository=localhost/none", "crds.enabled=false")
    assert "kind: CustomResourceDefinition" not in made
    notes = shared.cluster.helm("get", "notes", shared.release.name, "--namespace", shared.release.namespace)
    assert "--set crds.enabled=false" in notes
