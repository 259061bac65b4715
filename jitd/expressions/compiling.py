# SPDX-License-Identifier: Apache-2.0
"""Compiles ``when`` of a rule into a condition of the core. ``when`` is an expression in CEL (https://cel.dev).

Law: all names have declared types, and the type of the expression is bool. If a type is wrong, a fault is reported when the
policy is loaded. The names that an expression uses are taken from its syntax tree. CEL gets a value only if the value has the
declared type. The condition is true only if CEL returns the boolean true. CEL returns an error as an object that Python treats as
true. Therefore the type of the result is checked first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from cel_expr_python import cel

from jitd.core.facts import Value
from jitd.core.names import NAMES, ROOTS, Name, fault_in
from jitd.core.naming import AS_WRITTEN, Naming
from jitd.core.when import BadExpression, ExpressionFault, When, WhenFailed
from jitd.expressions.parse import Node, Tree, read_resolved, read_tree
from jitd.expressions.patterns import MOST_STEPS, MOST_STEPS_IN_LOOP, fault_in_pattern, steps_of

MOST_BYTES = 4096  # bytes of an expression
MOST_IN_LOOP = 2**20
"""Maximum number of characters that a loop may examine. As an estimate, jitd multiplies the number of members of the longest
list by the number of characters of the longest text. CEL copies each text that it examines, and keeps all copies until the
evaluation ends. During the evaluation, no other thread of the daemon runs.
"""
_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "timestamp": cel.Type.TIMESTAMP,
    "list": cel.Type.List(cel.Type.STRING),
}
GROUPS = "subject.groups"
_RESULT = "@result"  # the compiler's name for the list of map() and filter(), which authors cannot write
_FAULT = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)


def compile_when(text: str, names: Mapping[str, Name] = NAMES, naming: Naming = AS_WRITTEN) -> When:
    """Return the condition of ``text`` over ``names``, with principals spelled by ``naming``. Raises BadExpression."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise BadExpression([ExpressionFault(f"it is longer than {MOST_BYTES} bytes")])
    if odd := re.search("[^ -~\t\n\r\u00a0-\ud7ff\ue000-\U0010ffff]", text):
        line, column = _place(text, odd.start())
        raise BadExpression([ExpressionFault("it holds a control character", line, column)])
    environment = _environment(tuple(sorted((name, told.type) for name, told in names.items())))
    try:
        tree = read_tree(environment.compile(text, disable_check=True).serialize())
        if faults := _faults_in(tree, text, naming):
            raise BadExpression(faults)
        compiled = environment.compile(text)
        resolved = read_resolved(compiled.serialize())
    except (RuntimeError, ValueError) as error:
        raise BadExpression(_faults_of(str(error))) from None
    if compiled.return_type() != cel.Type.BOOL:
        said = compiled.return_type().name().lower()
        raise BadExpression([ExpressionFault(f"it must be true or false, and is of type {said}")])
    used = {name for name in (_name_at(node) for node, _ in tree.walk()) if name in names} | resolved & names.keys()
    has_loop = any(node.kind == "loop" for node, _ in tree.walk())
    evaluation = _Evaluation(compiled, {name: names[name].type for name in used}, has_loop=has_loop)
    groups, needs_all = _groups_in(tree) if GROUPS in used else (frozenset[str](), False)
    return When(text, frozenset(used), evaluation, groups, needs_all)


@lru_cache(maxsize=8)
def _environment(types: tuple[tuple[str, str], ...]) -> cel.Env:
    return cel.NewEnv(variables={name: _TYPES[type] for name, type in types})


# --- faults ----------------------------------------------------------------------------------------------------------


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _faults_of(message: str) -> list[ExpressionFault]:
    """If a message of the compiler is hard to understand, a clearer message replaces it."""
    found = []
    for line, column, told in _FAULT.findall(message):
        told = re.sub(r"^Syntax error: ", "", told)
        told = re.sub(r" \(in container '.*'\)$", "", told)
        if match := re.fullmatch(r"undeclared reference to '(.*)'", told):
            told = f'there is no name or function "{match[1]}"'
        elif match := re.fullmatch(r"found no matching overload for '_?(.*?)_?' applied to '(.*)'", told):
            told = f'"{match[1]}" does not take {match[2]}'
        elif match := re.match(r"(?:mismatched|extraneous) input '(.*?)' expecting", told):
            told = "it ends too early" if match[1] == "<EOF>" else f'"{match[1]}" does not belong here'
        elif "recursion depth" in told:
            told = "it is nested too deeply"
        is_placed = 0 < int(line) <= MOST_BYTES and 0 < int(column) <= MOST_BYTES  # otherwise the place is not known
        fault = ExpressionFault(told[:300], *((int(line), int(column)) if is_placed else (1, 1)))
        if fault not in found:
            found.append(fault)
    if not found:
        is_deep = "recursion" in message
        first = message.partition("\n")[0] if message else "it cannot be compiled"
        found = [ExpressionFault("it is nested too deeply" if is_deep else first[:300])]
    return found


def _faults_in(tree: Tree, text: str, naming: Naming) -> list[ExpressionFault]:
    """Return the faults that CEL itself does not report."""
    found = []
    steps = {True: 0, False: 0}  # maps "is in a loop" to the steps of all patterns so far
    for node, depth in tree.walk():
        sentence = _fault_at(node, depth) or _fault_of_building(node, depth) or _fault_of_spelling(node, naming)
        if not sentence and (pattern := _pattern_in(node)) is not None and pattern.text is not None:
            steps[depth > 0] += steps_of(pattern.text)
            most = MOST_STEPS_IN_LOOP if depth else MOST_STEPS
            if steps[depth > 0] - steps_of(pattern.text) <= most < steps[depth > 0]:  # report it once, at the limit
                sentence = "the patterns of matches() are too large together: each text would take long to compare"
        if sentence:
            found.append(ExpressionFault(sentence, *_place(text, tree.offset_of(node))))
    return sorted(found, key=lambda fault: (fault.line, fault.column))


def _fault_at(node: Node, depth: int) -> str:
    if node.is_test:
        return "has() is not allowed: each name has a value, or the rule fails (see silence in jitd.toml(5))"
    if node.kind == "loop" and set(node.name.split()) & set(ROOTS):
        return f"a variable of a loop may not be called {node.name.split()[0]}"
    if node.kind == "call" and node.name == "dyn":
        return "dyn() is not allowed, because it removes the types"
    if (pattern := _pattern_in(node)) is not None:
        if pattern.text is None:
            return "the pattern of matches() must be written out, not come from a name"
        if depth > 1:
            return "matches() may not stand in a loop within a loop"
        fault = fault_in_pattern(pattern.text, MOST_STEPS_IN_LOOP if depth else MOST_STEPS)
        return fault and f"the pattern of matches(): {fault}"
    return ""


def _pattern_in(node: Node) -> Node | None:
    """Return the pattern if ``node`` is a call of matches(). Otherwise return None."""
    return node.children[-1] if node.kind == "call" and node.name == "matches" and node.children else None


def _fault_of_building(node: Node, depth: int) -> str:
    """``node`` is inside ``depth`` loops. If ``node`` joins texts or creates a list in a forbidden way, return a fault. Otherwise
    return an empty text. Without this check, a loop that joins texts or creates lists could turn a few bytes into gigabytes.
    """
    if not depth:
        return ""
    if node.kind == "call" and node.name == "_+_":
        if any(child.kind == "const" for child in node.children):
            return ""
        is_own = node.children[0].kind == "ident" and node.children[0].name == _RESULT
        if is_own:
            return "" if depth == 1 else "map() and filter() may not stand in a loop"
        return 'in a loop, "+" needs a constant on one side'
    is_own = len(node.children) == 1 and node.kind == "list"  # map() and filter() create such a list
    if node.kind in ("list", "struct") and not is_own and any(child.kind != "const" for child in node.children):
        return "a list or a map in a loop may contain only constants"
    return ""


def _fault_of_spelling(node: Node, naming: Naming) -> str:
    """Refuse a principal in a spelling that jitd never compares: a deny with it would never match."""
    if node.text is None or (meant := naming.read_text(node.text)) == node.text:
        return ""
    return f'"{node.text}": the names of this realm are folded (see fold in jitd.toml(5)): write "{meant}"'


def _groups_in(tree: Tree) -> tuple[frozenset[str], bool]:
    """Return the names that the expression looks for in ``subject.groups``, and False. If it uses ``subject.groups`` in any other
    way than ``"NAME" in subject.groups``, return all its texts, and True: each of them may be the name of a group that it means.
    """
    n_uses, compared, texts = 0, [], set[str]()
    for node, _ in tree.walk():
        texts |= {node.text} if node.text else set()
        n_uses += _name_at(node) == GROUPS
        if node.kind == "call" and node.name == "@in" and _name_at(node.children[1]) == GROUPS:
            compared.append(node.children[0].text)
    is_simple = n_uses == len(compared) > 0 and None not in compared
    return frozenset(name for name in compared if name is not None) if is_simple else frozenset(texts), not is_simple


def _name_at(node: Node) -> str:
    """Such as ``fact.risk``. The text is empty if ``node`` does not represent a name."""
    if node.kind == "select" and node.children[0].kind == "ident":
        return f"{node.children[0].name.lstrip('.')}.{node.name}"
    return node.name.lstrip(".") if node.kind == "ident" else ""


# --- asking ----------------------------------------------------------------------------------------------------------


class _Evaluation:
    """Evaluates an expression with CEL. ``types`` maps each name that the expression uses to its type."""

    __slots__ = ("_compiled", "_has_loop", "_types")

    def __init__(self, compiled: cel.Expression, types: Mapping[str, str], *, has_loop: bool) -> None:
        self._compiled = compiled
        self._types = types
        self._has_loop = has_loop

    def __call__(self, values: Mapping[str, Value]) -> bool:
        """Return the result of the expression for ``values``. Raises WhenFailed."""
        given: dict[str, object] = {}
        for name, type in self._types.items():
            if name not in values:
                raise WhenFailed(f"{name} is not known: jitd has not looked for its value")
            value = values[name]
            if fault := fault_in(value, type):
                raise WhenFailed(f"{name} {fault}")
            given[name] = list(value) if isinstance(value, tuple) else value
        if self._has_loop and _most_looked_at(given.values()) > MOST_IN_LOOP:
            raise WhenFailed(f'the loops in its "when" would look at more than {MOST_IN_LOOP} characters')
        try:
            answer = self._compiled.eval(data=given)
            kind, value = answer.type(), answer.value()
        except Exception as error:  # any error is treated as a failure of the expression
            raise WhenFailed(f'its "when" cannot be evaluated: {_reason(error)}') from None
        if kind != cel.Type.BOOL or not isinstance(value, bool):
            raise WhenFailed(f'its "when" cannot be evaluated: {_reason(value)}')
        return value is True


def _most_looked_at(values: Iterable[object]) -> int:
    """Return the number of members of the longest list, multiplied by that of characters of the longest text."""
    most, longest = 1, 0
    for value in values:
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        most, longest = max(most, len(texts)), max(longest, max(map(len, texts), default=0))
    return most * longest


def _reason(error: object) -> str:
    """Return CEL's own text for ``error`` on one line, without the name of the error class."""
    first = str(error).partition("\n")[0]
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", first)[:200] or "CEL does not say why"
