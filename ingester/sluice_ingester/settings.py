"""The settings, all of them environment variables, with the names of the Rust ingester.

What is wrong is found at the start and said in one line: the variable, its value (never a
password) and what is allowed.
"""

import socket
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sluice_ingester.cursor.gap import OnCursorLost
from sluice_ingester.cursor.start import StartFrom
from sluice_ingester.sources.address import ALLOWED, Address
from sluice_redis.contract import MAX_SEQ
from sluice_redis.url import RedisUrl, url_problem
from sluice_redis.url_mistakes import strip_url
from sluice_wire.collection_filter import CollectionFilter


class SettingsError(ValueError):
    """A setting is wrong; the message is one line for a person."""


class Mode(StrEnum):
    """Which sources the process reads."""

    ALL = "all"
    FIREHOSE = "firehose"
    BACKFILL = "backfill"
    LABELER = "labeler"


def _default_format() -> Literal["json", "plain"]:
    return "plain" if sys.stderr.isatty() else "json"


class Settings(BaseSettings):
    """The settings of one ingester process; `load` reads them."""

    model_config = SettingsConfigDict(case_sensitive=True, frozen=True, extra="ignore")

    redis_url: str = Field("redis://localhost:6379", validation_alias="REDIS_URL")
    key_prefix: str = Field("", validation_alias="INGESTER_KEY_PREFIX")
    mode: Mode = Field(Mode.ALL, validation_alias="INGESTER_MODE")
    relay_hosts: Annotated[tuple[Address, ...], NoDecode] = Field(
        (Address("bsky.network"),), validation_alias="INGESTER_RELAY_HOSTS"
    )
    labeler_hosts: Annotated[tuple[Address, ...], NoDecode] = Field((), validation_alias="INGESTER_LABELER_HOSTS")
    collections: Annotated[tuple[str, ...], NoDecode] = Field(
        ("app.bsky.*", "chat.bsky.*"), validation_alias="INGESTER_COLLECTIONS"
    )
    sync_events: Literal["omit", "emit"] = Field("omit", validation_alias="INGESTER_SYNC_EVENTS")
    resync_to_backfill: bool = Field(default=False, validation_alias="INGESTER_RESYNC_TO_BACKFILL")
    start_from: Annotated[StartFrom, NoDecode] = Field("oldest", validation_alias="INGESTER_START_FROM")
    on_cursor_lost: OnCursorLost | None = Field(None, validation_alias="INGESTER_ON_CURSOR_LOST")
    deduplicate_seconds: int | None = Field(None, ge=1, le=86_400, validation_alias="INGESTER_DEDUPLICATE_SECONDS")
    trim_consumed: bool = Field(default=False, validation_alias="INGESTER_TRIM_CONSUMED")
    high_water_mark: int = Field(100_000, ge=1, validation_alias="INGESTER_HIGH_WATER_MARK")
    batch_size: int = Field(500, ge=1, le=10_000, validation_alias="INGESTER_BATCH_SIZE")
    batch_timeout_ms: int = Field(1000, ge=10, le=60_000, validation_alias="INGESTER_BATCH_TIMEOUT_MS")
    rescan_seconds: int = Field(0, ge=0, validation_alias="INGESTER_BACKFILL_RESCAN_SECONDS")
    on_page_error: Literal["retry", "skip-repo"] = Field("retry", validation_alias="INGESTER_ON_PAGE_ERROR")
    metrics_port: int = Field(4100, ge=0, le=65_535, validation_alias="METRICS_PORT")
    ca_bundle: Path | None = Field(None, validation_alias="INGESTER_CA_BUNDLE")
    ssl_cert_file: Path | None = Field(None, validation_alias="SSL_CERT_FILE")
    pod_name: str = Field(default_factory=socket.gethostname, validation_alias="POD_NAME")
    log_format: Literal["json", "plain"] = Field(default_factory=_default_format, validation_alias="LOG_FORMAT")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="LOG_LEVEL")

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
            raise ValueError(f"give {ALLOWED}, or several by comma")
        for number, address in enumerate(addresses):
            if any(
                address.host == other.host or address.host_and_port == other.host_and_port
                for other in addresses[:number]
            ):
                raise ValueError(f"{address.host!r} is named twice, and would be stored twice")
        return addresses

    @field_validator("collections", mode="before")
    @classmethod
    def _collections(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        patterns = tuple(_split_list(value))
        CollectionFilter(patterns)
        return patterns

    @field_validator("start_from", mode="before")
    @classmethod
    def _start_from(cls, value: object) -> object:
        if value in {"oldest", "live"}:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and int(value[:17]) <= MAX_SEQ:
            return int(value)
        raise ValueError("give oldest, live, or the first seq that is wanted, a decimal number below 2^53")

    @field_validator("on_cursor_lost", mode="before")
    @classmethod
    def _on_cursor_lost(cls, value: object) -> object:
        word = value.lower() if isinstance(value, str) else value
        if not word or word in set(OnCursorLost):
            return word or None
        raise ValueError("give halt, oldest or live, or nothing for the default")

    @field_validator("key_prefix")
    @classmethod
    def _key_prefix(cls, value: str) -> str:
        if not value.isprintable() or " " in value:
            raise ValueError("give printable characters without blanks, such as {sluice}: or nothing")
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
        if fault := url_problem(self.redis_url, key_prefix=self.key_prefix):
            raise SettingsError(f"INGESTER_KEY_PREFIX={self.key_prefix!r} is not valid for a Redis Cluster: {fault}")
        return self

    @model_validator(mode="after")
    def _check_labelers(self) -> Self:
        if self.mode is Mode.LABELER and not self.labeler_hosts:
            raise SettingsError(
                "INGESTER_LABELER_HOSTS is empty, and INGESTER_MODE=labeler reads nothing else: "
                f"give {ALLOWED}, or several by comma"
            )
        if self.mode is Mode.ALL and self.labeler_hosts and isinstance(self.start_from, int):
            raise SettingsError(
                f"INGESTER_START_FROM={self.start_from} can't be a seq of relays and of labelers: "
                "give oldest or live, or read them in processes of their own (INGESTER_MODE)"
            )
        return self


def load() -> Settings:
    """The settings from the environment; SettingsError says in one line what is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(error))) from None


_SECRET: Final = frozenset({"REDIS_URL"})


def _explain(error: ValidationError) -> Iterable[str]:
    for item in error.errors():
        fault = item.get("ctx", {}).get("error")
        if isinstance(fault, SettingsError):
            yield str(fault)
            continue
        variable = str(item["loc"][0])
        shown = variable if variable in _SECRET else f"{variable}={str(item['input'])[:200]!r}"
        yield f"{shown} is not valid: {fault or _number_range(variable) or item['msg']}"


def _number_range(variable: str) -> str | None:
    """What a number may be: pydantic names the one limit that was hurt, people want both."""
    for field in Settings.model_fields.values():
        limits: dict[str, Any] = {
            name: getattr(rule, name) for rule in field.metadata for name in ("ge", "le") if hasattr(rule, name)
        }
        if field.validation_alias == variable and field.annotation is int:
            upper = f" to {limits['le']}" if "le" in limits else " up"
            return f"give a whole number from {limits['ge']}{upper}"
    return None


def _split_list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
