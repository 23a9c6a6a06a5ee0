"""As whom the ingester runs, and in what confinement: what clusters and their policies ask for.

That it is not root, has no capabilities, can't gain privileges and can't write to its image is not a matter of the
spec: it needs nothing else.
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
    """The SELinux user."""

    role: str | None = None
    """The SELinux role."""

    type: str | None = None
    """The SELinux type."""

    level: str | None = None
    """The SELinux level, such as s0:c123,c456."""


class SecurityProfile(Model):
    """A profile of seccomp or AppArmor."""

    type: Literal["RuntimeDefault", "Localhost", "Unconfined"]
    """RuntimeDefault for that of the container runtime, Localhost for one that is on the nodes, Unconfined for none."""

    localhost_profile: str | None = None
    """The name of the profile on the nodes, with the type Localhost."""


class SecurityContext(Model):
    """The part of a security context that a Pod and a container have in common.

    What doesn't fit together, such as a profile on the nodes without its name, is refused with the Deployment.
    """

    run_as_user: UserId | None = None
    """The user id of the process. Not 0: the ingester does not run as root."""

    run_as_group: GroupId | None = None
    """The group id of the process."""

    se_linux_options: SELinuxOptions | None = None
    """The SELinux context. Without it the container runtime decides."""

    seccomp_profile: SecurityProfile | None = None
    """The seccomp profile. Without it that of the container runtime."""

    app_armor_profile: SecurityProfile | None = None
    """The AppArmor profile. Without it the node decides."""


class PodSecurityContext(SecurityContext):
    """The security context of a Pod."""

    fs_group: GroupId | None = None
    """The group that owns the files of volumes."""

    fs_group_change_policy: Literal["Always", "OnRootMismatch"] | None = None
    """When the owner of a volume's files is changed. Without it at each start."""

    supplemental_groups: Annotated[tuple[GroupId, ...], Field(max_length=16)] | None = None
    """Further groups of the process."""
