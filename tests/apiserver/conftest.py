"""A real API server for tests, which leave nothing behind.

The CRDs are installed in a random API group. So the tests do not affect an operator or resources on the same cluster.
Deleting the CRDs in the end deletes only resources of the tests. Most tests use dry runs.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.tests.api import Api, ApiError
from sluice_operator.api.base import GROUP, VERSION
from sluice_operator.kinds.crd import build_crd
from sluice_operator.kinds.kind import Kind
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".cache" / "tools" / "bin"

Manifest = dict[str, Any]


class RefusedError(Exception):
    """The API server refused a request. The message is its answer."""


class ApiServer:
    """Requests to the cluster, in the namespace of the tests, for the group of the tests."""

    def __init__(self, kubeconfig: Path, cache: Path) -> None:
        self.kubeconfig = kubeconfig
        # The user's own cache would still contain the group of the tests after its deletion.
        self._cache = cache
        run = secrets.token_hex(3)
        self.group = f"test-{run}.{GROUP}"
        self.namespace = f"sluice-test-{run}"
        self._program = find("kubectl")
        self._api = Api(kubeconfig)

    def kubectl(self, *arguments: str, stdin: object = None) -> str:
        """Run kubectl, with `stdin` as JSON. Raises RefusedError with its message when it fails."""
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self._cache}", "--request-timeout=30s"]
        done = subprocess.run(
            [self._program, *options, *arguments],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        if done.returncode != 0:
            raise RefusedError(done.stderr.strip())
        return done.stdout

    def read(self, *arguments: str, stdin: object = None) -> Any:
        """Run kubectl with `-o json`. Its parsed output."""
        return json.loads(self.kubectl(*arguments, "-o", "json", stdin=stdin))

    def relay(self, spec: Manifest, *, name: str = "us-east", **metadata: Any) -> Manifest:
        """A Relay in the group and the namespace of the tests."""
        return self._source(RELAY, spec, name=name, **metadata)

    def labeler(self, spec: Manifest, *, name: str = "moderation", **metadata: Any) -> Manifest:
        """A Labeler in the group and the namespace of the tests."""
        return self._source(LABELER, spec, name=name, **metadata)

    def _source(self, kind: Kind, spec: Manifest, *, name: str, **metadata: Any) -> Manifest:
        return {
            "apiVersion": f"{self.group}/{VERSION}",
            "kind": kind.name,
            "metadata": {"name": name, "namespace": self.namespace, **metadata},
            "spec": spec,
        }

    def try_spec(self, **spec: Any) -> Manifest:
        """The Relay that the API server would create with this spec. Nothing is stored. Raises RefusedError."""
        return self._try("relays", self.relay(spec))

    def try_labeler(self, **spec: Any) -> Manifest:
        """The Labeler that it would create. Nothing is stored. Raises RefusedError."""
        return self._try("labelers", self.labeler(spec))

    def create(self, plural: str, manifest: Manifest) -> Manifest:
        """Create a resource of the group of the tests. Raises RefusedError."""
        return self._post(plural, manifest)

    def delete(self, plural: str, name: str) -> None:
        """Delete a resource of the group of the tests."""
        self._api.delete(f"{self._path(plural)}/{name}")

    def _try(self, plural: str, manifest: Manifest) -> Manifest:
        """Like `kubectl create --dry-run=server`, but without a process, since there are hundreds of these requests."""
        return self._post(plural, manifest, dryRun="All")

    def _path(self, plural: str) -> str:
        return f"/apis/{self.group}/{VERSION}/namespaces/{self.namespace}/{plural}"

    def _post(self, plural: str, manifest: Manifest, **query: str) -> Manifest:
        try:
            created: Manifest = self._api.post(self._path(plural), manifest, fieldValidation="Strict", **query)
        except ApiError as error:
            raise RefusedError(error.message) from error
        return created

    def apply(self, manifest: Manifest, *flags: str) -> Manifest:
        """Apply as the operator does: server-side, forced, with its field manager."""
        return dict(
            self.read(
                *("apply", "--server-side", "--force-conflicts", "--field-manager=sluice-operator", *flags),
                *("-f", "-"),
                stdin=manifest,
            )
        )


def find(program: str) -> str:
    """The path of a program. The one built with the cluster is preferred."""
    built = TOOLS / program
    found = str(built) if built.exists() else shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not here: `make prepare` builds it, or install it")
    return found


def eventually(attempt: Callable[[], Any], *, seconds: float = 240) -> Any:
    """Repeat `attempt` until it raises no RefusedError or AssertionError. After `seconds`, its error is raised."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except (RefusedError, AssertionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The kubeconfig from the options or the environment, else that of the local cluster."""
    options = (request.config.getoption(name, None) for name in ("k8s_kubeconfig_override", "k8s_kubeconfig"))
    asked = os.environ.get("SLUICE_TEST_KUBECONFIG") or next(filter(None, options), None)
    if asked:
        return Path(asked).absolute()
    local = ROOT / ".cluster" / "kubeconfig"
    if not local.exists():
        pytest.skip("no API server: `make cluster` starts one, or name it in SLUICE_TEST_KUBECONFIG")
    return local


@pytest.fixture(scope="session")
def server(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The API server, with the CRDs in a group of their own and a restricted namespace."""
    api = ApiServer(kubeconfig, tmp_path_factory.mktemp("kubectl"))
    try:
        api.kubectl("get", "--raw", "/readyz")
    except RefusedError as error:
        if kubeconfig == ROOT / ".cluster" / "kubeconfig":
            pytest.skip(f"the local cluster does not answer, `make cluster` starts it: {error}")
        raise
    crds = [_under(api.group, kind) for kind in KINDS]
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": api.namespace, "labels": restricted}}
    try:
        api.kubectl("create", "-f", "-", stdin=namespace)
        for crd in crds:
            api.kubectl("create", "-f", "-", stdin=crd)
        eventually(lambda: api.try_spec(host="relay.example.com"))
        eventually(lambda: api.try_labeler(host="ozone.example.com"))
        yield api
    finally:
        api.kubectl("delete", "namespace", api.namespace, "--ignore-not-found")
        for crd in crds:
            api.kubectl("delete", "crd", crd["metadata"]["name"], "--ignore-not-found")


def _under(group: str, kind: Kind) -> Manifest:
    crd = build_crd(kind)
    crd["metadata"]["name"] = f"{kind.plural}.{group}"
    crd["spec"]["group"] = group
    return crd
