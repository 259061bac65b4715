# SPDX-License-Identifier: Apache-2.0
"""Reads the syntax tree of a CEL expression from the compiler's bytes.

Law: the bytes are a message ``cel.expr.ParsedExpr`` or ``cel.expr.CheckedExpr`` in the encoding of protocol buffers
(https://github.com/google/cel-spec, ``proto/cel/expr``; https://protobuf.dev/programming-guides/encoding). The field numbers are
written in the code that reads the fields. If the bytes are not such a message, the functions raise ValueError, and never return
an empty tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Fields = list[tuple[int, int | bytes]]
_PARSED, _CHECKED = b"type.googleapis.com/cel.expr.ParsedExpr", b"type.googleapis.com/cel.expr.CheckedExpr"


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree. ``kind`` is ``const``, ``ident``, ``select``, ``call``, ``list``, ``struct`` or ``loop``.

    ``id`` is the number of the node in the table of positions. ``name`` is the identifier, the selected field, the called
    function or the loop's variable. ``text`` is the value if the node is a text constant, otherwise None. ``is_test`` is True
    for ``has()``. ``children`` contains all expressions inside the node. If a method of an object is called, the first child is
    this object.
    """

    id: int
    kind: str
    name: str = ""
    text: str | None = None
    is_test: bool = False
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """A syntax tree. ``root`` is the expression. ``source`` is the message that contains the positions of the nodes."""

    root: Node
    source: bytes

    def walk(self) -> Iterator[tuple[Node, int]]:
        """Yield each node and the number of loops around it. The list over which a loop runs is outside of it."""
        waiting = [(self.root, 0)]
        while waiting:
            node, depth = waiting.pop()
            yield node, depth
            inner = depth + (node.kind == "loop")
            waiting += [(child, inner if at else depth) for at, child in enumerate(node.children)]

    def offset_of(self, node: Node) -> int:
        """Return the position of ``node``, in characters from the beginning. Return 0 if the position is not known."""
        return dict(_pair(value) for number, value in _fields(self.source) if number == 4).get(node.id, 0)


def read_tree(serialized: bytes) -> Tree:
    """Return the tree of an expression that was parsed but not type-checked. Raises ValueError."""
    fields = dict(_inner(serialized, _PARSED))
    return Tree(_node(_bytes(fields.get(2))), _bytes(fields.get(3, b"")))


def read_resolved(serialized: bytes) -> frozenset[str]:
    """Return the names in an expression that the type checker has resolved to declared names. Raises ValueError."""
    entries = (dict(_fields(_bytes(value))) for number, value in _inner(serialized, _CHECKED) if number == 2)
    references = (dict(_fields(_bytes(entry.get(2, b"")))) for entry in entries)
    return frozenset(_bytes(reference[1]).decode() for reference in references if 1 in reference)


def _inner(serialized: bytes, kind: bytes) -> Fields:
    """Return the fields of the message in ``serialized``. Raises ValueError if its type is not ``kind``."""
    outer = dict(_fields(serialized))
    if outer.get(1) != kind:
        raise ValueError("the message is of another kind")
    return _fields(_bytes(outer.get(2)))


# --- the nodes -------------------------------------------------------------------------------------------------------


def _node(message: bytes) -> Node:
    id = 0
    for number, value in _fields(message):
        if number == 2 and isinstance(value, int):
            id = value
        elif number in _KINDS:
            return _KINDS[number](id, _fields(_bytes(value)))
    return Node(id, "const")  # an empty message is a constant with the default value


def _const(id: int, fields: Fields) -> Node:
    texts = [_bytes(value).decode() for number, value in fields if number == 6]
    return Node(id, "const", text=texts[0] if texts else None)


def _ident(id: int, fields: Fields) -> Node:
    return Node(id, "ident", _text(fields, 1))


def _select(id: int, fields: Fields) -> Node:
    return Node(id, "select", _text(fields, 2), is_test=bool(dict(fields).get(3)), children=_children(fields, 1))


def _call(id: int, fields: Fields) -> Node:
    return Node(id, "call", _text(fields, 2), children=_children(fields, 1) + _children(fields, 3))


def _list(id: int, fields: Fields) -> Node:
    return Node(id, "list", children=_children(fields, 1))


def _struct(id: int, fields: Fields) -> Node:
    entries = [_fields(_bytes(value)) for number, value in fields if number == 2]
    return Node(id, "struct", _text(fields, 1), children=tuple(c for e in entries for c in _children(e, 3) + _children(e, 4)))


def _loop(id: int, fields: Fields) -> Node:
    children = tuple(child for number in (2, 4, 5, 6, 7) for child in _children(fields, number))
    return Node(id, "loop", " ".join(filter(None, (_text(fields, 1), _text(fields, 8)))), children=children)


_KINDS = {3: _const, 4: _ident, 5: _select, 6: _call, 7: _list, 8: _struct, 9: _loop}


def _children(fields: Fields, wanted: int) -> tuple[Node, ...]:
    return tuple(_node(_bytes(value)) for number, value in fields if number == wanted)


def _text(fields: Fields, number: int) -> str:
    return _bytes(dict(fields).get(number, b"")).decode()


def _pair(value: int | bytes) -> tuple[int, int]:
    pair = dict(_fields(_bytes(value)))
    key, offset = pair.get(1, 0), pair.get(2, 0)
    if not isinstance(key, int) or not isinstance(offset, int):
        raise ValueError("a position is not a number")
    return key, offset


# --- the encoding ----------------------------------------------------------------------------------------------------


def _bytes(value: int | bytes | None) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field is missing, or is neither text nor a message")
    return value


def _fields(message: bytes) -> Fields:
    """Return the fields of ``message`` in order. Each field has a field number and a value (a number or bytes)."""
    found: Fields = []
    at = 0
    while at < len(message):
        tag, at = (message[at], at + 1) if message[at] < 128 else _number(message, at)
        match tag & 7:
            case 0:
                value, at = _number(message, at)
                found.append((tag >> 3, value))
                continue
            case 1:
                size = 8
            case 2:
                size, at = _number(message, at)
            case 5:
                size = 4
            case _:
                raise ValueError("a field has an unknown type")
        if at + size > len(message):
            raise ValueError("a field ends beyond the message")
        found.append((tag >> 3, message[at : at + size]))
        at += size
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Return the number at ``at``, which has seven bits in each byte, and the position after it."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
    raise ValueError("a number does not end")
