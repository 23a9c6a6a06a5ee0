"""A consumer of the labels in Redis. It keeps when each was sent and stored, and removes what it has read."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from redis import Redis

_STREAM: Final = "label_live"
_PAUSE_SECONDS: Final = 0.25
_COUNT: Final = 5_000

# Labels of a flood are only counted, in the server: to transfer them would take more time than to store them.
_READ: Final = """
local found = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local labels, runs, newest = {}, {}, {}
for _, entry in ipairs(found) do
  local json = entry[2][2]
  local seq, source = string.match(json, '^{"seq":(%d+),"labels":%[{"src":"did:web:([^"]*)"')
  local run = newest[source]
  if run and tonumber(seq) == run[3] + 1 then
    run[3] = tonumber(seq)
  else
    run = {source, tonumber(seq), tonumber(seq)}
    newest[source] = run
    table.insert(runs, run)
  end
  if string.find(string.sub(json, 1, 200), '"val":"spam"', 1, true) then
    table.insert(labels, {entry[1], source, run[3], string.match(json, '"cts":"([^"]*)"')})
  end
end
local last = ARGV[1]
if #found > 0 then
  last = found[#found][1]
  redis.call('XTRIM', KEYS[1], 'MINID', last)
end
return {last, #found, labels, runs}
"""


@dataclass(frozen=True, slots=True)
class Label:
    """A label in the stream. Times are Unix times in seconds, with milliseconds."""

    source: str
    seq: int
    sent: float
    stored: float
    """From the ID of the entry."""

    @property
    def delay(self) -> float:
        """From sent to stored, in seconds."""
        return self.stored - self.sent


class LabelConsumer:
    """Reads while its context lasts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._read: Any = redis.register_script(_READ)
        self._last = "0-0"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._labels: list[Label] = []
        self._seqs: dict[str, list[range]] = defaultdict(list)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def labels(self) -> list[Label]:
        """All labels so far that are not of a flood."""
        self._check()
        return list(self._labels)

    def seqs(self, source: str) -> list[range]:
        """The seqs of a source in the order of the stream, those of floods included. No range continues another."""
        self._check()
        return list(self._seqs[source])

    def newest(self, source: str) -> int:
        """The highest seq of a source."""
        return max((part.stop - 1 for part in self.seqs(source)), default=0)

    def _check(self) -> None:
        if self._failure is not None:
            raise AssertionError("the consumer has failed") from self._failure

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                if self._step() < _COUNT:
                    self._ended.wait(_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - the thread of the test raises it
            self._failure = error

    def _step(self) -> int:
        self._last, count, labels, runs = self._read(keys=[_STREAM], args=[self._last, _COUNT])
        for entry, source, seq, sent in labels:
            stored = int(entry.partition("-")[0]) / 1000
            self._labels.append(Label(source, seq, datetime.fromisoformat(sent).timestamp(), stored))
        for source, first, last in runs:
            self._keep(source, range(first, last + 1))
        return int(count)

    def _keep(self, source: str, seqs: range) -> None:
        parts = self._seqs[source]
        if parts and parts[-1].stop == seqs.start:
            parts[-1] = range(parts[-1].start, seqs.stop)
        else:
            parts.append(seqs)
