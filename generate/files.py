"""The registry of generated files. A new one is added to the tuple at the end, and nowhere else."""

from pathlib import Path
from typing import Final

from generate import argocd, chart, crds, imports_page, metrics_page, settings_page, status_page
from generate.generated import Generated

ROOT: Final = Path(__file__).parents[1]
"""The root of the repository."""

GENERATED: Final[tuple[Generated, ...]] = (
    *crds.FILES,
    chart.KINDS_TEMPLATE,
    argocd.CONFIG_MAP,
    status_page.PAGE,
    settings_page.PAGE,
    metrics_page.PAGE,
    imports_page.PAGE,
)
