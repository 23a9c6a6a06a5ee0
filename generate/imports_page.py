"""The table of docs/architecture.md: each package of the code, what it contains and which packages it imports."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from generate.blocks import markdown_table, page_with_blocks
from generate.cells import code

ROOT: Final = Path(__file__).parents[1]
_SOURCES: Final = (ROOT / "operator", ROOT / "ingester")
_ONE_ROW: Final = frozenset({"sluice_common", "sluice_wire"})
"""Packages with one row for all of their modules. The other packages have a row for each member of their top level."""


def _imports() -> str:
    imports: dict[str, set[str]] = {}
    summaries: dict[str, str] = {}
    modules = dict(_modules())
    for name, path in modules.items():
        row, tree = row_of(name), ast.parse(path.read_text())
        imported = imports.setdefault(row, set())
        if name == row:
            summaries[row] = (ast.get_docstring(tree) or "").split("\n", 1)[0]
        imported |= {row_of(target) for target in _targets(tree, modules)} - {row, row.split(".")[0]}
    rows = [
        (code([row]), summaries.get(row, ""), code(sorted(imported)))
        for row, imported in sorted(imports.items())
        if "." in row or row in _ONE_ROW
    ]
    return markdown_table(("package or module", "contains", "imports"), rows)


def row_of(module: str) -> str:
    """The row of a module: `sluice_operator.status.readiness` belongs to the row `sluice_operator.status`."""
    parts = module.split(".")
    return parts[0] if parts[0] in _ONE_ROW else ".".join(parts[:2])


def _modules() -> Iterator[tuple[str, Path]]:
    """All modules of the sources by their dotted names."""
    for source in _SOURCES:
        for path in sorted(source.rglob("*.py")):
            name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
            yield name, path


def _targets(tree: ast.Module, modules: dict[str, Path]) -> Iterator[str]:
    """The modules of the sources that a module imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


PAGE: Final = page_with_blocks("docs/architecture.md", imports=_imports)
