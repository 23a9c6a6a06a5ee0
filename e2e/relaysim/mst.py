"""The Merkle search tree of a repository: an immutable tree whose shape depends on its content alone.

The layer of a key is the number of leading zero bits of its SHA-256, in pairs. Each edit returns a new
root, which shares every unchanged node with the old one. Spec: https://atproto.com/specs/repository#mst-structure
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from e2e.relaysim import dagcbor
from e2e.relaysim.car import Block
from e2e.relaysim.cid import Cid


def key_layer(key: bytes) -> int:
    """Leading zero bits of the key's SHA-256, counted in pairs (fanout 4)."""
    digest = int.from_bytes(hashlib.sha256(key).digest())
    return (256 - digest.bit_length()) // 2


def common_prefix(left: bytes, right: bytes) -> int:
    """The length of the longest common prefix of two keys, in bytes."""
    size = min(len(left), len(right))
    return next((i for i in range(size) if left[i] != right[i]), size)


@dataclass(slots=True, eq=False)
class Node:
    """A node: n sorted keys, their n values, and n + 1 subtrees around them, each one layer below."""

    layer: int
    keys: tuple[bytes, ...] = ()
    values: tuple[Cid, ...] = ()
    children: tuple["Node | None", ...] = (None,)
    _block: Block | None = field(default=None, repr=False)

    @property
    def block(self) -> Block:
        """The CID and the bytes of the node; encoded once."""
        if self._block is None:
            data = dagcbor.encode(self._data())
            self._block = (Cid.of(data), data)
        return self._block

    @property
    def cid(self) -> Cid:
        """The CID of the node. That of the root is the ``data`` of a commit."""
        return self.block[0]

    def _data(self) -> dict[str, object]:
        links = [child and child.cid for child in self.children]
        entries = []
        previous = b""
        for key, value, right in zip(self.keys, self.values, links[1:], strict=True):
            shared = common_prefix(previous, key)
            entries.append({"p": shared, "k": key[shared:], "v": value, "t": right})
            previous = key
        return {"l": links[0], "e": entries}


EMPTY = Node(0)


def get(node: Node | None, key: bytes) -> Cid | None:
    """The value of a key; None if the tree doesn't hold it."""
    while node is not None:
        i, found = _find(node, key)
        if found:
            return node.values[i]
        node = node.children[i]
    return None


def put(root: Node, key: bytes, value: Cid) -> Node:
    """A tree in which the key has this value."""
    return _put(root, key, value, key_layer(key))


def delete(root: Node, key: bytes) -> Node:
    """A tree without the key; ``KeyError`` if it isn't there."""
    top = _delete(root, key)
    while top and not top.keys and top.children[0]:
        top = top.children[0]
    return top or EMPTY


def walk(node: Node | None) -> Iterator[tuple[bytes, Cid]]:
    """All keys and values, in order."""
    if node is None:
        return
    yield from walk(node.children[0])
    for key, value, child in zip(node.keys, node.values, node.children[1:], strict=True):
        yield key, value
        yield from walk(child)


def nodes(node: Node | None) -> Iterator[Node]:
    """All nodes, parents before children."""
    if node is not None:
        yield node
        for child in node.children:
            yield from nodes(child)


def new_nodes(after: Node, before: Node) -> Iterator[Node]:
    """The nodes of the tree ``after`` that the tree ``before`` doesn't hold."""
    known = {n.cid for n in nodes(before)} if before is not after else {after.cid}
    return _unknown(after, known)


def proof(node: Node | None, key: bytes) -> Iterator[Node]:
    """The nodes that are needed to undo an edit of the key: its path and those of both its neighbours."""
    while node is not None:
        yield node
        i, found = _find(node, key)
        if found:
            yield from _spine(node.children[i], -1)
            yield from _spine(node.children[i + 1], 0)
            return
        node = node.children[i]


def _spine(node: Node | None, side: int) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.children[side]


def _unknown(node: Node, known: set[Cid]) -> Iterator[Node]:
    if node.cid not in known:
        yield node
        for child in node.children:
            if child:
                yield from _unknown(child, known)


def _find(node: Node, key: bytes) -> tuple[int, bool]:
    i = bisect_left(node.keys, key)
    return i, i < len(node.keys) and node.keys[i] == key


def _put(node: Node | None, key: bytes, value: Cid, layer: int) -> Node:
    if node is None or (not node.keys and node.children == (None,)):
        return Node(layer, (key,), (value,), (None, None))
    if layer > node.layer:
        halves = tuple(_lift(half, layer - 1) for half in _split(node, key))
        return Node(layer, (key,), (value,), halves)
    i, found = _find(node, key)
    if found:
        values = (*node.values[:i], value, *node.values[i + 1 :])
        return Node(node.layer, node.keys, values, node.children)
    keys, values, middle = node.keys, node.values, node.children[i]
    if layer == node.layer:
        keys = (*keys[:i], key, *keys[i:])
        values = (*values[:i], value, *values[i:])
        replaced = _split(middle, key)
    else:
        replaced = (_lift(_put(middle, key, value, layer), node.layer - 1),)
    return Node(node.layer, keys, values, (*node.children[:i], *replaced, *node.children[i + 1 :]))


def _delete(node: Node | None, key: bytes) -> Node | None:
    if node is None:
        raise KeyError(key)
    i, found = _find(node, key)
    if found:
        keys = node.keys[:i] + node.keys[i + 1 :]
        values = node.values[:i] + node.values[i + 1 :]
        joined, rest = _merge(node.children[i], node.children[i + 1]), node.children[i + 2 :]
    else:
        keys, values = node.keys, node.values
        joined, rest = _delete(node.children[i], key), node.children[i + 1 :]
    return _unless_empty(Node(node.layer, keys, values, (*node.children[:i], joined, *rest)))


def _split(node: Node | None, key: bytes) -> tuple[Node | None, ...]:
    """The subtree left of the key and the subtree right of it."""
    if node is None:
        return None, None
    i = bisect_left(node.keys, key)
    inner_left, inner_right = _split(node.children[i], key)
    left = Node(node.layer, node.keys[:i], node.values[:i], (*node.children[:i], inner_left))
    right = Node(node.layer, node.keys[i:], node.values[i:], (inner_right, *node.children[i + 1 :]))
    return _unless_empty(left), _unless_empty(right)


def _merge(left: Node | None, right: Node | None) -> Node | None:
    if left is None or right is None:
        return left or right
    seam = _merge(left.children[-1], right.children[0])
    return Node(
        left.layer,
        left.keys + right.keys,
        left.values + right.values,
        (*left.children[:-1], seam, *right.children[1:]),
    )


def _lift(node: Node | None, layer: int) -> Node | None:
    """Put nodes without keys on top until the layer is reached, for links never skip a layer."""
    while node and node.layer < layer:
        node = Node(node.layer + 1, (), (), (node,))
    return node


def _unless_empty(node: Node) -> Node | None:
    return None if not node.keys and node.children == (None,) else node
