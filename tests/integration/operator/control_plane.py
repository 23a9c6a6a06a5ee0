"""A real control plane in some seconds: etcd, API server, and the controllers that the operator builds upon.

There is no node, so pods stay what a test makes of them: the test plays the kubelet (see `Pods`), which lets it
show the operator every trouble that a kubelet can report, in order and at once.
"""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.redis_server import free_port

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / ".cache" / "tools" / "bin"
CONTROLLERS = "deployment-controller,replicaset-controller,garbage-collector-controller,namespace-controller"
ADMIN = "admin"
OPERATOR = "operator"

Manifest = dict[str, Any]


def program(name: str) -> str | None:
    built = TOOLS / name
    return str(built) if built.exists() else shutil.which(name)


MISSING = [name for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl") if program(name) is None]


class KubectlError(Exception):
    """What kubectl said."""


class ControlPlane:
    """The processes, and kubectl as their administrator."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._etcd, self._api = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._api}"

    def kubeconfig(self, user: str) -> Path:
        return self._directory / f"{user}.kubeconfig"

    def start(self) -> None:
        self._write_secrets()
        self._run(
            "etcd",
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{self._etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{self._etcd}",
            "--listen-peer-urls=http://127.0.0.1:0",
            "--unsafe-no-fsync",
        )
        self.start_api_server()
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig(ADMIN)}",
            "--leader-elect=false",
            f"--controllers={CONTROLLERS}",
            "--secure-port=0",
        )

    def start_api_server(self) -> None:
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
                return

    def stop_api_server(self) -> None:
        process = self._processes.pop("kube-apiserver")
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()

    def kubectl(self, *arguments: str, stdin: object = None) -> str:
        command = [str(program("kubectl")), f"--kubeconfig={self.kubeconfig(ADMIN)}", "--request-timeout=20s"]
        done = subprocess.run(
            [*command, *arguments],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def apply(self, *manifests: Manifest) -> None:
        self.kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": list(manifests)})

    def get(self, *what: str) -> Any:
        return json.loads(self.kubectl("get", *what, "-o", "json"))

    def patch_status(self, kind: str, namespace: str, name: str, status: Manifest) -> None:
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)

    def _run(self, name: str, *arguments: str) -> None:
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([str(program(name)), *arguments], stdout=log, stderr=log)

    def _write_secrets(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._directory / "accounts.key").write_bytes(pem)
        tokens = [f"{ADMIN}-token,{ADMIN},1,system:masters", f"{OPERATOR}-token,{OPERATOR},2"]
        (self._directory / "tokens").write_text("\n".join(tokens) + "\n")
        for user in (ADMIN, OPERATOR):
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


def fetch(url: str) -> tuple[int, str]:
    """Status and body of a GET."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (loopback)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
