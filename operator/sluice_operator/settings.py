"""The operator's settings, from environment variables. With an invalid one the process exits and names it."""

from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sluice_common.logs import LogFormat, LogLevel
from sluice_operator.api.source_spec import ImagePullPolicy
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.kubernetes.leader_lease import LeaseConfig
from sluice_operator.kubernetes.namespace_lease import LEASE_NAME as NAMESPACE_LEASE
from sluice_redis.url import RedisUrl

NameList = Annotated[tuple[str, ...], NoDecode]
"""Names, separated by commas."""


class SettingsError(ValueError):
    """Environment variables are invalid. The text names each one and says what to do."""


class Settings(BaseSettings):
    """The settings. Each is the environment variable of its name in capitals, with the prefix `SLUICE_`."""

    model_config = SettingsConfigDict(
        env_prefix="SLUICE_", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    ingester_image: Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
    """The image of the ingesters, if `spec.image` names none."""

    ingester_image_pull_policy: ImagePullPolicy | None = None
    """When that image is pulled: `Always`, `IfNotPresent` or `Never`. By default Kubernetes decides."""

    ingester_image_pull_secrets: NameList = ()
    """Pull Secrets for that image, separated by commas. They must exist in the namespace of each resource."""

    default_redis_url: SecretStr | None = None
    """The Redis URL for resources without `spec.redis`."""

    watch_namespaces: NameList = ()
    """The namespaces to serve, separated by commas. Empty for all. A namespace in which the operator has no Role is
    served as soon as it has one.
    """

    status_interval_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """The minimum interval between writes of the numbers in a status. Conditions are written at once."""

    observe_interval_seconds: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    """How often Redis, and the Secrets and ConfigMaps that resources name, are asked for changes of all resources. The
    operator does not watch Secrets, because that needs the right to list all of them. With more than 20 Secrets and
    ConfigMaps it reads ten of them a second.
    """

    resync_interval_seconds: Annotated[float, Field(ge=5, le=86_400)] = 300.0
    """The interval of the resync, which lists all objects again."""

    deletion_deadline_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """How long the deletion of a resource with `spec.deletionPolicy: DeleteCursor` may wait for its ingester to stop
    and for its Redis. After that the resource is deleted without its cursor, and an Event names what remains.
    """

    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """How many resources are reconciled at the same time."""

    leader_election: bool = False
    """Whether one of several replicas leads, with a Lease, while the others are on standby. The chart sets `true`."""

    lease_namespace: Annotated[str | None, Field(validate_default=True)] = None
    """The namespace of that Lease: the operator's own. Required with leader election."""

    lease_name: Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")] = "sluice-operator"
    """The name of that Lease. All replicas of a release have the same name. Two releases in one namespace have
    different names. It can't be `sluice.dev`. NAMESPACE/NAME identifies the release in the [Leases of the
    namespaces](control.md#one-release-a-namespace) that it serves; without a namespace `POD_NAME` does.
    """

    lease_duration_seconds: Annotated[int, Field(ge=5, le=300)] = 10
    """The time after the last renewal at which another replica may lead. The leader renews the Lease every fifth of
    that time (2 s). It exits if it can't renew for seven tenths of it (7 s).
    """

    port: Annotated[int, Field(ge=1, le=65_535)] = 8080
    """The port of `/livez`, `/readyz` and `/metrics`."""

    log_format: Annotated[LogFormat, Field(validation_alias="LOG_FORMAT")] = LogFormat.JSON
    """`json`: one object a line. `plain`: lines for terminals."""

    log_level: Annotated[LogLevel, Field(validation_alias="LOG_LEVEL")] = LogLevel.INFO
    """The lowest level that is logged: `debug`, `info`, `warning` or `error`."""

    pod_name: Annotated[str, Field(validation_alias="POD_NAME")] = "sluice-operator"
    """The name of the operator in Events and in the Lease."""

    @field_validator("watch_namespaces", "ingester_image_pull_secrets", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name for part in value.split(",") if (name := part.strip()))
        return value

    @field_validator("lease_namespace")
    @classmethod
    def _require_lease_namespace(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("leader_election"):
            raise ValueError("name the operator's own namespace, since SLUICE_LEADER_ELECTION is on")
        return value

    @field_validator("lease_name")
    @classmethod
    def _reject_namespace_lease_name(cls, value: str) -> str:
        if value == NAMESPACE_LEASE:
            raise ValueError("choose another name: the Leases of namespaces have this one")
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("default_redis_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            RedisUrl.parse(value.get_secret_value())
            return SecretStr(value.get_secret_value().strip())
        return value

    @property
    def release(self) -> str:
        """The name of this release in the Leases of namespaces. It is the same for all replicas and after restarts."""
        return f"{self.lease_namespace}/{self.lease_name}" if self.lease_namespace else self.pod_name

    @property
    def lease_config(self) -> LeaseConfig | None:
        """The Lease for leader election, or None if there is only one replica."""
        if not self.leader_election or self.lease_namespace is None:
            return None
        return LeaseConfig(
            namespace=self.lease_namespace, name=self.lease_name, duration_seconds=self.lease_duration_seconds
        )

    @property
    def ingesters(self) -> IngesterDefaults:
        """The settings that concern ingesters."""
        url = self.default_redis_url
        return IngesterDefaults(
            image=self.ingester_image,
            image_pull_policy=self.ingester_image_pull_policy,
            image_pull_secrets=self.ingester_image_pull_secrets,
            default_redis_url=url.get_secret_value() if url else None,
        )


def load_settings() -> Settings:
    """The settings from the environment. Raises SettingsError."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"{_variable_name(one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None


def _variable_name(location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else ""
    return name if name.isupper() else f"SLUICE_{name.upper()}"
