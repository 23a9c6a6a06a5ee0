"""A real control plane that starts in seconds: etcd, the API server, and the controllers that the operator needs.

There is no node, so the status of a pod changes only when the test writes it. So a test can report everything that a
kubelet can report, in any order and without delay. See `situation`.
"""

import http.client
import json
import shutil
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.operator.audit import POLICY, AuditLog
from tests.integration.ports import free_port

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / ".cache" / "tools" / "bin"
CONTROLLERS = "deployment-controller,replicaset-controller,garbage-collector-controller,namespace-controller"
ADMIN = "admin"
OPERATOR = "operator"
USERS = (ADMIN, OPERATOR, "namespaced", "first", "second")
"""Users. `namespaced`, `first` and `second` have only the rights that a test grants."""

Manifest = dict[str, Any]


def program(name: str) -> str | None:
    built = TOOLS / name
    return str(built) if built.exists() else shutil.which(name)


_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")
MISSING = [name for name in _PROGRAMS if program(name) is None]


_UNVERIFIED = ssl._create_unverified_context()  # noqa: S323 (the server creates its certificate when it starts)

PLURALS = {
    "Relay": "/apis/sluice.dev/v1alpha1/relays",
    "Labeler": "/apis/sluice.dev/v1alpha1/labelers",
    "Deployment": "/apis/apps/v1/deployments",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "Pod": "/api/v1/pods",
    "Secret": "/api/v1/secrets",
    "ConfigMap": "/api/v1/configmaps",
    "Event": "/api/v1/events",
    "ServiceAccount": "/api/v1/serviceaccounts",
    "Lease": "/apis/coordination.k8s.io/v1/leases",
    "Namespace": "/api/v1/namespaces",
    "ResourceQuota": "/api/v1/resourcequotas",
    "Role": "/apis/rbac.authorization.k8s.io/v1/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}


def path_of(kind: str, namespace: str | None, name: str = "") -> str:
    root, _, plural = PLURALS[kind].rpartition("/")
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{plural}" + (f"/{name}" if name else "")


class KubectlError(Exception):
    """kubectl failed. The text is what it printed."""


class ApiServerError(Exception):
    """The API server answered with an error: its HTTP status code and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ControlPlane:
    """The processes of the control plane, and clients with administrator rights."""

    has_shared_operator = False
    """Whether an operator that serves all namespaces is running."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._etcd, self._api = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._local = threading.local()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._api}"

    def kubeconfig(self, user: str) -> Path:
        return self._directory / f"{user}.kubeconfig"

    @property
    def audit(self) -> AuditLog:
        return AuditLog(self._directory / "audit.log")

    def start(self) -> None:
        self._write_secrets()
        (self._directory / "audit-policy").write_text(json.dumps(POLICY))
        self._run(
            "etcd",
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{self._etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{self._etcd}",
            "--listen-peer-urls=http://127.0.0.1:0",
            "--unsafe-no-fsync",
        )
        self.start_api_server()

    def start_api_server(self) -> None:
        """Start the API server and new controllers: controllers that waited for it may wait for another minute."""
        key = self._directory / "accounts.key"
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._api}",
            f"--cert-dir={self._directory}",
            "--service-cluster-ip-range=198.19.0.0/24",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self._directory / 'tokens'}",
            "--disable-admission-plugins=ServiceAccount",
            f"--audit-policy-file={self._directory / 'audit-policy'}",
            f"--audit-log-path={self._directory / 'audit.log'}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
        )
        deadline = time.monotonic() + 90
        while True:
            try:
                self.kubectl("get", "--raw", "/readyz")
            except KubectlError:
                if time.monotonic() > deadline or self._processes["kube-apiserver"].poll() is not None:
                    log = (self._directory / "kube-apiserver.log").read_text()
                    raise RuntimeError(log[-2000:]) from None
                time.sleep(0.2)
            else:
                break
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig(ADMIN)}",
            "--leader-elect=false",
            f"--controllers={CONTROLLERS}",
            "--secure-port=0",
        )

    def compact(self) -> None:
        """Compact etcd: clients can't list or watch from an earlier resource version any more."""
        newest = self._request_etcd("range", key="AA==")["header"]["revision"]
        self._request_etcd("compaction", revision=newest, physical=True)

    def _request_etcd(self, what: str, **body: object) -> Any:
        url, data = f"http://127.0.0.1:{self._etcd}/v3/kv/{what}", json.dumps(body).encode()
        with urllib.request.urlopen(url, data, timeout=10) as answer:
            return json.load(answer)

    def stop_api_server(self) -> None:
        for name in ("kube-controller-manager", "kube-apiserver"):
            process = self._processes.pop(name)
            process.kill()
            process.wait()

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()

    def kubectl(self, *arguments: str, stdin: object = None) -> str:
        options = [f"--kubeconfig={self.kubeconfig(ADMIN)}", f"--cache-dir={self._directory}", "--request-timeout=20s"]
        done = subprocess.run(
            [str(program("kubectl")), *options, *arguments],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def request(self, method: str, path: str, body: object = None, *, kind: str = "application/json") -> Any:
        """One request as the administrator, on a connection that stays open.

        Raises ApiServerError if the server answers with an error, OSError if there is no answer.
        """
        headers = {"Authorization": f"Bearer {ADMIN}-token", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        is_open = self._connection.sock is not None
        try:
            code, text = self._ask(method, path, data, headers)
        except (ConnectionError, ssl.SSLEOFError):
            if not is_open:
                raise
            code, text = self._ask(method, path, data, headers)  # the server closed the idle connection
        if code >= HTTPStatus.BAD_REQUEST:
            raise ApiServerError(code, text)
        return json.loads(text)

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        """Status and body. After a failure the connection is closed; the next request opens it again."""
        try:
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if isinstance(error, OSError):
                raise
            raise OSError(f"{method} {path}: {error!r}") from error

    @property
    def _connection(self) -> http.client.HTTPSConnection:
        """The connection of this thread."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPSConnection(
                "127.0.0.1", self._api, timeout=20, context=_UNVERIFIED
            )
        connection: http.client.HTTPSConnection = self._local.connection
        return connection

    def apply(self, *manifests: Manifest) -> None:
        """Apply server-side, as a user does."""
        for manifest in manifests:
            path = path_of(manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"])
            query = "?fieldManager=user&force=true"
            self.request("PATCH", path + query, manifest, kind="application/apply-patch+yaml")

    def patch(self, kind: str, namespace: str, name: str, patch: Manifest, *, subresource: str = "") -> None:
        """Merge `patch` into an object."""
        path = path_of(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        self.request("PATCH", path, patch, kind="application/merge-patch+json")

    def allows(self, user: str, right: tuple[str, str, str], *, namespace: str = "", name: str = "") -> bool:
        """Whether the API server knows that `user` has a right (group, resource, verb).

        A role takes effect some time after it is stored.
        """
        group, resource, verb = right
        resource, _, subresource = resource.partition("/")
        asked = {"group": group, "resource": resource, "subresource": subresource, "verb": verb, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {**asked, "namespace": namespace}},
        }
        answer = self.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    def _run(self, name: str, *arguments: str) -> None:
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([str(program(name)), *arguments], stdout=log, stderr=log)

    def _write_secrets(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._directory / "accounts.key").write_bytes(pem)
        tokens = [f"{user}-token,{user},{user}" + (",system:masters" if user == ADMIN else "") for user in USERS]
        (self._directory / "tokens").write_text("\n".join(tokens) + "\n")
        for user in USERS:
            self.kubeconfig(user).write_text(yaml.safe_dump(self._kubeconfig(user)))

    def _kubeconfig(self, user: str) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": user, "user": {"token": f"{user}-token"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }


def fetch(url: str, *, seconds: float) -> tuple[int, str]:
    """The status and the body of a GET. Raises OSError if there is no answer in time."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 (loopback)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
