"""A server-side script of this package, with the digest by which Redis knows it. Pure."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Self


@dataclass(frozen=True, slots=True)
class Script:
    """The text of a script, and the digest that EVALSHA takes."""

    source: bytes
    sha1: str

    @classmethod
    def load(cls, name: str) -> Self:
        """The script in the file `name` of this package."""
        source = resources.files(__package__).joinpath(name).read_bytes()
        return cls(source, hashlib.sha1(source, usedforsecurity=False).hexdigest())
