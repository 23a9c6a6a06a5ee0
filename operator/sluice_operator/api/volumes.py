"""Volumes of a user's own in the ingester's pod, and where its container sees them."""

import re
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from sluice_operator.api.base import Model
from sluice_operator.api.rules import Rule

_CA_VOLUME: Final = "ca-bundle"
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
            "the ingester itself, or the system under it, stands at this path: mount the volume at one of its own, "
            "such as /etc/redis-tls"
        ),
        holds=lambda path: re.fullmatch(_RESERVED_PATHS, path) is None,
    ),
]


class Volume(Model):
    """A volume of the ingester's pod: a name, and beside it the source of the volume as in a Pod.

    There are some thirty sources, and Kubernetes gets new ones: they are taken as they are, and the API server
    checks them with the Deployment. What it refuses makes the resource Stalled, in its words.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[
        VolumeName,
        Rule(
            cel=f"self != '{_CA_VOLUME}'",
            message=f"a volume can't be called {_CA_VOLUME}: it is the name of the one that spec.caBundle makes",
            holds=lambda name: name != _CA_VOLUME,
        ),
    ]
    """The name of the volume, by which volumeMounts refer to it."""


class VolumeMount(Model):
    """Where the ingester's container sees a volume."""

    name: VolumeName
    """The name of the volume, one of podTemplate.volumes."""

    mount_path: MountPath
    """The absolute path at which the volume is seen."""

    sub_path: Annotated[str, Field(max_length=1024)] | None = None
    """The path within the volume that is seen, instead of its root."""

    read_only: bool | None = None
    """Whether the container can't write to the volume. Without this it can, if the volume lets it."""
