"""Makes the cluster's certificates and kubeconfigs (https://kubernetes.io/docs/setup/best-practices/certificates/)."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.cluster.components import FRONT_PROXY
from e2e.cluster.layout import API_SERVER, API_SERVICE_ADDRESS, NODE_ADDRESS, NODE_NAME

LIFETIME = dt.timedelta(days=3650)


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate to issue: `user` and `group` are its CN and O; `names` make it a server's."""

    file: str
    user: str
    group: str | None = None
    names: tuple[str, ...] = ()
    kubeconfig: bool = False


LEAVES = (
    Leaf(
        file="kube-apiserver",
        user="kube-apiserver",
        names=(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
            "127.0.0.1",
            NODE_ADDRESS,
            API_SERVICE_ADDRESS,
        ),
    ),
    Leaf(file="kubelet-server", user=f"system:node:{NODE_NAME}", names=(NODE_NAME, NODE_ADDRESS)),
    Leaf(file="kubelet-client", user="kube-apiserver-kubelet-client", group="system:masters"),
    Leaf(file="front-proxy", user=FRONT_PROXY),
    Leaf(file="kubelet", user=f"system:node:{NODE_NAME}", group="system:nodes", kubeconfig=True),
    Leaf(file="kube-controller-manager", user="system:kube-controller-manager", kubeconfig=True),
    Leaf(file="kube-scheduler", user="system:kube-scheduler", kubeconfig=True),
    Leaf(file="kube-proxy", user="system:kube-proxy", kubeconfig=True),
    Leaf(file="coredns", user="sluice:coredns", kubeconfig=True),
    Leaf(file="admin", user="sluice:admin", group="system:masters", kubeconfig=True),
)


@dataclass(frozen=True)
class Authority:
    """The cluster's certificate authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_authority() -> Authority:
    """Make a new authority, with the extensions that strict verifiers ask for (RFC 5280, 4.2.1)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sluice-local-cluster")])
    certificate = (
        _builder(subject=name, issuer=name, public_key=key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(authority: Authority, leaf: Leaf) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Issue a certificate for a client, or for a server when it has names."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.user)]
    if leaf.group:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.group))
    usage = ExtendedKeyUsageOID.SERVER_AUTH if leaf.names else ExtendedKeyUsageOID.CLIENT_AUTH
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(subject=x509.Name(attributes), issuer=authority.certificate.subject, public_key=key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    if leaf.names:
        names = x509.SubjectAlternativeName([_general_name(name) for name in leaf.names])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority.key, hashes.SHA256()), key


def kubeconfig(*, user: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    """A kubeconfig as YAML, with the PEM files given inside it."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "sluice",
                    "cluster": {"server": API_SERVER, "certificate-authority-data": _base64(authority)},
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": _base64(certificate),
                        "client-key-data": _base64(key),
                    },
                }
            ],
            "contexts": [{"name": "sluice", "context": {"cluster": "sluice", "user": user}}],
            "current-context": "sluice",
        },
        sort_keys=False,
    )


def write_all(directory: Path) -> None:
    """Write authority, certificates, keys and kubeconfigs. `admin.kubeconfig` comes last: if it is there, all are."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = make_authority()
    authority_pem = _certificate_pem(authority.certificate)
    (directory / "ca.crt").write_bytes(authority_pem)
    _write_key(directory / "ca.key", authority.key)
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write_key(directory / "service-accounts.key", accounts)
    (directory / "service-accounts.pub").write_bytes(
        accounts.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for leaf in LEAVES:
        certificate, key = issue(authority, leaf)
        (directory / f"{leaf.file}.crt").write_bytes(_certificate_pem(certificate))
        _write_key(directory / f"{leaf.file}.key", key)
        if leaf.kubeconfig:
            text = kubeconfig(
                user=leaf.user,
                authority=authority_pem,
                certificate=_certificate_pem(certificate),
                key=_key_pem(key),
            )
            _write_private(directory / f"{leaf.file}.kubeconfig", text.encode())


def _builder(
    *, subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    # An hour back, so that a clock that is a little slow accepts it.
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write_private(path, _key_pem(key))


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
