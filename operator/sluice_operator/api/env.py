"""The environment variables that a user adds to the ingester. Variables that the operator sets itself are refused."""

from typing import Annotated, Final

from pydantic import Field

from sluice_common.logs import LogFormat, LogLevel
from sluice_operator.api.base import Model
from sluice_operator.api.object_names import DataKey, ObjectName
from sluice_operator.api.rules import Rule
from sluice_redis.ingester_settings import LOG_FORMAT, LOG_LEVEL, PREFIX, RESERVED, fields_by_variable

SPEC_FIELDS: Final = fields_by_variable()
"""By environment variable, the field of the spec that sets it."""

_LEVELS: Final = tuple(level.value for level in LogLevel)
_FORMATS: Final = (*(style.value for style in LogFormat), "")


def _use_field_instead(field: str) -> Rule:
    names = [name for name, place in SPEC_FIELDS.items() if place == field]
    return Rule(
        cel=f"!(self in {names})",
        message=f"{' and '.join(names)} can't be set here: use {field}",
        holds=lambda name: name not in names,
    )


EnvName = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"),
    *map(_use_field_instead, dict.fromkeys(SPEC_FIELDS.values())),
    Rule(
        cel=f"!(self in {list(RESERVED)}) && (!self.startsWith('{PREFIX}') || self in {list(SPEC_FIELDS)})",
        message=f"{', '.join(RESERVED)} and names that begin with {PREFIX} are reserved for the operator: remove them",
        holds=lambda name: name not in RESERVED and (not name.startswith(PREFIX) or name in SPEC_FIELDS),
    ),
    Rule(
        cel="self != 'PATH' && !self.startsWith('PYTHON') && !self.startsWith('LD_')",
        message=(
            "PATH and names that begin with PYTHON or LD_ change which program runs: remove them, or set them in your "
            "own image and use it in spec.image"
        ),
        holds=lambda name: name != "PATH" and not name.startswith(("PYTHON", "LD_")),
    ),
]


class EnvKeyRef(Model):
    """A reference to a key of a Secret or a ConfigMap in the namespace of the resource."""

    name: ObjectName
    """Name of the Secret or the ConfigMap, in the namespace of this resource."""

    key: DataKey
    """Key that holds the value."""

    optional: bool | None = None
    """Whether the ingester can start if the object or the key does not exist. Defaults to false."""


class EnvFieldRef(Model):
    """A reference to a field of the pod."""

    field_path: Annotated[str, Field(min_length=1, max_length=400)]
    """Path of the field, such as spec.nodeName, status.podIP or metadata.labels['NAME']."""


class EnvSource(Model):
    """Where the value of an environment variable comes from. Exactly one field must be set."""

    secret_key_ref: EnvKeyRef | None = None
    """A key of a Secret. The ingester reads a changed value at its next start."""

    config_map_key_ref: EnvKeyRef | None = None
    """A key of a ConfigMap. The ingester reads a changed value at its next start."""

    field_ref: EnvFieldRef | None = None
    """A field of the pod."""


_EXACTLY_ONE_SOURCE: Final = Rule(
    cel="[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(given, given).size() == 1",
    message="give one of secretKeyRef, configMapKeyRef and fieldRef",
    holds=lambda source: [source.secret_key_ref, source.config_map_key_ref, source.field_ref].count(None) == 2,
)


class EnvVar(Model):
    """An environment variable of the ingester."""

    name: EnvName
    """Name of the environment variable, such as LOG_LEVEL. Variables that the operator sets from other fields of the
    spec are refused.
    """

    value: Annotated[str, Field(max_length=32_768)] | None = None
    """Value of the variable. References such as $(NAME) are expanded to the value of another variable, as in a Pod.
    Cannot be used together with valueFrom.
    """

    value_from: Annotated[EnvSource, _EXACTLY_ONE_SOURCE] | None = None
    """Source of the variable's value. Cannot be used together with value."""


EXACTLY_ONE_VALUE: Final = Rule(
    cel="has(self.value) != has(self.valueFrom)",
    message="give a variable either value or valueFrom",
    holds=lambda variable: (variable.value is None) != (variable.value_from is None),
)

_LOG_LEVEL: Final = Rule(
    cel=f"self.name != '{LOG_LEVEL.variable}' || !has(self.value) || self.value.lowerAscii() in {list(_LEVELS)}",
    message=f"the ingester does not know this {LOG_LEVEL.variable}: give debug, info, warning or error",
    holds=lambda variable: (
        variable.name != LOG_LEVEL.variable or variable.value is None or variable.value.lower() in _LEVELS
    ),
)

_LOG_FORMAT: Final = Rule(
    cel=f"self.name != '{LOG_FORMAT.variable}' || !has(self.value) || self.value in {list(_FORMATS)}",
    message=f"the ingester does not know this {LOG_FORMAT.variable}: give json or plain",
    holds=lambda variable: variable.name != LOG_FORMAT.variable or variable.value is None or variable.value in _FORMATS,
)

Env = Annotated[EnvVar, EXACTLY_ONE_VALUE, _LOG_LEVEL, _LOG_FORMAT]
