# SPDX-License-Identifier: Apache-2.0
"""The end of a connection answers what depends on how a client has come (``jitd.server.peer``, ``jitd.server.visit``), or comes
(``jitpam.carrier``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set

from tests.law.tree import MODULES, imports

HOME = {
    **dict.fromkeys(("LAW", "DOOR"), "jitpam.wire.conversation"),
    "Peer": "jitd.server.peer",
    "Visit": "jitd.server.visit",
    "AtTheDoor": "jitpam.carrier",
}
"""The tables and the classes of the ends, and where each is."""


def questions(nodes: Iterable[ast.AST], ends: Set[str] = HOME.keys()) -> Iterator[str]:
    """Each of ``nodes`` that asks which of ``ends`` something is."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, asked]):
                parts = [asked]
            case ast.MatchClass(cls=cls):
                parts = [cls]
            case ast.Compare(ops=[ast.Is() | ast.IsNot() | ast.Eq() | ast.NotEq(), *_]):
                parts = [node.left, *node.comparators]
            case _:
                continue
        below = [one for part in parts for one in ast.walk(part)]
        named = {one.id if isinstance(one, ast.Name) else one.attr for one in below if isinstance(one, ast.Name | ast.Attribute)}
        if named & ends:
            yield ast.unparse(node)


def test_nobody_asks_which_end_a_connection_has() -> None:
    asked = {
        (module.place, question)
        for module in MODULES
        for question in questions(
            module.nodes, {name for name, home in HOME.items() if module.name == home or f"{home}.{name}" in imports(module)}
        )
    }
    assert asked == set()


def test_the_law_sees_a_question() -> None:
    asks = "isinstance(end, Visit)", "isinstance(end, visit.Visit | None)", "law is DOOR", "talk.law != conversation.LAW"
    fine = "isinstance(message, Stamp)", "DOOR['ready']", "Peer(sock, uid, pid)", "uid != 0"
    assert [len(list(questions(ast.walk(ast.parse(text))))) for text in (*asks, *fine)] == [1] * 4 + [0] * 4
    assert list(questions(ast.walk(ast.parse("match end:\n    case Visit():\n        pass"))))
