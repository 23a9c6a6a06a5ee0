"""Where the ingester of a source runs: in pods of its own, or in pods that several sources share."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from sluice_operator.api.base import Model

PoolName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]


class PoolingMode(StrEnum):
    """Whether a source shares its pods."""

    DEDICATED = "Dedicated"
    SHARED = "Shared"


class Pooling(Model):
    """Whether the ingester shares a pod with other sources."""

    mode: PoolingMode = PoolingMode.DEDICATED
    """Dedicated runs the ingester in a pod of its own. Shared runs it in a pod with other sources of its pool, which
    saves memory for sources that send little. A change loses no event and stores none twice.
    """

    pool: PoolName = "default"
    """Name of the pool, for the mode Shared. All sources of the namespace with the same name belong to it. Their Redis,
    podTemplate, image, imagePullPolicy and caBundle must be those of the oldest of them.
    """


class PoolStatus(Model):
    """The pool of a source that shares its pod."""

    name: str
    """Name of the pool."""

    deployment: str
    """Name of the Deployment whose pod runs the ingester of this resource."""
