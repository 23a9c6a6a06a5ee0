"""The security context of the ingester: its user and group, and the profiles that confine it.

The ingester is never root, has no capabilities, can't gain privileges and can't write to its image. The spec can't
change that, because the ingester needs none of it.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from sluice_operator.api.base import Model

_MAX_ID: Final = 2_147_483_647

UserId = Annotated[int, Field(ge=1, le=_MAX_ID)]
GroupId = Annotated[int, Field(ge=0, le=_MAX_ID)]


class SELinuxOptions(Model):
    """An SELinux context."""

    user: str | None = None
    """SELinux user label."""

    role: str | None = None
    """SELinux role label."""

    type: str | None = None
    """SELinux type label."""

    level: str | None = None
    """SELinux level label, such as s0:c123,c456."""


class SecurityProfile(Model):
    """A seccomp or AppArmor profile."""

    type: Literal["RuntimeDefault", "Localhost", "Unconfined"]
    """RuntimeDefault for the profile of the container runtime, Localhost for a profile on the node, Unconfined for no
    profile.
    """

    localhost_profile: str | None = None
    """Name of the profile on the node. Required if type is Localhost."""


class SecurityContext(Model):
    """The fields that the security contexts of a pod and of a container share.

    If fields do not fit together, such as a Localhost profile without a name, the API server refuses the Deployment.
    """

    run_as_user: UserId | None = None
    """User ID of the process. It cannot be 0: the ingester does not run as root."""

    run_as_group: GroupId | None = None
    """Group ID of the process."""

    se_linux_options: SELinuxOptions | None = None
    """SELinux context. If not set, the container runtime decides."""

    seccomp_profile: SecurityProfile | None = None
    """Seccomp profile. If not set, the profile of the container runtime is used."""

    app_armor_profile: SecurityProfile | None = None
    """AppArmor profile. If not set, the node decides."""


class PodSecurityContext(SecurityContext):
    """The security context of a Pod."""

    fs_group: GroupId | None = None
    """Group ID that owns the files of the volumes."""

    fs_group_change_policy: Literal["Always", "OnRootMismatch"] | None = None
    """When to change the group of the volumes' files: Always or OnRootMismatch. Defaults to Always."""

    supplemental_groups: Annotated[tuple[GroupId, ...], Field(max_length=16)] | None = None
    """Additional group IDs of the process."""
