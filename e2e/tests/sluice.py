"""What one test applies to the cluster and reads from it: resources, simulated relays, Secrets, streams in Redis."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, cast
from urllib.parse import urlsplit, urlunsplit

import redis

from e2e import deploy, images, manifests
from e2e.cluster.errors import ClusterError
from e2e.tests.installation import Installation
from e2e.tests.relay import LabelerUnderTest, RelayUnderTest
from e2e.tests.source import Source, stored_event
from e2e.tests.wait import eventually

DEFAULT_DATABASE = 0
# A source's seqs begin at the microsecond of its start: no other source, of this run or an earlier one, has the same.
_MICROSECONDS = 1_000_000
_SEQS_PER_SOURCE = 1_000_000
_PER_WORKER = 3
_WORKERS = 5


class Databases:
    """Databases of Redis, used in turn. No other worker process has the same ones."""

    def __init__(self, numbers: range) -> None:
        self._turn = itertools.cycle(numbers)

    @classmethod
    def of_worker(cls, worker: str) -> Self:
        """`worker` is a name of pytest-xdist, such as `gw0`, or `master` without workers. Database 0 is not used."""
        number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
        assert number < _WORKERS, f"Redis has 16 databases, {_PER_WORKER} for each of {_WORKERS} workers"
        first = 1 + number * _PER_WORKER
        return cls(range(first, first + _PER_WORKER))

    def next(self) -> int:
        """The database that was not used for the longest time."""
        return next(self._turn)


class Sluice:
    """Applies what a test needs, and deletes it all at the end of the context.

    Each source has a database of Redis to itself, so that tests do not meet in one stream.
    """

    image = images.SLUICE.tag

    def __init__(self, installation: Installation, *, namespace: str, databases: Databases) -> None:
        self.installation = installation
        self.cluster = installation.cluster
        self.namespace = namespace
        self._databases = databases
        self._applied: list[str] = []
        self._resources: list[RelayUnderTest] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Delete everything, and wait until no ingester is left that could still write to Redis."""
        if self._applied:
            self.kubectl("delete", "--ignore-not-found", "--wait=false", *dict.fromkeys(self._applied))
        for resource in self._resources:
            eventually(resource.pods, until=lambda pods: pods == [])

    def simulator(self, name: str, *args: str, database: int | None = None) -> Source:
        """Start a simulated relay and wait until it answers.

        It keeps its newest 20,000 events: at 100 a second an ingester may be away for 200 s and still miss none. Its
        journal is larger than anything that it sends before a test ends.
        """
        first_seq = int(time.time() * _MICROSECONDS)
        source = Source(
            cluster=self.cluster,
            name=f"sim-{name}",
            namespace=self.namespace,
            address=manifests.simulator_address(name=f"sim-{name}", namespace=self.namespace),
            seqs=range(first_seq, first_seq + _SEQS_PER_SOURCE),
            database=self._databases.next() if database is None else database,
        )
        self._clear(source)
        objects = manifests.simulator(
            name=source.name,
            namespace=self.namespace,
            args=["--first-seq", str(first_seq), "--journal", "1000000", *args],
        )
        self._apply(*objects)
        self.kubectl("rollout", "status", f"deployment/{source.name}", "--timeout=280s")
        return source

    def outside(self, name: str, *, host: str, scheme: str = "ws") -> Source:
        """A source outside the cluster."""
        source = Source(
            cluster=self.cluster,
            name=name,
            namespace=self.namespace,
            address=f"{scheme}://{host}",
            seqs=range(2**53),
            database=self._databases.next(),
        )
        self._clear(source)
        return source

    def relay(self, name: str, *, source: Source | None = None, host: str | None = None, **spec: Any) -> RelayUnderTest:
        """Apply a Relay that reads `source` into the source's own database, or one with another `host`."""
        if source is not None and "redis" not in spec:
            spec["redis"] = self._redis_of(source, name=name)
        address = host or (source.address if source else None)
        assert address, "a relay needs a source or a host"
        self._apply(manifests.relay(name=name, namespace=self.namespace, host=address, **spec))
        return self._remember(
            RelayUnderTest(cluster=self.cluster, api=self.installation.api, name=name, namespace=self.namespace)
        )

    def labeler(self, name: str, *, source: Source, **spec: Any) -> LabelerUnderTest:
        """Apply a Labeler that reads the labels of `source` into the source's own database."""
        spec["redis"] = self._redis_of(source, name=name)
        self._apply(manifests.labeler(name=name, namespace=self.namespace, host=source.address, **spec))
        labeler = LabelerUnderTest(cluster=self.cluster, api=self.installation.api, name=name, namespace=self.namespace)
        self._remember(labeler)
        return labeler

    def secret(self, name: str, **data: str) -> None:
        """Apply a Secret."""
        metadata = {"name": name, "namespace": self.namespace}
        self._apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def config_map(self, name: str, data: dict[str, str]) -> None:
        """Apply a ConfigMap."""
        metadata = {"name": name, "namespace": self.namespace}
        self._apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def refused(self, manifest: manifests.Manifest) -> str:
        """The API server's message when it refuses `manifest`; AssertionError if it accepts it."""
        try:
            self._apply(manifest)
        except ClusterError as error:
            return str(error)
        raise AssertionError(f"accepted: {manifest}")

    def url_in_cluster(self, source: Source, **query: str) -> str:
        """The URL of the source's database, for pods."""
        parts = urlsplit(self.installation.redis_url)
        parameters = "&".join(f"{key}={value}" for key, value in query.items())
        return urlunsplit(parts._replace(path=f"/{source.database}", query=parameters))

    @contextmanager
    def redis(self, source: Source) -> Iterator[redis.Redis]:
        """A client of the source's database, on this machine."""
        password = urlsplit(self.installation.redis_url).password
        port = self.installation.redis_port
        client = redis.Redis(port=port, db=source.database, password=password, decode_responses=True)
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

    def wait_length(self, source: Source, stream: str, *, entries: int) -> None:
        """Wait until a stream in the source's database has so many entries."""
        with self.redis(source) as client:
            eventually(lambda: client.xlen(stream), until=lambda length: length >= entries)

    def assert_exactly_once(self, source: Source, *, events: int) -> None:
        """Wait for so many events, then compare: all up to the cursor are in the stream once, in the source's order."""
        self.wait_length(source, "firehose_live", entries=events)
        found = eventually(lambda: self.stored(source), until=lambda seen: len(seen) >= events, every=2)
        stored = [stored_event(event) for event in found]
        expected = source.expected(last_seq=stored[-1][0])
        for number, pair in enumerate(zip(stored, expected, strict=False)):
            assert pair[0] == pair[1], f"event {number} of {len(stored)} is {pair[0]}, and should be {pair[1]}"
        assert len(stored) == len(expected)

    def kubectl(self, *args: str) -> str:
        """Run kubectl in the test's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *args)

    def _apply(self, *objects: manifests.Manifest) -> None:
        self._applied += map(_name_for_kubectl, objects)
        deploy.apply(self.cluster, *objects)

    def _remember(self, resource: RelayUnderTest) -> RelayUnderTest:
        self._resources.append(resource)
        return resource

    def _redis_of(self, source: Source, *, name: str) -> dict[str, Any]:
        self.secret(f"redis-{name}", url=self.url_in_cluster(source))
        return {"secretRef": {"name": f"redis-{name}", "key": "url"}}

    def _clear(self, source: Source) -> None:
        with self.redis(source) as client:
            if source.database == DEFAULT_DATABASE:
                client.delete(f"firehose_live:cursor:{source.host}", f"firehose_live:health:{source.host}")
            else:
                client.flushdb()


def _name_for_kubectl(manifest: manifests.Manifest) -> str:
    """TYPE.GROUP/NAME: other tests install resources of the same kinds in other groups."""
    group = manifest["apiVersion"].rpartition("/")[0].partition("/")[0]
    kind = f"{manifest['kind'].lower()}.{group}".rstrip(".")
    return f"{kind}/{manifest['metadata']['name']}"
