"""The base class of all models of the API, and the types that they share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

GROUP: Final = "sluice.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"


class Model(BaseModel):
    """A part of a resource: frozen, with camelCase names in JSON.

    Its attributes' docstrings describe its fields. They do not name the default: `schema` adds it.

    Unknown fields are ignored, because the API server refuses them. An operator can be older than the CRD, in the
    middle of an upgrade or after a rollback. It must not call every resource invalid because the schema has a new
    default.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        use_attribute_docstrings=True,
    )

    def dump(self) -> dict[str, Any]:
        """The JSON of this part as the API server takes it, without the fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _to_whole_seconds(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(microsecond=0)


def _rfc3339(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    AwareDatetime,
    AfterValidator(_to_whole_seconds),
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
]
"""A time of the API, in UTC and whole seconds, like the times of Kubernetes. So a round trip changes nothing."""


def keyed_by(*keys: str) -> FieldInfo:
    """The annotation of a list whose items are identified by `keys`, for server-side apply. The API server refuses two
    items with the same keys.
    """
    info: FieldInfo = Field(
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    )
    return info
