"""Records: typical ones of five collections, and rare ones with every value that the data model allows.

Lexicons: app.bsky.feed.post, .like, app.bsky.graph.follow, app.bsky.actor.profile,
chat.bsky.actor.declaration; and one collection of another application, which Sluice leaves out by default.
"""

import random
from typing import Any, Final

from e2e.relaysim.cid import RAW, Cid
from e2e.relaysim.repo import Record

POST: Final = "app.bsky.feed.post"
LIKE: Final = "app.bsky.feed.like"
FOLLOW: Final = "app.bsky.graph.follow"
PROFILE: Final = "app.bsky.actor.profile"
CHAT: Final = "chat.bsky.actor.declaration"
OTHER: Final = "com.whtwnd.blog.entry"

SINGLETONS: Final = (PROFILE, CHAT)

_WORDS: Final = (
    *("der", "Fluss", "steigt", "rápido", "water", "over", "the", "sluice", "naïve", "done"),
    *("水位", "🌊", "café", "cafe\u0301", "рано", "утром"),
)
_RARE_FIELDS: Final[tuple[dict[str, Any], ...]] = (
    {"checksum": bytes(range(32))},
    {"empty": b"", "nothing": None, "list": [], "map": {}},
    {"large": 2**53 - 1, "low": -(2**53) + 1, "zero": 0},
    {"ratio": 1.5},
    {"text\u0000": "a\u0000b"},
    {"deep": [[[[[{"a": [None, True, False, "\U0001f600"]}]]]]]},
    {"b": 1, "a": 2, "aa": 3, "ß": 4},
)

Ref = tuple[str, Cid]


def blob(rng: random.Random) -> dict[str, Any]:
    """A reference to an uploaded file. The file itself is never on the firehose."""
    return {
        "$type": "blob",
        "ref": Cid.of(rng.randbytes(16), codec=RAW),
        "mimeType": rng.choice(("image/jpeg", "image/png")),
        "size": rng.randrange(2_000, 1_000_000),
    }


def post(rng: random.Random, created_at: str, reply_to: Ref | None) -> Record:
    """A post: text, sometimes a language, a reply, pictures, a link facet."""
    text = " ".join(rng.choices(_WORDS, k=rng.randrange(2, 30)))
    record: dict[str, Any] = {"$type": POST, "text": text, "createdAt": created_at}
    if rng.random() < 0.7:
        record["langs"] = [rng.choice(("en", "de", "ja", "pt-BR"))]
    if reply_to and rng.random() < 0.4:
        record["reply"] = {"root": strong_ref(reply_to), "parent": strong_ref(reply_to)}
    if rng.random() < 0.2:
        images = [{"alt": rng.choice(_WORDS), "image": blob(rng)} for _ in range(rng.randrange(1, 5))]
        record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
    if rng.random() < 0.1:
        link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/"}
        record["facets"] = [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [link]}]
    if rng.random() < 0.02:
        record |= rng.choice(_RARE_FIELDS)
    return record


def like(subject: Ref, created_at: str) -> Record:
    """A like of a post."""
    return {"$type": LIKE, "subject": strong_ref(subject), "createdAt": created_at}


def follow(did: str, created_at: str) -> Record:
    """A follow of another account."""
    return {"$type": FOLLOW, "subject": did, "createdAt": created_at}


def profile(rng: random.Random, created_at: str) -> Record:
    """An account's profile."""
    return {
        "$type": PROFILE,
        "displayName": rng.choice(_WORDS),
        "description": " ".join(rng.choices(_WORDS, k=8)),
        "avatar": blob(rng),
        "createdAt": created_at,
    }


def declaration(rng: random.Random) -> Record:
    """Who may start a conversation with the account."""
    return {"$type": CHAT, "allowIncoming": rng.choice(("all", "none", "following"))}


def blog_entry(rng: random.Random, created_at: str) -> Record:
    """A record of another application."""
    content = " ".join(rng.choices(_WORDS, k=rng.randrange(20, 200)))
    return {"$type": OTHER, "title": rng.choice(_WORDS), "content": content, "createdAt": created_at}


def strong_ref(ref: Ref) -> dict[str, str]:
    """com.atproto.repo.strongRef."""
    return {"uri": ref[0], "cid": str(ref[1])}
