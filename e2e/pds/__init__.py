"""The reference PDS as a real source: the software that most of the network's repos live on.

`ReferencePds` runs it, `client.Client` speaks its own API, `journal.Journal` keeps account of what a
consumer of its firehose must see, `seed.seed` writes a bit of everything.
"""

from e2e.pds.install import unavailable_reason
from e2e.pds.server import ReferencePds

__all__ = ["ReferencePds", "unavailable_reason"]
