"""The control plane of the integration tests, with a controller manager that does not hold the operator up.

By default each controller sends at most 20 requests a second. With some hundred new Deployments the measurement would
be that of this limit.
"""

import subprocess
from typing import Final

from tests.integration.operator.control_plane import ControlPlane, program

_MORE: Final = {
    "kube-controller-manager": ("--kube-api-qps=1000", "--kube-api-burst=2000"),
    "kube-apiserver": ("--audit-log-maxsize=100000",),  # one file, as its reader expects
}
PROGRAMS: Final = ("etcd", "kube-apiserver", "kube-controller-manager")


class FastControlPlane(ControlPlane):
    """The control plane. Ctrl-C does not reach its processes: `stop` ends them."""

    def pid(self, name: str) -> int:
        """The process ID of one of its programs."""
        return self._processes[name].pid

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(program(name)), *arguments, *_MORE.get(name, ())]
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
