"""Properties of the Merkle search tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.relaysim import mst
from e2e.relaysim.cid import Cid

paths = st.integers(0, 400).map(lambda n: f"com.example.record/{n}".encode())
contents = st.dictionaries(paths, st.binary(min_size=1, max_size=2).map(Cid.of), max_size=60)


def build(content: dict[bytes, Cid]) -> mst.Node:
    tree = mst.EMPTY
    for key, value in content.items():
        tree = mst.put(tree, key, value)
    return tree


@given(contents, st.randoms(use_true_random=False))
def test_shape_depends_on_content_alone(content: dict[bytes, Cid], rng: object) -> None:
    keys = list(content)
    rng.shuffle(keys)  # type: ignore[attr-defined]
    tree = build({key: content[key] for key in keys})
    assert tree.cid == build(dict(sorted(content.items()))).cid
    assert list(mst.walk(tree)) == sorted(content.items())


@given(contents, contents)
def test_edits_can_be_undone(content: dict[bytes, Cid], other: dict[bytes, Cid]) -> None:
    tree = before = build(content)
    for key, value in other.items():
        tree = mst.put(tree, key, value)
    for key in other:
        tree = mst.put(tree, key, content[key]) if key in content else mst.delete(tree, key)
    assert tree.cid == before.cid
    assert all(mst.get(tree, key) == content.get(key) for key in other)


@given(contents)
def test_links_skip_no_layer(content: dict[bytes, Cid]) -> None:
    for node in mst.nodes(build(content)):
        assert all(mst.key_layer(key) == node.layer for key in node.keys)
        assert all(child.layer == node.layer - 1 for child in node.children if child)


def test_what_is_not_there_cannot_be_deleted() -> None:
    tree = build({b"com.example.record/1": Cid.of(b"a")})
    with pytest.raises(KeyError):
        mst.delete(tree, b"com.example.record/2")
    with pytest.raises(KeyError):
        mst.delete(mst.EMPTY, b"com.example.record/2")


def test_deleting_everything_leaves_the_empty_tree() -> None:
    keys = [f"com.example.record/{n}".encode() for n in range(50)]
    tree = build(dict.fromkeys(keys, Cid.of(b"a")))
    for key in keys:
        tree = mst.delete(tree, key)
    assert tree.cid == mst.EMPTY.cid
