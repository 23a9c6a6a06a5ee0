"""Accounts of the simulated network: those that write, those that are only listed, and their numbers."""

import base64
import hashlib
import random
from dataclasses import dataclass, field

from e2e.relaysim import tid
from e2e.relaysim.cid import Cid
from e2e.relaysim.keys import K256, P256, Key
from e2e.relaysim.repo import Repo

FIRST_DAY = 1_767_225_600_000_000
"""When the clock of the network starts: 2026-01-01T00:00:00Z, in microseconds since the epoch."""


@dataclass(slots=True)
class Account:
    """An account with a repository. ``paths`` are those of the records in it, in no order."""

    repo: Repo
    handle: str
    status: str | None = None
    paths: list[str] = field(default_factory=list)

    @property
    def did(self) -> str:
        """The DID of the account."""
        return self.repo.did


@dataclass(frozen=True, slots=True)
class Listed:
    """An account in an answer of ``listRepos``. Cursors are made of ``uid`` or ``created`` (milliseconds)."""

    uid: int
    created: int
    did: str
    head: str
    rev: str
    status: str | None = None


def did(seed: str, index: int) -> str:
    """A did:plc with 24 base32 characters, made from the seed and the number of the account."""
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return "did:plc:" + base64.b32encode(digest).decode().lower()[:24]


def account(seed: str, index: int) -> Account:
    """An account with an empty repository. Every fourth one signs with k256, the others with p256.

    Most accounts of the real network use k256, but OpenSSL signs ten times slower with it.
    """
    name = did(seed, index)
    key = Key.derive(P256 if index % 4 else K256, f"{seed}/{index}/atproto")
    return Account(Repo(name, key), f"user{index}.{seed}.test")


def dormant(seed: str, index: int) -> Listed:
    """An account that never writes. It is listed with a head, but it has no repository."""
    name = did(seed, index)
    rng = random.Random(name)
    head = Cid.of(name.encode())
    rev = tid.encode(FIRST_DAY - rng.randrange(10**13), rng.randrange(1024))
    return Listed(uid(index), created(index), name, str(head), rev)


def uid(index: int) -> int:
    """The number that a relay gives an account: it grows with gaps, so that it is not an offset."""
    return 11 + 7 * index


def created(index: int) -> int:
    """When the account was created, in milliseconds since the epoch."""
    return FIRST_DAY // 1000 - 10**9 + 500 * index
