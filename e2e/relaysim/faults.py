"""The faults that can be injected, by name. The keyword arguments of a function are the parameters."""

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


def inject(relay: Relay, name: str, params: Mapping[str, Any]) -> Answer:
    """Inject a fault and return what it did. ``ValueError`` names the known faults, or the parameters."""
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
    """Every fault, with what it does and the defaults of its parameters."""
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
    """End all connections. how: abort (TCP reset), in-frame (in the middle of a frame), close (properly)."""
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
    """Keep all connections open, but send nothing and answer no ping. New connections are served."""
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
    """Emit events that can't be decoded, or only in part. damage.HOW lists the ways."""
    notes = [relay.repos.emit_event(damage.damaged(relay.network, how)) for _ in range(count)]
    return {"seqs": [note.seq for note in notes]}


def odd(relay: Relay, *, what: str = "unknown-type", count: int = 1) -> Answer:
    """Emit events that are valid but old, very large, rare or unknown. oddities.WHAT lists the sorts."""
    notes = [relay.repos.emit_event(oddities.odd(relay.network, what)) for _ in range(count)]
    return {"seqs": [note.seq for note in notes]}


def seq(relay: Relay, *, by: int | None = None, to: int | None = None, stream: str = "repos") -> Answer:
    """Jump in the sequence. After a jump back the window is empty, and what was not sent is lost."""
    feed = relay.feed(stream)
    if (by is None) == (to is None):
        msg = "fault seq takes either by or to"
        raise ValueError(msg)
    feed.go_to(feed.next_seq + by if by is not None else to or 0)
    return {"next_seq": feed.next_seq}


def gap(relay: Relay, *, count: int = 1, stream: str = "repos") -> Answer:
    """Lose events: they happen in the network, but the relay never emits them."""
    feed = relay.feed(stream)
    feed.skip(count)
    return {"next_seq": feed.next_seq}


def evict(relay: Relay, *, keep: int = 0, stream: str = "repos") -> Answer:
    """Evict all but the newest events from the replay window, so that older cursors are outdated."""
    feed = relay.feed(stream)
    feed.window.keep(keep)
    return {"oldest": feed.window.oldest, "lost": feed.window.lost}


def repeat(relay: Relay, *, count: int = 1, stream: str = "repos") -> Answer:
    """Send the newest events to all readers again."""
    feed = relay.feed(stream)
    window = feed.window
    notes = window.slice(max(window.start, window.end - count), count)
    for reader in feed.readers:
        reader.resend(notes)
    return {"seqs": [note.seq for note in notes]}


def too_slow(relay: Relay, *, stream: str = "repos") -> Answer:
    """Send the error ConsumerTooSlow to all readers and close."""
    return error(relay, error="ConsumerTooSlow", message="Stream consumer too slow", stream=stream)


def error(relay: Relay, *, error: str, message: str = "", stream: str = "repos") -> Answer:
    """Send an error frame to all readers and close with code 1008."""
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
    """Answer the next requests to an endpoint with an HTTP status, after a delay. times null: until accept."""
    refusal = Refusal(status, times, retry_after, html, location, delay)
    relay.refusals.add(_endpoint(endpoint), refusal)
    return {"endpoint": endpoint, "status": status}


def accept(relay: Relay, *, endpoint: str = "subscribeRepos") -> Answer:
    """End the refusals of an endpoint."""
    relay.refusals.remove(_endpoint(endpoint))
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
    """Read cursors by other rules from now on. cursors.CursorRules explains them."""
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
    """Set the faults of listRepos. listing.ListingFaults explains them. shrink 0 ends that one."""
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
