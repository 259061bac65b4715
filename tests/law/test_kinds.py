# SPDX-License-Identifier: Apache-2.0
"""What a request is for is asked by a ``match`` on ``Command.what``, in which mypy finds the kind that is missing. What is asked
in another way leaves a new kind to chance. It is counted, and becomes less.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from types import UnionType
from typing import Any, get_args, get_type_hints

from jitd.core.what import What
from jitpam.wire.rows import Command
from tests.law.tree import MODULES, Module


def names_in(kinds: UnionType) -> frozenset[str]:
    return frozenset(kind.__name__ for kind in get_args(kinds))


property_of_rows: Any = Command.what
KINDS, OF_ROWS = names_in(What), names_in(get_type_hints(property_of_rows.fget)["return"])
FIELDS = {"gives", "edit", "edits", "makes", "removes", "doubt"}
HOME = {"jitd.core.command", "jitd.core.what"}
MOST = 32
"""If fewer are left, write their number here. It never grows."""


def _is_command(node: ast.AST) -> bool:
    return ast.unparse(node).rpartition(".")[2] == "command"


def _is_what(node: ast.AST) -> bool:
    return ast.unparse(node).rpartition(".")[2] == "what"


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def kinds_of(module: Module) -> Set[str]:
    """Those that ``module`` meets: who reads rows meets theirs."""
    return OF_ROWS if module.name.startswith(("jitd.cli.", "jitd_board.", "jitd_fleet.", "jitpam.")) else KINDS


def asked_by_chance(nodes: Iterable[ast.AST], all_kinds: Set[str] = KINDS) -> Iterator[str]:
    """Each of ``nodes`` that asks by a field of the command, by ``isinstance``, or by a ``match`` that names only some kinds."""
    for node in nodes:
        match node:
            case ast.Attribute(value=whose, attr=field) if field in FIELDS and _is_command(whose):
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id="isinstance"), args=[whose, kinds]) if _is_what(whose) and _names(kinds) & all_kinds:
                yield ast.unparse(node)
            case ast.Match(subject=whose) if _is_what(whose) and 0 < len(_names(node) & all_kinds) < len(all_kinds):
                yield f"match {ast.unparse(whose)}"


def test_no_more_places_leave_a_new_kind_of_request_to_chance_than_before() -> None:
    found = {
        module.name: asked
        for module in MODULES
        if module.name not in HOME and (asked := list(asked_by_chance(module.nodes, kinds_of(module))))
    }
    assert sum(map(len, found.values())) <= MOST, f"match on what instead: {found}"


def test_the_law_sees_such_a_place() -> None:
    kinds = " | ".join(f"{kind}()" for kind in sorted(KINDS))
    asks = "asked.command.gives", "if command.edit: pass", "isinstance(command.what, Edit)", "match what:\n    case Edit(): pass"
    fine = (
        "rule.gives",
        "job.edit",
        "isinstance(what, list)",
        "match what:\n    case 'all': pass",
        f"match command.what:\n    case {kinds}: pass",
    )
    assert [len(list(asked_by_chance(ast.walk(ast.parse(text))))) for text in (*asks, *fine)] == [1] * 4 + [0] * 5
