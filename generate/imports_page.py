"""The table of docs/architecture.md: each room of the code, what it contains and which rooms it imports."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from generate.blocks import markdown_table, page_with_blocks
from generate.cells import code

ROOT: Final = Path(__file__).parents[1]
_SOURCES: Final = (ROOT / "operator", ROOT / "ingester")
_WHOLE: Final = frozenset({"sluice_common", "sluice_wire"})
"""Packages that are one room. Of the others each module or package at the top level is one."""


def _imports() -> str:
    rooms: dict[str, set[str]] = {}
    summaries: dict[str, str] = {}
    modules = dict(_modules())
    for name, path in modules.items():
        room, tree = room_of(name), ast.parse(path.read_text())
        imported = rooms.setdefault(room, set())
        if name == room:
            summaries[room] = (ast.get_docstring(tree) or "").split("\n", 1)[0]
        imported |= {room_of(target) for target in _targets(tree, modules)} - {room, room.split(".")[0]}
    rows = [
        (code([room]), summaries.get(room, ""), code(sorted(imported)))
        for room, imported in sorted(rooms.items())
        if "." in room or room in _WHOLE
    ]
    return markdown_table(("room", "contains", "imports"), rows)


def room_of(module: str) -> str:
    """The room to which a module belongs: `sluice_operator.status.readiness` belongs to `sluice_operator.status`."""
    parts = module.split(".")
    return parts[0] if parts[0] in _WHOLE else ".".join(parts[:2])


def _modules() -> Iterator[tuple[str, Path]]:
    """All modules of the sources by their dotted names."""
    for source in _SOURCES:
        for path in sorted(source.rglob("*.py")):
            name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
            yield name, path


def _targets(tree: ast.Module, modules: dict[str, Path]) -> Iterator[str]:
    """The modules of the sources that a module imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


PAGE: Final = page_with_blocks("docs/architecture.md", imports=_imports)
