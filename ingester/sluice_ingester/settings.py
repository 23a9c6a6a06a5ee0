"""The settings of an ingester process, read from its environment.

Their names and meanings are declared in `sluice_redis.ingester_settings`. With an invalid value the process exits at
the start. The message is one line: the variable, its value (never a password) and the allowed values.
"""

import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sluice_common.logs import LogFormat, LogLevel
from sluice_common.seqs import MAX_SEQ
from sluice_ingester.cursor.start import StartFrom
from sluice_ingester.sources.address import ALLOWED, Address
from sluice_redis import ingester_settings as declared
from sluice_redis.ingester_settings import (
    Mode,
    OnCursorLost,
    OnPageError,
    Setting,
    SyncEvents,
)
from sluice_redis.url import RedisUrl, url_problem
from sluice_redis.url_mistakes import strip_url
from sluice_wire.collection_filter import CollectionFilter


class SettingsError(ValueError):
    """A setting is wrong. The message is one line for a person."""


def _split_list(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _default_format() -> LogFormat:
    return LogFormat.PLAIN if sys.stderr.isatty() else LogFormat.JSON


def _field(setting: Setting[object], **default: Any) -> Any:
    """The pydantic field of a declared setting. `default` replaces the declared one, by value or by factory."""
    return Field(
        **(default or {"default": setting.default}),
        validation_alias=setting.variable,
        ge=setting.minimum,
        le=setting.maximum,
        description=setting.description,
    )


class Settings(BaseSettings):
    """The settings of one ingester process. `load` reads them."""

    model_config = SettingsConfigDict(case_sensitive=True, frozen=True, extra="ignore")

    redis_url: str = _field(declared.REDIS_URL)
    key_prefix: str = _field(declared.KEY_PREFIX)
    source_list: str = _field(declared.SOURCE_LIST)
    mode: Mode = _field(declared.MODE)
    relay_hosts: Annotated[tuple[Address, ...], NoDecode] = _field(
        declared.RELAY_HOSTS, default=(Address(declared.RELAY_HOSTS.default),)
    )
    labeler_hosts: Annotated[tuple[Address, ...], NoDecode] = _field(declared.LABELER_HOSTS, default=())
    collections: Annotated[tuple[str, ...], NoDecode] = _field(declared.COLLECTIONS)
    sync_events: SyncEvents = _field(declared.SYNC_EVENTS)
    resync_to_backfill: bool = _field(declared.RESYNC_TO_BACKFILL)
    start_from: Annotated[StartFrom, NoDecode] = _field(declared.START_FROM)
    on_cursor_lost: OnCursorLost | None = _field(declared.ON_CURSOR_LOST)
    deduplicate_seconds: int | None = _field(declared.DEDUPLICATE_SECONDS)
    trim_consumed: bool = _field(declared.TRIM_CONSUMED)
    high_water_mark: int = _field(declared.HIGH_WATER_MARK)
    batch_size: int = _field(declared.BATCH_SIZE)
    batch_timeout_ms: int = _field(declared.BATCH_TIMEOUT_MS)
    rescan_seconds: int = _field(declared.BACKFILL_RESCAN_SECONDS)
    on_page_error: OnPageError = _field(declared.ON_PAGE_ERROR)
    metrics_port: int = _field(declared.METRICS_PORT)
    ca_bundle: Path | None = _field(declared.CA_BUNDLE, default=None)
    ssl_cert_file: Path | None = _field(declared.SSL_CERT_FILE, default=None)
    pod_name: str = _field(declared.POD_NAME, default_factory=socket.gethostname)
    log_format: LogFormat = _field(declared.LOG_FORMAT, default_factory=_default_format)
    log_level: LogLevel = _field(declared.LOG_LEVEL)

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        RedisUrl.parse(value)
        return strip_url(value)

    @field_validator("relay_hosts", "labeler_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        addresses = tuple(Address.parse(item) for item in _split_list(value))
        needed = info.field_name == "relay_hosts" and info.data.get("mode") is not Mode.LABELER
        if not addresses and needed:
            raise ValueError(f"give {ALLOWED}, or several separated by commas")
        for number, address in enumerate(addresses):
            if any(
                address.host == other.host or address.host_and_port == other.host_and_port
                for other in addresses[:number]
            ):
                raise ValueError(f"{address.host!r} is named twice, and would be stored twice: name it once")
        return addresses

    @field_validator("collections", mode="before")
    @classmethod
    def _collections(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        patterns = _split_list(value)
        CollectionFilter(patterns)
        return patterns

    @field_validator("start_from", mode="before")
    @classmethod
    def _start_from(cls, value: object) -> object:
        if value in {"oldest", "live"}:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and int(value[:17]) <= MAX_SEQ:
            return int(value)
        raise ValueError("give oldest, live, or the first seq to read, a decimal number below 2^53")

    @field_validator("on_cursor_lost", mode="before")
    @classmethod
    def _on_cursor_lost(cls, value: object) -> object:
        word = value.lower() if isinstance(value, str) else value
        if not word or word in set(OnCursorLost):
            return word or None
        raise ValueError("give halt, oldest or live, or nothing for the default")

    @field_validator("key_prefix", "source_list")
    @classmethod
    def _key(cls, value: str, info: ValidationInfo) -> str:
        if not value.isprintable() or " " in value:
            example = "{sluice}:" if info.field_name == "key_prefix" else "{sluice}:sources"
            raise ValueError(f"give printable characters without blanks, for example {example}, or nothing")
        return value

    @field_validator("ca_bundle", "ssl_cert_file", mode="before")
    @classmethod
    def _file(cls, value: object) -> object:
        if not value:
            return None
        if not (isinstance(value, str) and Path(value).is_file()):
            raise ValueError("give the path of a file with PEM certificates")
        return value

    @field_validator("pod_name", "log_format", mode="before")
    @classmethod
    def _empty_is_default(cls, value: object, info: ValidationInfo) -> object:
        return value or (socket.gethostname() if info.field_name == "pod_name" else _default_format())

    @field_validator("mode", "log_level", "sync_events", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_cluster_prefix(self) -> Self:
        if problem := url_problem(self.redis_url, key_prefix=self.key_prefix):
            raise SettingsError(
                f"{declared.KEY_PREFIX.variable}={self.key_prefix!r} is not valid for a Redis Cluster: {problem}"
            )
        return self

    @model_validator(mode="after")
    def _check_labelers(self) -> Self:
        if self.source_list:
            return self  # the hosts are those of the list
        if self.mode is Mode.LABELER and not self.labeler_hosts:
            raise SettingsError(
                f"{declared.LABELER_HOSTS.variable} is empty, and {declared.MODE.variable}=labeler reads nothing else: "
                f"give {ALLOWED}, or several separated by commas"
            )
        if self.mode is Mode.ALL and self.labeler_hosts and isinstance(self.start_from, int):
            raise SettingsError(
                f"{declared.START_FROM.variable}={self.start_from} can't be a seq of relays and of labelers: "
                f"give oldest or live, or read them in separate processes ({declared.MODE.variable})"
            )
        return self


def load(variables: Mapping[str, str] | None = None) -> Settings:
    """The settings from the environment, and from `variables`, which come first.

    SettingsError says in one line what is wrong.
    """
    try:
        return Settings(**(variables or {}))  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(error))) from None


_BY_VARIABLE: Final = {setting.variable: setting for setting in declared.SETTINGS}


def _explain(error: ValidationError) -> Iterable[str]:
    for item in error.errors():
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, SettingsError):
            yield str(cause)
            continue
        setting = _BY_VARIABLE[str(item["loc"][0])]
        value = "" if setting.is_secret else f"={str(item['input'])[:200]!r}"
        yield f"{setting.variable}{value} is not valid: {cause or _number_range(setting) or item['msg']}"


def _number_range(setting: Setting[object]) -> str | None:
    """The allowed range of a number. pydantic names only the limit that was exceeded."""
    if setting.minimum is None:
        return None
    upper = " up" if setting.maximum is None else f" to {setting.maximum}"
    return f"give a whole number from {setting.minimum}{upper}"
