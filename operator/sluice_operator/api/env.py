"""Variables of a user's own for the ingester's process: none of those that the operator sets from the spec."""

from typing import Annotated, Final

from pydantic import Field

from sluice_operator.api.base import Model
from sluice_operator.api.object_names import DataKey, ObjectName
from sluice_operator.api.rules import Rule
from sluice_redis.ingester_settings import RESERVED, LogFormat, LogLevel, fields_by_variable

SPEC_FIELDS: Final = fields_by_variable()
"""By variable, the field that says the same."""

_RESERVED: Final = RESERVED
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
    *(_use_field_instead(field) for field in dict.fromkeys(SPEC_FIELDS.values())),
    Rule(
        cel=f"!(self in {list(_RESERVED)}) && (!self.startsWith('INGESTER_') || self in {list(SPEC_FIELDS)})",
        message="POD_NAME, METRICS_PORT and what begins with INGESTER_ are the operator's own: leave them out",
        holds=lambda name: name not in _RESERVED and (not name.startswith("INGESTER_") or name in SPEC_FIELDS),
    ),
    Rule(
        cel="self != 'PATH' && !self.startsWith('PYTHON') && !self.startsWith('LD_')",
        message=(
            "PATH and what begins with PYTHON or LD_ decide which program runs, and how: leave them out, or set them "
            "in an image of your own and give that in spec.image"
        ),
        holds=lambda name: name != "PATH" and not name.startswith(("PYTHON", "LD_")),
    ),
]


class EnvKeyRef(Model):
    """A key of a Secret or a ConfigMap in the resource's own namespace."""

    name: ObjectName
    """The name of the Secret or ConfigMap, in the namespace of this resource."""

    key: DataKey
    """The key under which the value stands."""

    optional: bool | None = None
    """Whether the ingester may start without it. Without this it may not."""


class EnvFieldRef(Model):
    """A field of the ingester's pod."""

    field_path: Annotated[str, Field(min_length=1, max_length=400)]
    """The path of the field, such as spec.nodeName, status.podIP or metadata.labels['NAME']."""


class EnvSource(Model):
    """Where the value of a variable stands: one of these."""

    secret_key_ref: EnvKeyRef | None = None
    """A key of a Secret. A change of its content reaches the ingester at its next start."""

    config_map_key_ref: EnvKeyRef | None = None
    """A key of a ConfigMap. A change of its content reaches the ingester at its next start."""

    field_ref: EnvFieldRef | None = None
    """A field of the pod itself."""


_EXACTLY_ONE_SOURCE: Final = Rule(
    cel="[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(given, given).size() == 1",
    message="give one of secretKeyRef, configMapKeyRef and fieldRef",
    holds=lambda source: [source.secret_key_ref, source.config_map_key_ref, source.field_ref].count(None) == 2,
)


class EnvVar(Model):
    """A variable of the ingester's process."""

    name: EnvName
    """The name of the variable, such as LOG_LEVEL. What the operator sets from other fields can't be set here."""

    value: Annotated[str, Field(max_length=32_768)] | None = None
    """The value. $(NAME) stands for the value of another variable, as in a Pod."""

    value_from: Annotated[EnvSource, _EXACTLY_ONE_SOURCE] | None = None
    """Where the value stands, in the place of value."""


EXACTLY_ONE_VALUE: Final = Rule(
    cel="has(self.value) != has(self.valueFrom)",
    message="give a variable either value or valueFrom",
    holds=lambda variable: (variable.value is None) != (variable.value_from is None),
)

_LOG_LEVEL: Final = Rule(
    cel=f"self.name != 'LOG_LEVEL' || !has(self.value) || self.value.lowerAscii() in {list(_LEVELS)}",
    message="the ingester does not know this LOG_LEVEL: give debug, info, warning or error",
    holds=lambda variable: variable.name != "LOG_LEVEL" or variable.value is None or variable.value.lower() in _LEVELS,
)

_LOG_FORMAT: Final = Rule(
    cel=f"self.name != 'LOG_FORMAT' || !has(self.value) || self.value in {list(_FORMATS)}",
    message="the ingester does not know this LOG_FORMAT: give json or plain",
    holds=lambda variable: variable.name != "LOG_FORMAT" or variable.value is None or variable.value in _FORMATS,
)

Env = Annotated[EnvVar, EXACTLY_ONE_VALUE, _LOG_LEVEL, _LOG_FORMAT]
