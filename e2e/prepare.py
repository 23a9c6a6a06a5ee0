"""`make prepare`: builds and installs, in parallel, what takes minutes on a new machine."""

import sys
from concurrent.futures import ThreadPoolExecutor

from e2e import images, readers
from e2e.cluster import provider
from e2e.cluster.errors import ClusterError
from e2e.pds import install as pds
from e2e.pds.install import InstallError


def main() -> int:
    """Set all up. The exit code: 1, with the reason on standard error, when something fails."""
    with ThreadPoolExecutor(3) as pool:
        tasks = [
            pool.submit(prepare_pds),
            pool.submit(prepare_readers),
            pool.submit(provider.prepare, images.ALL),
        ]
        try:
            for task in tasks:
                task.result()
        except (ClusterError, InstallError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def prepare_pds() -> None:
    """Install the reference PDS, or print in one line why the tests with it are skipped."""
    if reason := pds.unavailable_reason():
        print(f"no reference PDS: {reason}")
        return
    pds.ensure_installed()


def prepare_readers() -> None:
    """Build the program that reads statuses as Flux, Helm and Argo CD do."""
    readers.ensure()


if __name__ == "__main__":
    sys.exit(main())
