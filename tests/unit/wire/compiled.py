"""Whether the tests run the compiled modules. `make unit` runs them twice: compiled, and not."""

from typing import Final

from sluice_wire import fast_commit

IS_COMPILED: Final = not fast_commit.__file__.endswith(".py")
