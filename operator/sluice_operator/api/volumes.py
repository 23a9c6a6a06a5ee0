"""The volumes that a user adds to the ingester's pod, and where its container mounts them."""

import re
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from sluice_operator.api.base import Model
from sluice_operator.api.rules import Rule

CA_VOLUME: Final = "ca-bundle"
"""The name of the volume that the operator makes for spec.caBundle."""

_BINARY_DIRECTORIES: Final = "s?bin|lib(?:32|64|x32)?"
_RESERVED_TREES: Final = f"{_BINARY_DIRECTORIES}|proc|sys|usr/(?:{_BINARY_DIRECTORIES}|local)|(?:etc|opt)/sluice"
_RESERVED_PATHS: Final = f"/(?:dev|etc|opt|usr|(?:{_RESERVED_TREES})(?:/[^:]*)?)"

VolumeName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]

MountPath = Annotated[
    str,
    Field(max_length=256),
    Rule.matches(
        r"(?:/(?:[^/:.][^/:]*|[.][^/:.][^/:]*|[.][.][^/:]+))+",
        message="give an absolute path such as /etc/redis-tls, without a colon, without . and .., and no / at its end",
    ),
    Rule(
        cel=f"!self.matches('^{_RESERVED_PATHS}$')",
        message=(
            "this path belongs to the ingester or to its system: mount the volume at another path, such as "
            "/etc/redis-tls"
        ),
        holds=lambda path: re.fullmatch(_RESERVED_PATHS, path) is None,
    ),
]


class Volume(Model):
    """A volume of the ingester's pod: a name and one volume source as in a Pod.

    The volume sources are those of a Pod, and are not validated here. If the API server refuses one in the Deployment,
    the resource is Stalled with its message.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[
        VolumeName,
        Rule(
            cel=f"self != '{CA_VOLUME}'",
            message=f"the name {CA_VOLUME} is reserved for the volume of spec.caBundle: choose another name",
            holds=lambda name: name != CA_VOLUME,
        ),
    ]
    """Name of the volume. volumeMounts refer to it."""


class VolumeMount(Model):
    """A mount of a volume in the ingester's container."""

    name: VolumeName
    """Name of the volume, one of podTemplate.volumes."""

    mount_path: MountPath
    """Absolute path in the container at which the volume is mounted."""

    sub_path: Annotated[str, Field(max_length=1024)] | None = None
    """Path in the volume that is mounted. Defaults to the root of the volume."""

    read_only: bool | None = None
    """Whether the mount is read-only. Defaults to false."""
