"""A source of whatever kind, for all that treats them alike."""

from sluice_operator.api.common import SourceSpec
from sluice_operator.api.resource import Resource
from sluice_operator.api.stream import SourceStatus


class Source(Resource):
    """The base of the kinds that an ingester reads from."""

    spec: SourceSpec
    """What should be."""

    status: SourceStatus = SourceStatus()
    """What is."""
