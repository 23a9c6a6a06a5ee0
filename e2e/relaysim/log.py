"""The simulator's log: one JSON object a line."""

import json
import logging
from typing import Any

_LOG = logging.getLogger("relaysim")


def log(event: str, **fields: Any) -> None:
    """Log an event with its fields."""
    _LOG.info(json.dumps({"event": event, **fields}))
