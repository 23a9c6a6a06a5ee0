"""`make e2e`: the tests on a cluster, or one line that says why there can be none here."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from e2e.cluster.provider import Cluster, ClusterError, NoClusterError, ensure_cluster

# Those of the API server alone each have a group and a namespace of their own; the others share an installation.
SUITES = (("tests/apiserver", "-n", "4"), ("e2e/tests",))


def main() -> int:
    """Run them; the worst exit code of pytest."""
    try:
        cluster = ensure_cluster()
    except NoClusterError as error:
        print(f"tests on a cluster skipped: {error}")
        return 0
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sluice-") as directory:
        options = ("-q", "-p", "no:cacheprovider", *provider_options(cluster, Path(directory)), *sys.argv[1:])
        codes = [
            subprocess.run([sys.executable, "-m", "pytest", *suite, *options], check=False).returncode
            for suite in SUITES
        ]
    ran = [code for code in codes if code != pytest.ExitCode.NO_TESTS_COLLECTED]
    return max(ran, default=pytest.ExitCode.NO_TESTS_COLLECTED)


def provider_options(cluster: Cluster, directory: Path) -> list[str]:
    """The options of pytest-kubernetes for the running cluster.

    It gets a copy of the kubeconfig, since it may delete the file that it is given.
    """
    copy = directory / "kubeconfig"
    shutil.copy(cluster.kubeconfig, copy)
    return ["--k8s-provider=external", f"--k8s-kubeconfig={copy}"]


if __name__ == "__main__":
    sys.exit(main())
