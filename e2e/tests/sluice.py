"""One installation of Sluice on the cluster, with what the tests need around it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import redis

from e2e import deploy, images, manifests
from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster
from e2e.tests.relay import LabelerUnderTest, RelayUnderTest
from e2e.tests.source import Source, stored_event
from e2e.tests.wait import eventually

NAMESPACE = "sluice-e2e"
DEFAULT_DATABASE = 0
# A source's seqs begin at the microsecond of its start: no other source, of this run or an earlier one, has the same.
_MICROSECONDS = 1_000_000
_SEQS_PER_SOURCE = 1_000_000
_DATABASES = 16


class Sluice:
    """Applies resources and looks at what becomes of them.

    Each source has a database of Redis to itself, so that tests don't meet in one stream.
    """

    namespace = NAMESPACE
    image = images.SLUICE.tag

    def __init__(self, cluster: Cluster, *, redis_port: int) -> None:
        self.cluster = cluster
        self._redis_port = redis_port
        self._sources = 0
        self._url = deploy.redis_url(cluster)

    @property
    def default_redis_url(self) -> str:
        """The URL of the installation's Redis, for pods."""
        return self._url

    def simulator(self, name: str, *args: str, database: int | None = None) -> Source:
        """Start a simulated relay and wait until it answers.

        It still has its newest 20,000 events: at 100 a second a pod may take 200 s to come, or to come back.
        """
        first_seq = int(time.time() * _MICROSECONDS)
        source = Source(
            cluster=self.cluster,
            name=f"sim-{name}",
            namespace=NAMESPACE,
            address=manifests.simulator_address(name=f"sim-{name}", namespace=NAMESPACE),
            seqs=range(first_seq, first_seq + _SEQS_PER_SOURCE),
            database=self._next_database() if database is None else database,
        )
        self._clear(source)
        objects = manifests.simulator(
            name=source.name, namespace=NAMESPACE, args=["--first-seq", str(first_seq), *args]
        )
        deploy.apply(self.cluster, *objects)
        self.kubectl("rollout", "status", f"deployment/{source.name}", "--timeout=120s")
        return source

    def outside(self, name: str, *, host: str) -> Source:
        """A source outside the cluster."""
        source = Source(
            cluster=self.cluster,
            name=name,
            namespace=NAMESPACE,
            address=f"ws://{host}",
            seqs=range(2**53),
            database=self._next_database(),
        )
        self._clear(source)
        return source

    def _next_database(self) -> int:
        self._sources += 1
        return 1 + self._sources % (_DATABASES - 1)

    def _clear(self, source: Source) -> None:
        with self.redis(source) as client:
            if source.database == DEFAULT_DATABASE:
                client.delete(f"firehose_live:cursor:{source.host}", f"firehose_live:health:{source.host}")
            else:
                client.flushdb()

    def relay(self, name: str, *, source: Source | None = None, host: str | None = None, **spec: Any) -> RelayUnderTest:
        """Apply a Relay that reads `source` into the source's own database; or one with a host of its own."""
        if source is not None and "redis" not in spec:
            spec["redis"] = self._redis_of(source, name=name)
        address = host or (source.address if source else None)
        assert address, "a relay needs a source or a host"
        deploy.apply(self.cluster, manifests.relay(name=name, namespace=NAMESPACE, host=address, **spec))
        return RelayUnderTest(cluster=self.cluster, name=name, namespace=NAMESPACE)

    def labeler(self, name: str, *, source: Source, **spec: Any) -> LabelerUnderTest:
        """Apply a Labeler that reads the labels of `source` into the source's own database."""
        spec["redis"] = self._redis_of(source, name=name)
        deploy.apply(self.cluster, manifests.labeler(name=name, namespace=NAMESPACE, host=source.address, **spec))
        return LabelerUnderTest(cluster=self.cluster, name=name, namespace=NAMESPACE)

    def _redis_of(self, source: Source, *, name: str) -> dict[str, Any]:
        self.secret(f"redis-{name}", url=self.url_in_cluster(source))
        return {"secretRef": {"name": f"redis-{name}", "key": "url"}}

    def secret(self, name: str, **data: str) -> None:
        """Apply a Secret."""
        metadata = {"name": name, "namespace": NAMESPACE}
        deploy.apply(self.cluster, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def refused(self, manifest: manifests.Manifest) -> str:
        """What the API server says when it refuses `manifest`; AssertionError if it takes it."""
        try:
            deploy.apply(self.cluster, manifest)
        except ClusterError as error:
            return str(error)
        raise AssertionError(f"accepted: {manifest}")

    def url_in_cluster(self, source: Source, **query: str) -> str:
        """The URL of the source's database for pods."""
        return self._url_with(path=f"/{source.database}", **query)

    @contextmanager
    def redis(self, source: Source) -> Iterator["redis.Redis"]:
        """A client of the source's database, from here."""
        password = urlsplit(self._url).password
        client = redis.Redis(port=self._redis_port, db=source.database, password=password, decode_responses=True)
        try:
            yield client
        finally:
            client.close()

    def cursor(self, source: Source) -> int:
        """The stored cursor, 0 while there is none."""
        with self.redis(source) as client:
            return int(cast("str | None", client.get(f"firehose_live:cursor:{source.host}")) or 0)

    def stored(self, source: Source) -> list[dict[str, Any]]:
        """All of the source's events in the stream."""
        with self.redis(source) as client:
            entries = cast("list[tuple[str, dict[str, str]]]", client.xrange("firehose_live"))
        events = [json.loads(fields["event"]) for _, fields in entries]
        return [event for event in events if event["seq"] in source.seqs]

    def assert_exactly_once(self, source: Source, *, events: int) -> None:
        """Wait for so many events; then all up to the cursor stand in the stream once, in the source's order."""
        found = eventually(lambda: self.stored(source), until=lambda seen: len(seen) >= events, within=120, every=2)
        stored = [stored_event(event) for event in found]
        expected = source.expected(last_seq=stored[-1][0])
        for number, pair in enumerate(zip(stored, expected, strict=False)):
            assert pair[0] == pair[1], f"event {number} of {len(stored)} is {pair[0]}, and should be {pair[1]}"
        assert len(stored) == len(expected)

    def kill_operator(self) -> None:
        """Delete the operator's pod, by force, and wait until another leads."""
        before = self._leader()
        self._system("delete", "pod", "-l", "app.kubernetes.io/component=operator", "--grace-period=0", "--force")
        eventually(self._leader, until=lambda name: name not in {"", before}, within=180, every=1)

    def _leader(self) -> str:
        return self._system("get", "lease", f"{deploy.RELEASE}-operator", "-o", "jsonpath={.spec.holderIdentity}")

    def kubectl(self, *args: str) -> str:
        """Run kubectl in the tests' namespace."""
        return self.cluster.kubectl("--namespace", NAMESPACE, *args)

    def _system(self, *args: str) -> str:
        return self.cluster.kubectl("--namespace", deploy.NAMESPACE, *args)

    def _url_with(self, *, path: str, **query: str) -> str:
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(path=path, query="&".join(f"{key}={value}" for key, value in query.items())))
