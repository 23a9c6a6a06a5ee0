"""A labeler: an endless sequence of ``#labels`` frames of ``com.atproto.label.subscribeLabels``.

Spec: https://atproto.com/specs/label. A label is signed like a commit: what is signed are its DAG-CBOR bytes without
``sig``. The key is ``#atproto_label`` in the DID document of the labeler.
"""

import base64
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from e2e.relaysim import accounts, dagcbor, records
from e2e.relaysim.cid import Cid
from e2e.relaysim.frames import Event, template
from e2e.relaysim.keys import P256, Key
from e2e.relaysim.network import Network

_VALUES: Final = ("porn", "spam", "!hide", "!warn", "graphic-media", "impersonation")
_NEGATABLE = 500

Label = Mapping[str, Any]


class Labeler:
    """Labels of accounts and their posts, the same for the same seed.

    Most frames hold one label, like those of Ozone. Of ten labels, about one negates an earlier one, one expires, and
    one is not signed, like those of an old backfill.
    """

    def __init__(self, network: Network, *, seed: str = "labeler") -> None:
        self._network = network
        self._rng = random.Random(seed)
        self._key = Key.derive(P256, f"{seed}/atproto_label")
        self._recent: list[Label] = []
        self.did = accounts.did(seed, 0)
        self.did_key = self._key.did_key

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        count = 1 if self._rng.random() < 0.95 else self._rng.randrange(2, 6)
        return frame([self._label() for _ in range(count)])

    def _label(self) -> Label:
        if len(self._recent) > 20 and self._rng.random() < 0.1:
            earlier = self._recent.pop(self._rng.randrange(len(self._recent)))
            fields = {k: earlier[k] for k in ("src", "uri", "cid", "val") if k in earlier} | {"neg": True}
        else:
            fields = self._new()
        label: dict[str, Any] = {"ver": 1, **fields, "cts": self._network.now()}
        if self._rng.random() < 0.1:
            label["exp"] = self._rng.choice(("2026-02-01T00:00:00.000Z", "2031-01-01T00:00:00.000Z"))
        if self._rng.random() < 0.9:
            label["sig"] = self._key.sign(dagcbor.encode(label))
        elif self._rng.random() < 0.5:
            del label["ver"]
        if "neg" not in label:
            self._recent = [*self._recent[-_NEGATABLE:], label]
        return label

    def _new(self) -> dict[str, Any]:
        did = self._rng.choice(self._network.accounts).did
        fields = {"src": self.did, "uri": did, "val": self._rng.choice(_VALUES)}
        if self._rng.random() < 0.7:
            record = self._rng.randbytes(8)
            fields |= {"uri": f"at://{did}/{records.POST}/{record.hex()}", "cid": str(Cid.of(record))}
        return fields


def frame(labels: list[Label]) -> Event:
    """One ``#labels`` frame."""
    facts = {"labels": [label | _json_sig(label) for label in map(dict, labels)]}
    return Event("#labels", template("#labels", {"labels": labels}, timed=False), facts)


def _json_sig(label: Label) -> dict[str, Any]:
    sig = label.get("sig")
    return {} if sig is None else {"sig": {"$bytes": base64.b64encode(sig).decode().rstrip("=")}}
