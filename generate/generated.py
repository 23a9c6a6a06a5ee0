"""One generated file: its path and the function that renders it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """A file that is generated completely, or that has a generated part."""

    path: str
    """Relative to the root of the repository."""
    render: Callable[[str], str]
    """Makes the file's text from its current text, which is empty if there is no file yet."""

    def is_fresh(self, root: Path) -> bool:
        """Whether the file under `root` is what `render` makes."""
        present = self._read(root)
        return present is not None and present == self.render(present)

    def write(self, root: Path) -> None:
        """Write the file under `root`."""
        path = root / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.render(self._read(root) or ""), encoding="utf-8")

    def _read(self, root: Path) -> str | None:
        path = root / self.path
        return path.read_text(encoding="utf-8") if path.exists() else None


def whole_file(path: str, render: Callable[[], str]) -> Generated:
    """A file that is generated as a whole."""
    return Generated(path=path, render=lambda _: render())
