"""The images that the demo and the tests need in the cluster.

The tag contains a hash of the sources, so that pods are rolled when a source changes.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from e2e.cluster import images
from e2e.cluster.layout import ROOT, Layout


def _tagged(name: str, *, dockerfile: Path, inputs: tuple[str, ...]) -> images.Image:
    draft = images.Image(
        tag=f"localhost/{name}",
        dockerfile=dockerfile,
        context=ROOT,
        inputs=tuple(ROOT / path for path in inputs),
    )
    return replace(draft, tag=f"{draft.tag}:{draft.key()[:12]}")


SLUICE: Final = _tagged(
    "sluice",
    dockerfile=ROOT / "Dockerfile",
    inputs=("pyproject.toml", "hatch_build.py", "uv.lock", "README.md", "LICENSE", "operator", "ingester"),
)

RELAYSIM: Final = _tagged(
    "sluice-relaysim",
    dockerfile=ROOT / "e2e" / "relaysim" / "Dockerfile",
    inputs=("pyproject.toml", "uv.lock", "e2e/__init__.py", "e2e/relaysim"),
)

ALL: Final = (images.REDIS, SLUICE, RELAYSIM)


def prune(layout: Layout) -> None:
    """Remove the archives of these images that were made from earlier sources."""
    for image in (SLUICE, RELAYSIM):
        repository, tag = image.tag.replace("/", "_").split(":")
        for archive in layout.images.glob(f"{repository}_*"):
            if archive.stem.removeprefix(f"{repository}_") != tag:
                archive.unlink(missing_ok=True)
