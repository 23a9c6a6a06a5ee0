"""The step that reads how to connect to the Redis of a source: its URL, its CA bundle and its TLS files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.desired.naming import CA_HASH_ANNOTATION, REDIS_HASH_ANNOTATION, REDIS_TLS_HASH_ANNOTATION
from sluice_operator.desired.redis_secret import RedisSecret, key_prefix, redis_secret
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.protocols import ObjectReader
from sluice_operator.observed.ca_bundle import ca_certificates_hash
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.observed.redis_secrets import redis_url, usable_url
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.redis.credentials import find_ca_bundle, find_secret
from sluice_operator.redis.source_redis import SourceRedis
from sluice_operator.redis.tls_files import RedisTlsFiles

_NO_REDIS_MESSAGE: Final = (
    "There is no Redis to write to: name a Secret with its URL in spec.redis.secretRef, or give the operator a "
    "default (SLUICE_DEFAULT_REDIS_URL)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisAccess:
    """How the Redis of a source is reached."""

    secret: SecretFacts
    """The facts about the Secret with the URL, without the URL."""
    uses_default_redis: bool = False
    """Whether it is the operator's default Redis, whose URL is in a Secret that the operator makes."""
    url: bytes | None = field(default=None, repr=False)
    """The URL for the ingester; None if there is none."""
    operator_url: bytes | None = field(default=None, repr=False)
    """The same URL for the operator itself: see `tls_files`."""
    ca_bundle: str = field(default="", repr=False)
    """In PEM form; empty if the source names none."""
    config_hashes: Mapping[str, str | None] = field(default_factory=dict)
    """By annotation, the hash of what the ingester reads at its start. None if that is unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Url:
    secret: SecretFacts
    url: bytes | None = field(default=None, repr=False)


class RedisAccessReader:
    """Reads how the Redis of a source is reached."""

    def __init__(
        self,
        *,
        objects: ObjectPoller,
        redis: SourceRedis,
        ownership: CursorOwnership,
        tls_files: RedisTlsFiles,
        default_redis_url: str | None,
    ) -> None:
        self._objects = objects
        self._redis = redis
        self._ownership = ownership
        self._tls_files = tls_files
        self._default_redis_url = default_redis_url

    async def read(self, run: Reconciliation) -> RedisAccess:
        """How the Redis of the source is reached. Values that can't be read now are those of the last reconcile."""
        secret = redis_secret(run.source)
        if run.is_requested:
            self._objects.expire(source_key(run.source))
        if not secret.owned:
            access = await self._read(run, secret)
        elif self._default_redis_url is None:
            access = RedisAccess(secret=SecretFacts(problem=_NO_REDIS_MESSAGE))
        else:
            url = self._default_redis_url.encode()
            usable, facts = usable_url(url, secret, key_prefix=key_prefix(run.source))
            access = await self._with_tls(run, _Url(secret=facts, url=usable), uses_default_redis=True)
        if access.operator_url is not None and run.is_requested:
            self._redis.retry_now(access.operator_url, ca_bundle=access.ca_bundle)
        if not access.secret.read_error:
            self._ownership.record(run.source, access.url, ca_bundle=access.ca_bundle)
        return access

    async def _read(self, run: Reconciliation, secret: RedisSecret) -> RedisAccess:
        try:
            live, refusal = await find_secret(self._reader(run), run.source)
        except ApiError as error:
            run.errors.append(error)
            return await self._with_tls(run, self._last_url(run, secret, error))
        if refusal:
            return RedisAccess(secret=SecretFacts(problem=f"The {refusal}"))
        url, facts = redis_url(live, secret, key_prefix=key_prefix(run.source))
        return await self._with_tls(run, _Url(secret=facts, url=url))

    def _last_url(self, run: Reconciliation, secret: RedisSecret, error: ApiError) -> _Url:
        """The URL that was read last, since the Secret can't be read now."""
        refusal = refusal_of(error, action=f"show the Secret {secret.name}")
        if not run.is_applied:
            run.add_refusal(refusal)
        last = self._ownership.last_credentials(run.source)
        return _Url(secret=SecretFacts(read_error=refusal.message), url=last.url if last is not None else None)

    def _reader(self, run: Reconciliation) -> ObjectReader:
        return self._objects.reader(source_key(run.source))

    async def _with_tls(self, run: Reconciliation, found: _Url, *, uses_default_redis: bool = False) -> RedisAccess:
        """Add the CA bundle and the TLS files that a client of that Redis needs."""
        ca_bundle, ca_hash = await self._read_ca_bundle(run)
        hashes = {REDIS_HASH_ANNOTATION: found.secret.digest, CA_HASH_ANNOTATION: ca_hash}
        operator_url = None
        if found.url is not None:
            local = await self._tls_files.localize(run.source, found.url)
            run.errors += local.errors
            operator_url = local.url
            hashes[REDIS_TLS_HASH_ANNOTATION] = local.digest
        return RedisAccess(
            secret=found.secret,
            uses_default_redis=uses_default_redis,
            url=found.url,
            operator_url=operator_url,
            ca_bundle=ca_bundle,
            config_hashes=hashes,
        )

    async def _read_ca_bundle(self, run: Reconciliation) -> tuple[str, str | None]:
        """The CA bundle, and its hash: None if there is no bundle, or if it can't be read now."""
        try:
            ca_bundle = await find_ca_bundle(self._reader(run), run.source)
        except ApiError as error:
            run.errors.append(error)
            last = self._ownership.last_credentials(run.source)
            return (last.ca_bundle if last else ""), None
        return ca_bundle, (ca_certificates_hash(ca_bundle) if ca_bundle else None)
