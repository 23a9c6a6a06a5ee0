"""The limits of a field that sets a variable of the ingester, from the declaration of the setting."""

from pydantic import Field
from pydantic.fields import FieldInfo

from sluice_redis.ingester_settings import Setting


def limits_of(setting: Setting[object]) -> FieldInfo:
    """The annotation of a number that sets `setting`. ValueError if the setting has no minimum or no maximum."""
    limits = setting.field_limits
    info: FieldInfo = Field(ge=limits.minimum, le=limits.maximum)
    return info
