"""Another release of the chart in a cluster that has one."""

from typing import Final

import pytest

from e2e import deploy
from e2e.cluster.errors import ClusterError
from e2e.tests.sluice import Sluice

ANOTHER: Final = "sluice-another"


def try_install(sluice: Sluice, *settings: str) -> str:
    """What the API server and helm make of an install. Nothing is stored."""
    place = ("--namespace", ANOTHER, "--create-namespace")
    flags = [part for setting in settings for part in ("--set", setting)]
    return sluice.cluster.helm("install", ANOTHER, deploy.CHART, *place, "--dry-run=server", *flags)


def test_the_crds_belong_to_one_release_and_another_uses_them(sluice: Sluice) -> None:
    """Helm refuses a second owner; the README and the notes say what to set, and that helps."""
    with pytest.raises(ClusterError, match="exists and cannot be imported into the current release"):
        try_install(sluice, "image.repository=localhost/none")
    made = try_install(sluice, "image.repository=localhost/none", "crds.enabled=false")
    assert "kind: CustomResourceDefinition" not in made
    notes = sluice.cluster.helm("get", "notes", deploy.RELEASE, "--namespace", deploy.NAMESPACE)
    assert "--set crds.enabled=false" in notes
