"""`make e2e`: the tests on a cluster, or one line that says why there can be none here."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from e2e.cluster.provider import Cluster, ClusterError, NoClusterError, ensure_cluster

TESTS = ("tests/apiserver", "e2e/tests")


def main() -> int:
    """Run them; pytest's exit code."""
    try:
        cluster = ensure_cluster()
    except NoClusterError as error:
        print(f"tests on a cluster skipped: {error}")
        return 0
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sluice-") as directory:
        options = provider_options(cluster, Path(directory))
        return subprocess.run(
            [sys.executable, "-m", "pytest", *TESTS, "-q", *options, *sys.argv[1:]], check=False
        ).returncode


def provider_options(cluster: Cluster, directory: Path) -> list[str]:
    """The options of pytest-kubernetes for the running cluster.

    It gets a copy of the kubeconfig, since it may delete the file that it is given.
    """
    copy = directory / "kubeconfig"
    shutil.copy(cluster.kubeconfig, copy)
    return ["--k8s-provider=external", f"--k8s-kubeconfig={copy}"]


if __name__ == "__main__":
    sys.exit(main())
