"""The options of a simulator, and their defaults inside a test."""

import ssl
from dataclasses import dataclass, field

from e2e.relaysim.cursors import PROFILES, CursorRules
from e2e.relaysim.listing import Style

FIRST_SEQ = 6_322_875_401
"""On the scale of the real network's sequence: beyond 32 bits."""


@dataclass(slots=True)
class Options:
    """What a simulator is like. Rates are messages a second; 0 is as fast as the slowest reader takes them.

    - ``accounts`` write; ``dormant`` more are only listed.
    - ``corpus``: how many events to make at the start and serve in rounds, for each of the two streams;
      0 makes every event when it is emitted.
    - ``prefill``: how many events are in the window at the start.
    - ``seconds``: for how long messages are emitted after the start or the last change of the pace; None
      for no bound. ``exit``: whether a process then ends; otherwise it stays, silent.
    - ``window`` and ``journal`` bound the memory, in events. An event takes about 2 kB unless a corpus is
      served.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: str = "sluice"
    first_seq: int = FIRST_SEQ
    rate: float = 50.0
    limit: int | None = None
    paused: bool = False
    seconds: float | None = None
    exit: bool = False
    accounts: int = 50
    dormant: int = 0
    corpus: int = 0
    prefill: int = 0
    window: int = 20_000
    journal: int = 100_000
    rules: CursorRules = field(default_factory=lambda: PROFILES["spec"])
    listing: Style = "uid"
    first_label_seq: int = 1
    label_rate: float = 1.0
    label_limit: int | None = None
    label_rules: CursorRules = field(default_factory=lambda: PROFILES["ozone"])
    tls: ssl.SSLContext | None = None
