"""Parsing a source list. Pure, except that the environment of the process is read: each entry is laid over it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluice_ingester.settings import Settings, SettingsError, load
from sluice_ingester.source_spec import SourceSpec, specs_of
from sluice_ingester.sources.address import Address
from sluice_redis import ingester_settings as declared
from sluice_redis.contract import SOURCE_LIST_VERSION, Stream, StreamKeys
from sluice_redis.ingester_settings import Mode

_SETTINGS: Final = {setting.variable: setting for setting in declared.SETTINGS}
_STREAMS: Final = {
    Mode.FIREHOSE.value: (Stream.FIREHOSE, declared.RELAY_HOSTS.variable),
    Mode.BACKFILL.value: (Stream.BACKFILL, declared.RELAY_HOSTS.variable),
    Mode.LABELER.value: (Stream.LABELS, declared.LABELER_HOSTS.variable),
}
"""By mode: the stream, and the variable that names its hosts."""


@dataclass(frozen=True, slots=True)
class SourceList:
    """A list. `specs` has what to read by the ID of its entry, and with a `problem` what can't be read.

    `rejected` has messages by the ID of their entry: of these it can't be told, or not reported, what they read.
    """

    specs: Mapping[str, SourceSpec] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)


def parse_source_list(fields: Mapping[str, str], process: Settings) -> SourceList:
    """The entries of a list. `process` are the settings of the process.

    If two entries read the same stream of the same source, only the first one by its ID does.
    """
    specs: dict[str, SourceSpec] = {}
    rejected: dict[str, str] = {}
    for name in sorted(fields.keys() - {SOURCE_LIST_VERSION}):
        spec = _parse_entry(fields[name], process)
        if isinstance(spec, str):
            rejected[name] = spec
        else:
            specs[name] = spec
    readers: dict[StreamKeys, str] = {}
    for name, spec in sorted(specs.items(), key=lambda item: (item[1].problem != "", item[0])):
        reader = readers.setdefault(spec.keys, name)
        if reader != name:
            del specs[name]
            rejected[name] = spec.problem or f"it names {spec}, which the entry {reader} reads: name it once"
    return SourceList(specs, rejected)


def _parse_entry(text: str, process: Settings) -> SourceSpec | str:
    """What the entry reads, or what is wrong with it if nothing else can be told."""
    try:
        variables = json.loads(text)
    except ValueError as error:
        return f"it is no JSON: {error}"
    if not isinstance(variables, dict):
        return "it is no JSON object with variables"
    try:
        return _parse_variables(variables)
    except SettingsError as error:
        source = _told_source(variables)
        if source is None:
            return str(error)
        stream, address = source
        return SourceSpec(settings=process, stream=stream, address=address, problem=str(error))


def _parse_variables(variables: Mapping[str, object]) -> SourceSpec:
    """What an ingester with these variables reads. SettingsError if they are invalid, or name not one source."""
    given: dict[str, str] = {}
    for name, value in variables.items():
        setting = _SETTINGS.get(name)
        if setting is None and name.startswith(declared.PREFIX):
            continue  # of a later version, as in an environment
        if setting is None or setting.of_process:
            raise SettingsError(f"{name} can't be set for a single source: set it for the process")
        if not isinstance(value, str):
            raise SettingsError(f"{name}={json.dumps(value)[:200]} is not valid: give a text")
        given[name] = value
    specs = list(specs_of(load({**given, declared.SOURCE_LIST.variable: ""})))
    if len(specs) != 1:
        raise SettingsError(
            f"{declared.MODE.variable} and the hosts name {len(specs)} streams, and an entry is for one: give the mode "
            "firehose, backfill or labeler, and one host"
        )
    return specs[0]


def _told_source(variables: Mapping[str, object]) -> tuple[Stream, Address] | None:
    """The stream and the source of an entry with other variables that are invalid. None if they can't be told."""
    stream, hosts = _STREAMS.get(str(variables.get(declared.MODE.variable)).lower(), (None, ""))
    try:
        return None if stream is None else (stream, Address.parse(str(variables.get(hosts, ""))))
    except ValueError:
        return None
