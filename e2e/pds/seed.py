"""Fills a PDS with records of every kind of value, and with accounts that change in every way."""

from e2e.pds.client import Client, Json
from e2e.pds.journal import Journal, Write

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
FOLLOW = "app.bsky.graph.follow"
PROFILE = "app.bsky.actor.profile"
SAMPLE = "com.example.sample"  # no lexicon of the server's: any data is welcome

NOW = "2026-11-24T12:00:00.000Z"
LARGEST_INTEGER = 2**53 - 1
MOST_WRITES = 200  # in one commit, by the lexicon of #commit

# The smallest PNG: one transparent pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c636460606000000000050001a5f645400000000049454e44ae426082"
)

TEXTS = (
    "plain",
    "Grüße, 世界! 👩🏽‍🚀 e\u0301 ≠ é",
    'quotes " and \\ and / and </script>',
    "lines\nand\ttabs\r\n\u2028\u2029 and controls \u0001\u001f\u007f",
    "\u0000 within \u0000",
    "\u202eright to left\u202c, \ufeff and \U0010ffff",
    "",
)


def post(text: str, **fields: object) -> Json:
    """A record of app.bsky.feed.post."""
    return {"$type": POST, "text": text, "createdAt": NOW} | fields


def seed(client: Client) -> Journal:
    """Create, rename, deactivate and activate accounts; create, change and delete records."""
    journal = Journal(client=client)
    alice = journal.create_account("alice.test")
    bob = journal.create_account("bob.test")

    journal.put(alice, PROFILE, "self", {"$type": PROFILE, "displayName": "Alice"})
    journal.put(alice, PROFILE, "self", {"$type": PROFILE, "displayName": "Alice 🦋", "description": ""})
    journal.put(alice, PROFILE, "self", {"$type": PROFILE, "displayName": "Alice 🦋", "description": ""})

    first, *_ = [journal.create(alice, POST, post(text)) for text in TEXTS]
    reply = journal.create(bob, POST, post("a reply", reply={"root": first, "parent": first}))
    journal.create(bob, LIKE, {"$type": LIKE, "subject": first, "createdAt": NOW})
    follow = journal.create(bob, FOLLOW, {"$type": FOLLOW, "subject": alice.did, "createdAt": NOW})
    journal.delete(bob, FOLLOW, follow["uri"].rsplit("/", 1)[1])

    picture = client.upload_blob(alice, PNG, mime_type="image/png")
    images = {"$type": "app.bsky.embed.images", "images": [{"alt": "one pixel", "image": picture}]}
    journal.create(alice, POST, post("with a picture", embed=images))

    journal.update_handle(bob, "robert.test")
    for rkey, record in samples(link=reply["cid"]).items():
        journal.put(bob, SAMPLE, rkey, record)
    journal.commit(
        alice,
        Write(collection=SAMPLE, rkey="kept", record={"$type": SAMPLE, "n": 1}),
        Write(collection=SAMPLE, rkey="gone", record={"$type": SAMPLE, "n": 2}),
        Write(collection=POST, record=post("in one commit with the others")),
    )
    journal.commit(
        alice,
        Write(collection=SAMPLE, rkey="gone"),
        Write(collection=SAMPLE, rkey="kept", record={"$type": SAMPLE, "n": 3}),
        Write(collection=SAMPLE, rkey="third", record={"$type": SAMPLE, "n": 4}),
    )
    journal.commit(bob, *many(MOST_WRITES))

    journal.deactivate(bob)
    journal.activate(bob, handle="robert.test")
    journal.create(bob, POST, post("back again"))
    return journal


def samples(*, link: str) -> dict[str, Json]:
    """Records of every kind of value of the data model, by record key."""
    return {
        "values": {
            "$type": SAMPLE,
            "null": None,
            "true": True,
            "false": False,
            "integers": [0, -1, LARGEST_INTEGER, -LARGEST_INTEGER],
            "empty": [{}, [], ""],
            "nested": {"a": [{"b": [[1], [[2]]]}]},
            "keys": {"b": 1, "aa": 2, "ä": 3, "🔑": 4, "": 5},
        },
        "bytes": {"$type": SAMPLE, "bytes": [{"$bytes": ""}, {"$bytes": "AA"}, {"$bytes": "+/8AAQID"}]},
        "links": {
            "$type": SAMPLE,
            "link": {"$link": link},
            "all": [{"$link": link}, {"of": {"$link": link}}],
        },
        # A record key may hold all of these.
        "a.b-c_d:e~f": {"$type": SAMPLE},
        "large": {"$type": SAMPLE, "text": "é" * 50_000},
    }


def many(count: int) -> list[Write]:
    """So many creations of records, for one commit."""
    return [
        Write(collection=SAMPLE, rkey=f"many-{number:03d}", record={"$type": SAMPLE, "n": number})
        for number in range(count)
    ]
