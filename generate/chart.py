"""The names of all kinds as templates of the chart, for its RBAC rules and its notes."""

from typing import Final

from generate.generated import whole_file
from sluice_operator.kinds.registry import KINDS, Kinds

_TEXT: Final = """\
{{/* Generated from the registry of kinds: `make generate`. */}}

{{/* The plurals of all kinds, separated by commas. */}}
{{- define "sluice.kinds" -}}
%(plurals)s
{{- end }}

{{/* The status subresources of all kinds, separated by commas. */}}
{{- define "sluice.kinds.status" -}}
%(statuses)s
{{- end }}

{{/* The names of the CRDs of all kinds, separated by blanks. */}}
{{- define "sluice.kinds.crds" -}}
%(crds)s
{{- end }}
"""


def render_kinds_template(kinds: Kinds) -> str:
    """The text of the template file."""
    return _TEXT % {
        "plurals": ", ".join(kind.plural for kind in kinds),
        "statuses": ", ".join(f"{kind.plural}/status" for kind in kinds),
        "crds": " ".join(kind.crd_name for kind in kinds),
    }


KINDS_TEMPLATE: Final = whole_file("charts/sluice/templates/_kinds.tpl", lambda: render_kinds_template(KINDS))
