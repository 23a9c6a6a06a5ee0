"""The simulated network: accounts that write, as an endless sequence of events, the same for the same seed.

It has its own clock, so that revisions and ``createdAt`` depend on the seed alone. Only ``seq`` and ``time`` of an
event come from the relay.
"""

import random
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

from e2e.relaysim import accounts, events, records, tid
from e2e.relaysim.accounts import Account, Listed
from e2e.relaysim.frames import Event
from e2e.relaysim.repo import Action, Commit, Record, Write

_MAX_RECORDS = 150
_MAX_INACTIVE = 0.25
_COLLECTIONS = {
    records.LIKE: 60,
    records.POST: 18,
    records.FOLLOW: 14,
    records.PROFILE: 3,
    records.CHAT: 2,
    records.OTHER: 3,
}
_INACTIVE = ("deactivated", "takendown", "suspended", "desynchronized", "throttled")


class Network:
    """A network of ``size`` accounts that write, and ``dormant`` more that are only listed."""

    def __init__(self, *, seed: str = "sluice", size: int = 50, dormant: int = 0) -> None:
        if size < 2:
            msg = f"a network needs at least 2 accounts that write, not {size}"
            raise ValueError(msg)
        self._seed = seed
        self._rng = random.Random(seed)
        self._micros = accounts.FIRST_DAY
        self._dormant = dormant
        self._size = size
        self._posts: deque[records.Ref] = deque(maxlen=500)
        self._pending: deque[Event] = deque()
        self.accounts = [self._new_account(i) for i in range(size)]

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        if self._pending:
            return self._pending.popleft()
        dice = self._rng.random()
        if dice < 0.980:
            return events.commit(self.write())
        account = self._active_account()
        if dice < 0.990:
            return events.identity(account.did, account.handle if self._rng.random() < 0.3 else None)
        if dice < 0.994 and account.repo.head:
            return events.sync(account.repo.head)
        return self._change_status()

    def write(self) -> Commit:
        """The next commit of some account. One in two hundred is empty."""
        account = self._active_account()
        dice = self._rng.random()
        count = 0 if dice < 0.005 else 1 if dice < 0.9 else self._rng.randrange(2, 8)
        writes: dict[str, Write] = {}
        for _ in range(count):
            write = self._write(account)
            writes.setdefault(write.path, write)
        return self._commit(account, list(writes.values()))

    def make(self, *made: Record | bytes, collection: str = records.POST) -> Commit:
        """A commit of some account that creates these records and does nothing else."""
        writes = [Write("create", f"{collection}/{self._next_tid()}", record) for record in made]
        return self._commit(self._active_account(), writes)

    def post(self) -> Record:
        """A new post, which is in no repository yet."""
        return self._record(records.POST)

    def now(self) -> str:
        """The time of the network, in RFC 3339 with milliseconds. Each call moves it on."""
        self._micros += self._rng.randrange(1_000, 40_000)
        moment = datetime.fromtimestamp(self._micros / 1e6, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def __len__(self) -> int:
        return len(self.accounts) + self._dormant

    def listed(self, index: int) -> Listed:
        """The account at this place of a listing: first those that write, then the dormant, then the new ones."""
        if self._size <= index < self._size + self._dormant:
            return accounts.dormant(self._seed, index)
        account = self.accounts[index if index < self._size else index - self._dormant]
        head = account.repo.head
        cid, rev = (str(head.cid), head.rev) if head else ("", "")
        return Listed(accounts.uid(index), accounts.created(index), account.did, cid, rev, account.status)

    def _new_account(self, index: int) -> Account:
        account = accounts.account(self._seed, index)
        account.repo.commit([], rev=self._next_tid())
        return account

    def _active_account(self) -> Account:
        while True:
            account = self._rng.choice(self.accounts)
            if account.status is None:
                return account

    def _commit(self, account: Account, writes: list[Write]) -> Commit:
        commit = account.repo.commit(writes, rev=self._next_tid())
        for op in commit.ops:
            if op.action == "create":
                account.paths.append(op.path)
            elif op.action == "delete":
                account.paths.remove(op.path)
            if op.cid and op.path.startswith(records.POST):
                self._posts.append((f"at://{account.did}/{op.path}", op.cid))
        return commit

    def _write(self, account: Account) -> Write:
        if len(account.paths) > 3 and (len(account.paths) >= _MAX_RECORDS or self._rng.random() < 0.15):
            return Write("delete", self._rng.choice(account.paths))
        [collection] = self._rng.choices(list(_COLLECTIONS), list(_COLLECTIONS.values()))
        if collection == records.LIKE and not self._posts:
            collection = records.POST
        path = f"{collection}/{'self' if collection in records.SINGLETONS else self._next_tid()}"
        if collection == records.OTHER and self._rng.random() < 0.3:
            path = next((p for p in account.paths if p.startswith(collection)), path)
        action: Action = "update" if path in account.paths else "create"
        write = Write(action, path, self._record(collection))
        while account.repo.holds(write):
            write = Write(action, path, self._record(collection))
        return write

    def _record(self, collection: str) -> Record:
        rng, now = self._rng, self.now()
        target = rng.choice(self._posts) if self._posts else None
        if collection == records.FOLLOW:
            return records.follow(rng.choice(self.accounts).did, now)
        if collection == records.PROFILE:
            return records.profile(rng, now)
        if collection == records.CHAT:
            return records.declaration(rng)
        if collection == records.OTHER:
            return records.blog_entry(rng, now)
        if collection == records.LIKE:
            return records.like(rng.choice(self._posts), now)
        return records.post(rng, now, target)

    def _change_status(self) -> Event:
        """An account comes back, becomes inactive, or is deleted and a new one replaces it."""
        inactive = [a for a in self.accounts if a.status is not None and a.status != "deleted"]
        if inactive and (self._rng.random() < 0.5 or len(inactive) > _MAX_INACTIVE * self._size):
            account = self._rng.choice(inactive)
            account.status = None
            if account.repo.head:
                self._pending.append(events.sync(account.repo.head))
            return events.account(account.did)
        account = self._active_account()
        if self._rng.random() < 0.8:
            account.status = self._rng.choice(_INACTIVE)
        else:
            account.status = "deleted"
            self._add_account()
        return events.account(account.did, account.status)

    def _add_account(self) -> None:
        account = accounts.account(self._seed, len(self))
        first = account.repo.commit([], rev=self._next_tid())
        self.accounts.append(account)
        self._pending += (
            events.identity(account.did, account.handle),
            events.account(account.did),
            events.commit(first),
        )

    def _next_tid(self) -> str:
        self._micros += self._rng.randrange(1_000, 40_000)
        return tid.encode(self._micros, 7)
