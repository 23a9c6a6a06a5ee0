"""The base of the kinds that an ingester reads from."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.api.resource import Resource
from sluice_operator.api.source_spec import SourceSpec


class Source(Resource):
    """The base of the kinds that an ingester reads from."""

    spec: SourceSpec
    """The desired state."""

    status: SourceStatus = SourceStatus()
    """The observed state."""

    @classmethod
    def parse_status(cls, body: Mapping[str, Any]) -> SourceStatus:
        """The status of an object, even if its spec is invalid. An invalid status counts as empty."""
        empty: SourceStatus = cls.model_fields["status"].default
        try:
            return type(empty).model_validate(body.get("status") or {})
        except ValidationError:
            return empty
