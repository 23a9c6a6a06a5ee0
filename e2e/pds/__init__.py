"""The reference PDS as a real source. Most repositories of the network are on servers with this software.

- `server.ReferencePds` runs it.
- `client.Client` calls its API.
- `journal.Journal` records which events a consumer of its firehose must receive.
- `seed.seed` writes records of all kinds.
"""

from e2e.pds.install import unavailable_reason
from e2e.pds.server import ReferencePds

__all__ = ["ReferencePds", "unavailable_reason"]
