"""What all kinds have in common: metadata, and how an object of the API server is read."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError

from sluice_operator.api.base import Model, Time
from sluice_operator.api.errors import InvalidResourceError


class ObjectMeta(Model):
    """The part of metadata that the operator reads."""

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
        """Read an object as the API server gave it.

        Raises InvalidResourceError if it does not fit the schema, as an object may that is older than the
        schema. The status is the operator's own, so one that can't be read is no fault of the user: it
        counts as absent, and the next one replaces it.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            faults = [fault for fault in error.errors() if fault["loc"][0] != "status"]
            if faults:
                raise InvalidResourceError.from_validation(faults) from error
            return cls.model_validate({**body, "status": {}})
