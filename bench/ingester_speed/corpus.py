"""The frames that the source replays: real commits of the simulated relay, in the shape of the network's.

A frame of the network has 5.46 kB on average, with 10 to 11 blocks, and creates one record. Here two accounts have so
many likes, posts and follows that a new one gives such a frame: `commits` fails if it does not. To make them takes some
ten seconds, so they are kept in .cache/bench/, in a file that is named after everything that they are made of.

The labels are those of the simulated labeler. The pages have the form of `com.atproto.sync.listRepos`.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from e2e.relaysim import accounts, events, records
from e2e.relaysim.labels import Labeler
from e2e.relaysim.network import Network
from e2e.relaysim.repo import Commit
from sluice_wire import car, dagcbor

FIRST_SEQ: Final = 6_322_875_401
"""That of the first message. The seqs of the network have ten digits, too."""
FRAMES: Final = 4096
PAGE_REPOS: Final = 1000
_PAGES: Final = 8
"""More than an ingester remembers, so that each page is a new one."""
_RECORDS: Final = 22_000
"""In each of the two repositories. The shape depends on the trees, so this number and _SEED were found by trying."""
_SEED: Final = "d"
_MIX: Final = {records.LIKE: 65, records.POST: 20, records.FOLLOW: 15}
_TIME: Final = "2026-11-01T00:00:00.000Z"
_CACHE: Final = Path(".cache/bench")
_LENGTH_BYTES: Final = 4


def commits() -> list[bytes]:
    """FRAMES frames of commits, each of which creates one record. The first has FIRST_SEQ."""
    made = _cached("commits", _make_commits)
    _check_shape(made)
    return made


def labels() -> list[bytes]:
    """FRAMES frames of a labeler. The first has FIRST_SEQ."""
    return _cached("labels", _make_labels)


def pages() -> list[bytes]:
    """Pages of PAGE_REPOS repositories, each with a cursor of ten digits at its beginning."""
    return [_page(range(number * PAGE_REPOS, (number + 1) * PAGE_REPOS)) for number in range(_PAGES)]


def _make_commits() -> Iterator[bytes]:
    network, rng = Network(seed=_SEED, size=2), random.Random("bench")
    posts: list[records.Ref] = []

    def create(count: int) -> Commit:
        [collection] = rng.choices(list(_MIX), list(_MIX.values()))
        if collection == records.POST or not posts:
            commit = network.make(*(network.post() for _ in range(count)))
            posts.extend((f"at://{commit.did}/{op.path}", op.cid) for op in commit.ops if op.cid)
            return commit
        if collection == records.LIKE:
            made = (records.like(rng.choice(posts), network.now()) for _ in range(count))
        else:
            made = (records.follow(accounts.did("bench", rng.randrange(10**6)), network.now()) for _ in range(count))
        return network.make(*made, collection=collection)

    for _ in range(0, 2 * _RECORDS, 500):
        create(500)
    for number in range(FRAMES):
        yield events.commit(create(1)).frame.stamp(FIRST_SEQ + number, _TIME)


def _make_labels() -> Iterator[bytes]:
    for number, event in enumerate(islice(Labeler(Network(seed="bench", size=50)), FRAMES)):
        yield event.frame.stamp(FIRST_SEQ + number, "")


def _page(indexes: range) -> bytes:
    listed = [accounts.dormant("bench", index) for index in indexes]
    repos = [{"did": one.did, "head": one.head, "rev": one.rev, "active": True} for one in listed]
    return json.dumps({"cursor": "0" * 10, "repos": repos}, separators=(",", ":")).encode()


def _check_shape(frames: list[bytes]) -> None:
    """AssertionError if the frames do not have the shape that the module describes."""
    bodies = [dagcbor.decode_pair(frame)[1] for frame in frames[::16]]
    blocks = [sum(1 for _ in car.iter_blocks(body["blocks"])) for body in bodies]
    size, mean_blocks = sum(map(len, frames)) / len(frames), sum(blocks) / len(blocks)
    assert 5_350 < size < 5_570, f"a frame has {size:,.0f} bytes on average: choose another number of records"
    assert 10 <= mean_blocks <= 11, f"a frame has {mean_blocks:.1f} blocks on average: choose another number of records"
    assert all([op["action"] for op in body["ops"]] == ["create"] for body in bodies)


def _cached(name: str, make: Callable[[], Iterator[bytes]]) -> list[bytes]:
    sources = [Path(__file__), *sorted(Path(events.__file__).parent.glob("*.py"))]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    file = _CACHE / f"{name}-{digest}"
    if not file.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        print(f"making {name}, once ...", flush=True)
        written = file.with_suffix(".new")
        written.write_bytes(b"".join(len(one).to_bytes(_LENGTH_BYTES, "big") + one for one in make()))
        written.rename(file)
    return list(_split(file.read_bytes()))


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(data[at:begin], "big")
        yield data[begin:at]
