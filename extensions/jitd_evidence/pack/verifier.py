# SPDX-License-Identifier: Apache-2.0
"""Makes verify.py, the one file that an auditor runs, of the module ``verify`` and of what it imports of the daemon's.

Law: the file is a function of these sources alone, so it has the same bytes on each host of a version. Of an imported module,
each definition is in it that the rest of the file names, and no other: it signs nothing, and writes no zip file. Of the module
DRAWN, the values are in it.
"""

from __future__ import annotations

import ast
import pprint
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jitd
from jitd.core import moves

RULES = "jitd_evidence.pack.verify"
DRAWN = moves.__name__  # computes its values from the classes of the core
_ROOTS = {"jitd": Path(jitd.__file__).parents[1], "jitd_evidence": Path(__file__).parents[2]}


class _Definition(NamedTuple):
    text: str
    is_long: bool
    defined: set[str]
    named: set[str]


@cache
def verifier() -> bytes:
    """Return the content of verify.py."""
    lines, rules = _source(RULES)
    ours = [node for node in rules.body if _is_ours(node)]
    head, own = "".join(lines[: ours[0].lineno - 1]).rstrip("\n"), "".join(lines[ours[-1].end_lineno :])
    parts = {module: list(_definitions(module)) for module in modules()}
    known, used = [one for some in parts.values() for one in some], _named(rules)
    while more := [one for one in known if one.defined & used and not one.named <= used]:
        used = used.union(*(one.named for one in more))
    _source.cache_clear()  # megabytes, which a daemon would keep
    made = [head, "\n", *_imports(rules, used), *_copied(parts, used), "\n\n# --- the rules ---\n", own]
    return "".join(made).encode()


def modules() -> list[str]:
    """Return the names of the modules that verify.py has parts of, each after those that it imports itself."""
    found: dict[str, None] = {}

    def add(module: str) -> None:
        for node in _source(module)[1].body if module != DRAWN else ():
            if isinstance(node, ast.ImportFrom) and node.module and _is_ours(node) and node.module not in found:
                add(node.module)
        found[module] = None

    add(RULES)
    return [module for module in found if module != RULES]


@cache
def _source(module: str) -> tuple[list[str], ast.Module]:
    source = (_ROOTS[module.partition(".")[0]] / f"{module.replace('.', '/')}.py").read_text("utf-8")
    return source.splitlines(keepends=True), ast.parse(source)


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in _ROOTS


def _named(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _definitions(module: str) -> Iterator[_Definition]:
    """Yield each definition of a module, with the text below it that explains it."""
    lines, syntax = _source(module)
    if module == DRAWN:
        values = {name: value for name, value in vars(moves).items() if name.isupper()}
        for name, value in values.items():
            yield _Definition(f"{name} = {pprint.pformat(value, width=120, sort_dicts=False)}\n", False, {name}, set())
        return
    for node, after in zip(syntax.body, [*syntax.body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined = {node.name}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            defined = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        else:
            continue
        begin = min(one.lineno for one in (node, *getattr(node, "decorator_list", ())))
        end = after.end_lineno if isinstance(after, ast.Expr) else node.end_lineno
        is_long = isinstance(node, ast.FunctionDef | ast.ClassDef)
        yield _Definition("".join(lines[begin - 1 : end]), is_long, defined, _named(node))


def _imports(rules: ast.Module, used: set[str]) -> Iterator[str]:
    """Yield what the copied definitions need of the standard library, beside what the rules import."""
    bound = {one.asname or one.name for node in rules.body if isinstance(node, ast.Import | ast.ImportFrom) for one in node.names}
    for module in modules():
        for node in _source(module)[1].body:
            if isinstance(node, ast.Import | ast.ImportFrom) and not _is_ours(node):
                needed = {one.name for one in node.names} & used - bound
                bound |= needed
                begins = f"from {node.module} import" if isinstance(node, ast.ImportFrom) else "import"
                yield from (f"{begins} {name}\n" for name in sorted(needed))


def _copied(parts: dict[str, list[_Definition]], used: set[str]) -> Iterator[str]:
    for module, definitions in parts.items():
        yield f"\n\n# --- from {module} ---\n"
        was_long = False
        for n, one in enumerate(one for one in definitions if one.defined & used):
            yield "\n\n" if one.is_long or was_long else "\n" if n == 0 else ""
            yield one.text
            was_long = one.is_long
