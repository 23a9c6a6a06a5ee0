"""What can be made to go wrong, by name. Each function's keyword arguments are the fault's parameters."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from e2e.relaysim import damage, frames, oddities
from e2e.relaysim.cursors import PROFILES
from e2e.relaysim.reader import Reader
from e2e.relaysim.refusals import Refusal
from e2e.relaysim.relay import Relay

Answer = dict[str, Any]
ENDPOINTS = ("subscribeRepos", "subscribeLabels", "listRepos")


def inflict(relay: Relay, name: str, params: Mapping[str, Any]) -> Answer:
    """Inflict a fault. ``ValueError`` names the faults there are, or the parameters of this one."""
    fault = FAULTS.get(name)
    if fault is None:
        msg = f"unknown fault {name!r}; known are {', '.join(FAULTS)}"
        raise ValueError(msg)
    try:
        inspect.signature(fault).bind(relay, **params)
    except TypeError as exc:
        msg = f"fault {name}: {exc}; it takes {describe()[name]['params']}"
        raise ValueError(msg) from exc
    return fault(relay, **params)


def describe() -> dict[str, Answer]:
    """Every fault with its meaning and its parameters' defaults."""
    return {
        name: {
            "does": inspect.getdoc(fault),
            "params": {
                p.name: "required" if p.default is p.empty else p.default
                for p in inspect.signature(fault).parameters.values()
                if p.kind is p.KEYWORD_ONLY
            },
        }
        for name, fault in FAULTS.items()
    }


def cut(relay: Relay, *, how: str = "abort", code: int = 1001, stream: str = "repos") -> Answer:
    """End all connections. how: abort (TCP reset), in-frame (half a frame, then gone), close (properly)."""
    ways: Mapping[str, Callable[[Reader], None]] = {
        "abort": lambda reader: reader.abort(),
        "in-frame": lambda reader: reader.cut_in_frame(),
        "close": lambda reader: reader.end(code=code, reason="cut by the simulator"),
    }
    if how not in ways:
        msg = f"unknown cut {how!r}; known are {', '.join(ways)}"
        raise ValueError(msg)
    readers = tuple(relay.feed(stream).readers)
    for reader in readers:
        ways[how](reader)
    return {"readers": len(readers)}


def stall(relay: Relay, *, seconds: float | None = None, stream: str = "repos") -> Answer:
    """Leave all connections open, but send nothing and answer no ping; new connections are served."""
    readers = tuple(relay.feed(stream).readers)
    for reader in readers:
        reader.stall()
    if seconds is not None:

        async def end() -> None:
            await asyncio.sleep(seconds)
            for reader in readers:
                reader.resume()

        relay.background(end())
    return {"readers": len(readers)}


def unstall(relay: Relay, *, stream: str = "repos") -> Answer:
    """End all stalls."""
    readers = tuple(relay.feed(stream).readers)
    for reader in readers:
        reader.resume()
    return {"readers": len(readers)}


def corrupt(relay: Relay, *, how: str = "garbage", count: int = 1) -> Answer:
    """Emit events that cannot be decoded, or only in part; damage.HOW lists the ways."""
    notes = [relay.repos.inject(damage.damaged(relay.world, how)) for _ in range(count)]
    return {"seqs": [note.seq for note in notes]}


def odd(relay: Relay, *, what: str = "unknown-type", count: int = 1) -> Answer:
    """Emit events that are right, but old, extreme or unknown; oddities.WHAT lists the sorts."""
    notes = [relay.repos.inject(oddities.odd(relay.world, what)) for _ in range(count)]
    return {"seqs": [note.seq for note in notes]}


def seq(relay: Relay, *, by: int | None = None, to: int | None = None, stream: str = "repos") -> Answer:
    """Jump in the sequence. Back: the relay has lost its state; the window and what wasn't sent are gone."""
    feed = relay.feed(stream)
    if (by is None) == (to is None):
        msg = "fault seq takes either by or to"
        raise ValueError(msg)
    feed.go_to(feed.next_seq + by if by is not None else to or 0)
    return {"next_seq": feed.next_seq}


def gap(relay: Relay, *, count: int = 1, stream: str = "repos") -> Answer:
    """Lose events: they happen in the network, but the relay never tells of them."""
    feed = relay.feed(stream)
    feed.skip(count)
    return {"next_seq": feed.next_seq}


def evict(relay: Relay, *, keep: int = 0, stream: str = "repos") -> Answer:
    """Shorten the replay window to its newest events, so that older cursors are outdated."""
    feed = relay.feed(stream)
    feed.window.keep(keep)
    return {"oldest": feed.window.oldest, "lost": feed.window.lost}


def repeat(relay: Relay, *, count: int = 1, stream: str = "repos") -> Answer:
    """Send all readers the newest events a second time."""
    feed = relay.feed(stream)
    window = feed.window
    entries = window.slice(max(window.start, window.end - count), count)
    for reader in feed.readers:
        reader.resend(entries)
    return {"seqs": [entry.seq for entry in entries]}


def too_slow(relay: Relay, *, stream: str = "repos") -> Answer:
    """Tell all readers ConsumerTooSlow and close."""
    return error(relay, error="ConsumerTooSlow", message="Stream consumer too slow", stream=stream)


def error(relay: Relay, *, error: str, message: str = "", stream: str = "repos") -> Answer:
    """Send all readers an error frame and close with 1008."""
    readers = tuple(relay.feed(stream).readers)
    for reader in readers:
        reader.end(frames.error(error, message), code=1008, reason=error)
    return {"readers": len(readers)}


def refuse(
    relay: Relay,
    *,
    endpoint: str = "subscribeRepos",
    status: int = 429,
    times: int | None = 1,
    retry_after: str | None = None,
    html: bool = False,
    location: str | None = None,
    delay: float = 0.0,
) -> Answer:
    """Answer an endpoint's next requests with an HTTP status after a delay; times null: until accept."""
    refusal = Refusal(status, times, retry_after, html, location, delay)
    relay.refusals.add(_endpoint(endpoint), refusal)
    return {"endpoint": endpoint, "status": status}


def accept(relay: Relay, *, endpoint: str = "subscribeRepos") -> Answer:
    """End an endpoint's refusals."""
    relay.refusals.lift(_endpoint(endpoint))
    return {"endpoint": endpoint}


def cursors(
    relay: Relay,
    *,
    profile: str | None = None,
    inclusive: bool | None = None,
    outdated_info: bool | None = None,
    future_error: bool | None = None,
    zero_outdated: bool | None = None,
    stream: str = "repos",
) -> Answer:
    """Read cursors in another way from now on; cursors.CursorRules says what the parts mean."""
    feed = relay.feed(stream)
    if profile is not None and profile not in PROFILES:
        msg = f"unknown profile {profile!r}; known are {', '.join(PROFILES)}"
        raise ValueError(msg)
    given = {
        "inclusive": inclusive,
        "outdated_info": outdated_info,
        "future_error": future_error,
        "zero_outdated": zero_outdated,
    }
    base = feed.rules if profile is None else PROFILES[profile]
    feed.rules = replace(base, **{k: v for k, v in given.items() if v is not None})
    return {"rules": repr(feed.rules)}


def listing(
    relay: Relay,
    *,
    bad: list[int] | None = None,
    times: int | None = None,
    bare: list[int] | None = None,
    repeats: int | None = None,
    loop: int | None = None,
    shrink: int | None = None,
) -> Answer:
    """Let listRepos go wrong; listing.ListingFaults says how. Places count from 0; shrink 0 ends it."""
    state = relay.listing.faults
    if bad is not None:
        state.bad = dict.fromkeys(bad, times)
    if bare is not None:
        state.bare = set(bare)
    state.repeats = state.repeats if repeats is None else repeats
    state.loop = state.loop if loop is None else loop
    state.shrink = state.shrink if shrink is None else shrink or None
    return {"listing": repr(state)}


FAULTS: Mapping[str, Callable[..., Answer]] = {
    f.__name__.replace("_", "-"): f
    for f in (
        cut,
        stall,
        unstall,
        corrupt,
        odd,
        seq,
        gap,
        evict,
        repeat,
        too_slow,
        error,
        refuse,
        accept,
        cursors,
        listing,
    )
}


def _endpoint(name: str) -> str:
    if name not in ENDPOINTS:
        msg = f"unknown endpoint {name!r}; known are {', '.join(ENDPOINTS)}"
        raise ValueError(msg)
    return name
