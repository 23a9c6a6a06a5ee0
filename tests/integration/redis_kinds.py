"""Real Redis servers on loopback: with TLS, with Sentinels, as a cluster."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2e.cluster.certs import Authority, Leaf, issue, make_authority
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer

SERVICE = "events"


class TlsServer(RedisServer):
    """A server with TLS only. The file `ca` is its private CA."""

    def __init__(self, directory: Path, **config: str) -> None:
        authority = make_authority()
        self.ca = directory / "ca.crt"
        self.ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        self.cert, self.key = _issue(directory, authority, Leaf(file="server", user="redis", names=("127.0.0.1",)))
        self.client_cert, self.client_key = _issue(directory, authority, Leaf(file="client", user="ingester"))
        super().__init__(directory, **config)
        self._config = {
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(self.cert),
            "tls-key-file": str(self.key),
            "tls-ca-cert-file": str(self.ca),
            "tls-auth-clients": "no",
            **config,
        }

    @property
    def url(self) -> str:
        return f"rediss://127.0.0.1:{self.port}"

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            ssl=True,
            ssl_ca_certs=str(self.ca),
            ssl_certfile=str(self.client_cert),
            ssl_keyfile=str(self.client_key),
        )


def _issue(directory: Path, authority: Authority, leaf: Leaf) -> tuple[Path, Path]:
    """Write PEM files of a certificate and of its key. Returns their paths."""
    certificate, key = issue(authority, leaf)
    files = directory / f"{leaf.file}.crt", directory / f"{leaf.file}.key"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


class SentinelTrio:
    """A master, its replica, and three Sentinels.

    For the Sentinels a server is down after `down_after` seconds without an answer.
    """

    def __init__(self, directory: Path, *, down_after: float = 1.0) -> None:
        self._down_after = int(down_after * 1000)
        self.servers = [RedisServer(_within(directory, f"server{number}"), appendonly="yes") for number in range(2)]
        self._directory = directory
        self.ports = [free_port() for _ in range(3)]
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/{SERVICE}/0"

    def start(self) -> None:
        for server in self.servers:
            server.start()
        self.servers[1].client.replicaof("127.0.0.1", self.servers[0].port)
        wait(lambda: self.servers[1].client.info("replication")["master_link_status"] == "up")
        for port in self.ports:
            config = self._directory / f"sentinel{port}.conf"
            config.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {self._directory}\n"
                f"sentinel monitor {SERVICE} 127.0.0.1 {self.servers[0].port} 2\n"
                f"sentinel down-after-milliseconds {SERVICE} {self._down_after}\n"
                f"sentinel failover-timeout {SERVICE} 5000\n"
            )
            with (self._directory / f"sentinel{port}.log").open("ab") as log:
                command = ["redis-server", str(config), "--sentinel"]
                self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        for port in self.ports:
            wait(lambda port=port: self._sees_all(port))

    def _sees_all(self, port: int) -> bool:
        with contextlib.closing(redis.Redis(port=port, decode_responses=True)) as client:
            state = client.sentinel_master(SERVICE)
        return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for server in self.servers:
            server.kill()


class Cluster:
    """Three masters, each with a third of the slots."""

    def __init__(self, directory: Path) -> None:
        options = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": "3000",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        self.nodes = [RedisServer(_within(directory, f"node{number}"), **options) for number in range(3)]
        for node in self.nodes:  # the default bus port is 10,000 higher, which may be above the highest port
            node._config["cluster-port"] = str(free_port())

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes[:2])}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        command = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        for node in self.nodes:
            wait(lambda node=node: node.client.cluster("info")["cluster_state"] == "ok")

    def owner(self, key: str) -> RedisServer:
        """The node that has the slot of `key`."""
        owners: list[RedisServer] = []
        wait(lambda: owners.extend(node for node in self.nodes if _owns(node, key)) or owners)
        return owners[0]

    def move(self, key: str) -> RedisServer:
        """Move the slot of `key`, with its keys, to another node. Returns that node."""
        old = self.owner(key)
        new = next(node for node in self.nodes if node is not old)
        slot = old.client.cluster("keyslot", key)
        new.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", old.client.cluster("myid"))
        old.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", new.client.cluster("myid"))
        while names := old.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
            old.client.execute_command("MIGRATE", "127.0.0.1", new.port, "", 0, 5000, "KEYS", *names)
            time.sleep(0.2)  # between two keys of a source, so that for a while they are on different nodes
        for node in (new, old):
            node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", new.client.cluster("myid"))
        return new

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()


@contextlib.contextmanager
def running(kind: "SentinelTrio | Cluster | RedisServer") -> Iterator[None]:
    """Start it, and stop it at the end."""
    try:
        kind.start()
        yield
    finally:
        kind.kill() if isinstance(kind, RedisServer) else kind.stop()


def wait(holds: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(redis.ConnectionError, redis.ResponseError, redis.TimeoutError):
            if holds():
                return
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about")
        time.sleep(0.05)


def _owns(node: RedisServer, key: str) -> bool:
    with contextlib.suppress(redis.ResponseError):
        node.client.exists(key)
        return True
    return False


def _within(directory: Path, name: str) -> Path:
    inner = directory / name
    inner.mkdir()
    return inner
