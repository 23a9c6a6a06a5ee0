"""A source of whatever kind, for all that treats them alike."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.api.resource import Resource
from sluice_operator.api.source_spec import SourceSpec


class Source(Resource):
    """The base of the kinds that an ingester reads from."""

    spec: SourceSpec
    """What should be."""

    status: SourceStatus = SourceStatus()
    """What is."""

    @classmethod
    def parse_status(cls, body: Mapping[str, Any]) -> SourceStatus:
        """The status of an object whose spec may be beyond understanding; an empty one if it is, too."""
        empty: SourceStatus = cls.model_fields["status"].default
        try:
            return type(empty).model_validate(body.get("status") or {})
        except ValidationError:
            return empty
