"""The base of all kinds: metadata, and how to read an object of the API server."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError

from sluice_operator.api.base import Model, Time
from sluice_operator.api.errors import InvalidResourceError


class ObjectMeta(Model):
    """The fields of metadata that the operator reads."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None


class Resource(Model):
    """The base of all kinds."""

    metadata: ObjectMeta

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server returned it.

        Raises InvalidResourceError if the object does not fit the schema, because it can be older than the schema. The
        user does not write the status, so an invalid status is not an error: it counts as absent, and the next one
        replaces it.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            faults = [fault for fault in error.errors() if fault["loc"][0] != "status"]
            if faults:
                raise InvalidResourceError.from_validation(faults) from error
            return cls.model_validate({**body, "status": {}})
