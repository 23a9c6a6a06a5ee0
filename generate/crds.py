"""The CRDs, for `kubectl apply -f crds/` and for the chart."""

from functools import partial
from typing import Final

from generate.generated import whole_file
from sluice_operator.kinds.crd import render_crd
from sluice_operator.kinds.registry import KINDS

DIRECTORIES: Final = ("crds", "charts/sluice/files/crds")

FILES: Final = tuple(
    whole_file(f"{directory}/{kind.plural}.yaml", partial(render_crd, kind))
    for directory in DIRECTORIES
    for kind in KINDS
)
