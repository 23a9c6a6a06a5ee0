"""Reads the docstrings of an enum's members from the source, because Python does not keep them."""

import ast
import inspect
import itertools
import textwrap
from enum import Enum

from generate.cells import one_line


def member_paragraphs(enum: type[Enum]) -> dict[str, list[str]]:
    """By the name of each member, the paragraphs of the docstring below it. Raises ValueError if one has none."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(enum)))
    body = [statement for one in tree.body if isinstance(one, ast.ClassDef) for statement in one.body]
    found: dict[str, list[str]] = {}
    for statement, following in itertools.pairwise(body):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[statement.targets[0].id] = [one_line(part) for part in text.value.split("\n\n")]
    if missing := [member.name for member in enum if member.name not in found]:
        raise ValueError(f"{enum.__name__}: write a docstring below {', '.join(missing)}")
    return found
