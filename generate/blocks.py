"""Generated parts of a page that is otherwise written by hand, such as a table of a Markdown file."""

import re
from collections.abc import Callable, Iterable, Sequence

from generate.generated import Generated


def page_with_blocks(path: str, **blocks: Callable[[], str]) -> Generated:
    """The page at `path`, with each named part replaced. See `replace_block` for the marks around a part."""

    def render(present: str) -> str:
        for name, content in blocks.items():
            present = replace_block(present, name, content())
        return present

    return Generated(path=path, render=render)


def replace_block(text: str, name: str, content: str) -> str:
    """`text` with `content` between the lines `<!-- generated: NAME -->` and `<!-- /generated: NAME -->`.

    Raises ValueError if `text` does not have these lines exactly once.
    """
    begin, end = f"<!-- generated: {name} -->\n", f"<!-- /generated: {name} -->"
    pattern = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
    replaced, count = pattern.subn(lambda found: f"{found[1]}{content.rstrip()}\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"the page has {count} parts named {name}: it needs one, between {begin.strip()} and {end}")
    return replaced


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table. A `|` in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
