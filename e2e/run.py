"""`make e2e`: the tests on a cluster. Says in one line why if this machine can't have a cluster.

They wait more than they compute, so several worker processes run at the same time. The arguments go to pytest.
"""

import os
import subprocess
import sys
import tempfile
from typing import Final

import pytest

from e2e.cluster.provider import ClusterError, NoClusterError, ensure_cluster

# The first measures times, and needs the machine for itself. The others take away what all need: a CRD, the shared
# release.
LAST: Final = ("e2e/tests/test_shared_pods.py", "e2e/tests/test_missing_crd.py", "e2e/tests/test_uninstall.py")
SUITES: Final = (
    # A worker runs a file, the files with the most tests first. Databases in e2e.tests.sluice limits the number.
    ("e2e/tests", "tests/apiserver", *(f"--ignore={path}" for path in LAST), "-n", "5", "--dist", "loadfile"),
    LAST,
)


# Each wait in the tests has its own limit. This one only ends a test that hangs, however slow the machine is.
TIMEOUT: Final = "--timeout=1800"
# The environment variable with a directory in which the processes of a run note what is set up.
RUN_DIRECTORY: Final = "SLUICE_TEST_RUN_DIRECTORY"


def main() -> int:
    """Run them; the highest exit code of pytest."""
    try:
        cluster = ensure_cluster()
    except NoClusterError as error:
        print(f"tests on a cluster skipped: {error}")
        return 0
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    provider = ("--k8s-provider=external", f"--k8s-kubeconfig={cluster.kubeconfig}")
    options = ("-q", "-p", "no:cacheprovider", TIMEOUT, *provider, *sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="sluice-") as directory:
        environment = {**os.environ, RUN_DIRECTORY: directory}
        codes = [
            subprocess.run([sys.executable, "-m", "pytest", *suite, *options], env=environment, check=False).returncode
            for suite in SUITES
        ]
    # Negative: pytest was killed by that signal.
    ran = [abs(code) for code in codes if code != pytest.ExitCode.NO_TESTS_COLLECTED]
    return max(ran, default=pytest.ExitCode.NO_TESTS_COLLECTED)


if __name__ == "__main__":
    sys.exit(main())
