"""Accounts: who writes, and how they are listed."""

import base64
import hashlib
import random
from dataclasses import dataclass, field

from e2e.relaysim import tid
from e2e.relaysim.cid import Cid
from e2e.relaysim.keys import K256, P256, Key
from e2e.relaysim.repo import Repo

FIRST_DAY = 1_767_225_600_000_000
"""Where the network's own clock starts: 2026-01-01T00:00:00Z in microseconds."""


@dataclass(slots=True)
class Account:
    """A person with a repository; ``paths`` are the records that stand in it, in no order."""

    repo: Repo
    handle: str
    status: str | None = None
    paths: list[str] = field(default_factory=list)

    @property
    def did(self) -> str:
        """The account's permanent name."""
        return self.repo.did


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as ``listRepos`` tells it; ``uid`` and ``created`` (ms) are what its cursors are made of."""

    uid: int
    created: int
    did: str
    head: str
    rev: str
    status: str | None = None


def did(seed: str, index: int) -> str:
    """A did:plc of the right form: 24 base32 characters."""
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return "did:plc:" + base64.b32encode(digest).decode().lower()[:24]


def account(seed: str, index: int) -> Account:
    """An account with an empty repository; every fourth signs with k256, the others with p256.

    (k256 is the commoner one by far on the real network, but OpenSSL signs ten times slower with it.)
    """
    name = did(seed, index)
    key = Key.derive(P256 if index % 4 else K256, f"{seed}/{index}/atproto")
    return Account(Repo(name, key), f"user{index}.{seed}.test")


def dormant(seed: str, index: int) -> Listed:
    """An account that never writes: listed with a head, but without a repository behind it here."""
    name = did(seed, index)
    rng = random.Random(name)
    head = Cid.of(name.encode())
    rev = tid.encode(FIRST_DAY - rng.randrange(10**13), rng.randrange(1024))
    return Listed(uid(index), created(index), name, str(head), rev)


def uid(index: int) -> int:
    """A relay's number for an account: growing, with gaps, never a mere offset."""
    return 11 + 7 * index


def created(index: int) -> int:
    """When the account came to be, in milliseconds."""
    return FIRST_DAY // 1000 - 10**9 + 500 * index
