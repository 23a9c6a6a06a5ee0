"""The certificates of the local cluster."""

import base64
import datetime as dt
import ssl
import stat
import threading
from pathlib import Path
from socket import create_server, socket

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.cluster import certs
from e2e.cluster.layout import API_SERVICE_ADDRESS, NODE_ADDRESS


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    certs.write_all(directory)
    return directory


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_authority_has_the_extensions_that_strict_verifiers_require(pki: Path) -> None:
    authority = certificate(pki / "ca.crt")
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca) == (True, True)
    assert (usage.critical, usage.value.key_cert_sign) == (True, True)


@pytest.mark.parametrize("leaf", certs.LEAVES, ids=lambda leaf: leaf.file)
def test_every_certificate_is_signed_by_the_authority_and_names_its_owner(pki: Path, leaf: certs.Leaf) -> None:
    issued = certificate(pki / f"{leaf.file}.crt")
    issued.verify_directly_issued_by(certificate(pki / "ca.crt"))
    names = {a.oid: a.value for a in issued.subject}
    assert names[NameOID.COMMON_NAME] == leaf.user
    assert names.get(NameOID.ORGANIZATION_NAME) == leaf.group
    usage = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    server = bool(leaf.names)
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH]
    now = dt.datetime.now(dt.UTC)
    assert issued.not_valid_before_utc < now < issued.not_valid_after_utc
    assert stat.S_IMODE((pki / f"{leaf.file}.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [NODE_ADDRESS, API_SERVICE_ADDRESS, "kubernetes.default.svc", "localhost"])
def test_a_strict_client_accepts_the_apiserver_by_each_of_its_names(pki: Path, name: str) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(pki / "kube-apiserver.crt", pki / "kube-apiserver.key")
    client = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    with create_server(("127.0.0.1", 0)) as listener, socket() as connection:
        seen: list[object] = []
        thread = threading.Thread(target=lambda: seen.append(serve(server, listener)))
        thread.start()
        connection.connect(listener.getsockname())
        with client.wrap_socket(connection, server_hostname=name) as wrapped:
            wrapped.recv(1)
        thread.join(5)
    assert ("commonName", "sluice:admin") in seen[0]  # type: ignore[operator]


def serve(context: ssl.SSLContext, listener: socket) -> list[tuple[str, str]]:
    with context.wrap_socket(listener.accept()[0], server_side=True) as wrapped:
        wrapped.send(b".")
        peer = wrapped.getpeercert() or {}
        return [pair for part in peer["subject"] for pair in part]  # type: ignore[union-attr, misc]


def test_kubeconfig_carries_its_own_certificates(pki: Path) -> None:
    config = yaml.safe_load((pki / "admin.kubeconfig").read_text())
    user = config["users"][0]["user"]
    assert base64.b64decode(user["client-certificate-data"]) == (pki / "admin.crt").read_bytes()
    assert base64.b64decode(user["client-key-data"]) == (pki / "admin.key").read_bytes()
    assert config["clusters"][0]["cluster"]["server"] == f"https://{NODE_ADDRESS}:6443"
    assert config["current-context"] == config["contexts"][0]["name"]
