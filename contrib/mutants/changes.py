# SPDX-License-Identifier: Apache-2.0
"""The small changes that a module can suffer, each in one node of its syntax.

Law: a function of the module's text and of nothing else, in the order of the text. What only people read (docstrings, sentences,
what an exception says), what only mypy reads (annotations, TYPE_CHECKING) and decorators are left alone.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr,
}  # fmt: skip
_SENTENCE = re.compile(r"\w[,:;.]? +[\w(\"]|\w: $|^ \w")
_TYPES_ONLY = frozenset({"TypeVar", "NewType", "cast", "Literal"})


@dataclass(frozen=True)
class Change:
    """Node ``at`` of the module (as ``ast.walk`` counts them) becomes its ``way``-th other form.

    ``old`` and ``new`` are for people. ``line`` is the line that the report names, and ``lines`` are those of which one runs if
    the changed place does. ``is_early``: it runs when the module is imported.
    """

    at: int
    way: int
    line: int
    lines: tuple[int, ...]
    is_early: bool
    old: str
    new: str


class Syntax:
    """A module's syntax, numbered, with the way from each node up."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.nodes = list(ast.walk(self.tree))
        self.above: dict[ast.AST, ast.AST] = {}
        self.field: dict[ast.AST, str] = {}
        for node in self.nodes:
            for field, value in ast.iter_fields(node):
                for below in value if isinstance(value, list) else [value]:
                    if isinstance(below, ast.AST) and not isinstance(below, ast.expr_context | ast.operator | ast.cmpop):
                        self.above[below], self.field[below] = node, field

    def ancestry(self, node: ast.AST) -> Iterator[ast.AST]:
        """``node``, and what it stands in, up to the module."""
        while node is not self.tree:
            yield node
            node = self.above[node]

    def is_left_alone(self, node: ast.AST) -> bool:
        """True if a change here would be seen by people or by mypy alone."""
        for part in self.ancestry(node):
            above, field = self.above[part], self.field[part]
            if field in ("annotation", "returns", "decorator_list", "keywords") and isinstance(
                above, ast.ClassDef | ast.AnnAssign | ast.arg | ast.FunctionDef | ast.AsyncFunctionDef
            ):
                return True
            if field in ("exc", "cause", "msg") and isinstance(above, ast.Raise | ast.Assert):
                return True
            if isinstance(above, ast.If) and ast.unparse(above.test) == "TYPE_CHECKING":
                return True
            if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                return True
            if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) in ("__all__", "TYPE_CHECKING", "__slots__"):
                return True
            if isinstance(part, ast.Call) and ast.unparse(part.func) in _TYPES_ONLY:
                return True
            if isinstance(part, ast.JoinedStr) and any(
                isinstance(v, ast.Constant) and _is_sentence(v.value) for v in part.values
            ):
                return True
            if isinstance(part, ast.Constant) and _is_sentence(part.value) and not _is_pattern(above):
                return True
        return False

    def place_of(self, node: ast.AST) -> tuple[tuple[int, ...], bool]:
        """The lines that are traced when ``node`` runs, and whether that is when the module is imported."""
        parts = list(self.ancestry(node))
        functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        inside = [p for p in parts if isinstance(self.above[p], functions) and self.field[p] == "body"]
        statement = next(part for part in parts if isinstance(part, ast.stmt))
        lines = set(range(node.lineno, node.end_lineno + 1))
        if not hasattr(statement, "body"):
            lines |= set(range(statement.lineno, statement.end_lineno + 1))
        return tuple(sorted(lines)), not inside

    def shown(self, node: ast.AST) -> ast.AST:
        """The smallest part around ``node`` that tells a reader which one it is."""
        for part in self.ancestry(node):
            if not isinstance(part, ast.Constant | ast.Name | ast.Slice | ast.keyword | ast.comprehension | ast.FormattedValue):
                return part
        return node


def changes(text: str) -> list[Change]:
    """All of them."""
    syntax = Syntax(text)
    found = []
    for at, node in enumerate(syntax.nodes):
        if not isinstance(node, ast.expr | ast.stmt) or syntax.is_left_alone(node):
            continue
        lines, is_early = syntax.place_of(node)
        shown = syntax.shown(node)
        for way, other in enumerate(_others(syntax, node)):
            new = _unparse(_put(syntax, shown, node, other))
            found.append(Change(at, way, node.lineno, lines, is_early, _unparse(shown), new))
    return sorted(found, key=lambda change: (change.line, change.at, change.way))


def changed(text: str, change: Change) -> ast.Module:
    """The whole module with ``change`` in it."""
    syntax = Syntax(text)
    node = syntax.nodes[change.at]
    other = list(_others(syntax, node))[change.way]
    _swap(syntax.above[node], node, ast.copy_location(other, node))
    return ast.fix_missing_locations(syntax.tree)


def _others(syntax: Syntax, node: ast.AST) -> Iterator[ast.AST]:
    """What ``node`` may become."""
    above, field = syntax.above[node], syntax.field[node]
    is_condition = field in ("test", "ifs") and isinstance(above, ast.If | ast.While | ast.IfExp | ast.comprehension)
    if is_condition and not _is_negated_below(node):
        yield ast.UnaryOp(ast.Not(), node)
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                ops = [*node.ops]
                ops[index] = COMPARED[type(operator)]()
                yield ast.Compare(node.left, ops, node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
            for index in range(len(node.values)):
                left = node.values[:index] + node.values[index + 1 :]
                yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.UnaryOp(op=ast.USub()):
            yield node.operand
        case ast.BinOp() if type(node.op) in COMPUTED and not isinstance(node.left, ast.Constant | ast.JoinedStr):
            yield ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right)
        case ast.BinOp() if type(node.op) in COMPUTED and not isinstance(node.left, ast.JoinedStr):
            if not isinstance(node.left.value, str):
                yield ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right)
        case ast.AugAssign() if type(node.op) in COMPUTED:
            yield ast.AugAssign(node.target, COMPUTED[type(node.op)](), node.value)
            yield ast.Pass()
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant("" if value else "other")
        case ast.Constant(value=bytes(value)):
            yield ast.Constant(b"" if value else b"other")
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.Delete() | ast.Continue() | ast.Break() | ast.Assert():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Slice():
            if node.lower is not None:
                yield ast.Slice(None, node.upper, node.step)
            if node.upper is not None:
                yield ast.Slice(node.lower, None, node.step)


def _is_negated_below(node: ast.AST) -> bool:
    """True for what becomes its contrary by the changes of its own."""
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and _SENTENCE.search(value) is not None


def _is_pattern(node: ast.AST) -> bool:
    """True for what is compared or handed to ``re``: blanks or not, a program reads it."""
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."))


def _put(syntax: Syntax, whole: ast.AST, node: ast.AST, other: ast.AST) -> ast.AST:
    """A copy of ``whole`` with ``other`` in the place of ``node``."""
    if whole is node:
        return other
    copied: dict[int, object] = {}
    twin = copy.deepcopy(whole, copied)
    _swap(copied[id(syntax.above[node])], copied[id(node)], other)
    return twin


def _swap(above: ast.AST, node: ast.AST, other: ast.AST) -> None:
    for field, value in ast.iter_fields(above):
        if value is node:
            setattr(above, field, other)
        elif isinstance(value, list) and any(item is node for item in value):
            setattr(above, field, [other if item is node else item for item in value])


def _unparse(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
