# SPDX-License-Identifier: Apache-2.0
"""The doctor: what it thinks of a host follows from values alone, and nothing in it can change a host."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.law.test_imports import CORE, PURE
from tests.law.tree import MODULES

LEVELS = {"ok", "weak", "bad", "unknown"}
DOCTOR = {
    module.name.rpartition(".")[2]: module.syntax for module in MODULES if module.name.startswith("jitd_inspection.doctor.")
}
SUBJECTS = {name: tree for name, tree in DOCTOR.items() if name not in ("finding", "round")}
STANDARD = [*PURE["jitd.core"].split(), "struct"]
PACKAGED = (
    CORE,
    "jitd.core.toml_document",
    "jitd_inspection.checking.known",
    "jitd_inspection.doctor.finding",
    "jitd.monitor.proof_orders",
    "jitd.versions",
    *(name for name in PURE if name.startswith(("jitd.hosts.", "jitd_inspection.pamlint."))),
)
"""What a check may call of the standard library, and of ours beside the doctor's own checks."""
CHANGING = """
    chmod chown fchmod fchown flock ftruncate lchown link lockf makedirs mkdir mkfifo mknod remove removedirs removexattr rename
    renames rmdir rmtree setxattr symlink touch truncate unlink utime write_bytes write_text O_WRONLY O_CREAT O_TRUNC O_APPEND
"""
"""What changes files, of os, fcntl, shutil and pathlib."""


def touching(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Module → its functions and classes that touch the host, by themselves or by what they call."""
    found: dict[str, set[str]] = {name: set() for name in trees}
    is_whole = False
    while not is_whole:
        is_whole = True
        for name, tree in trees.items():
            strange = {*_imported(tree, found), *found[name]}
            for definition in tree.body:
                if isinstance(definition, ast.FunctionDef | ast.ClassDef) and strange & _used(definition):
                    is_whole = is_whole and definition.name in found[name]
                    found[name].add(definition.name)
    return found


def _imported(tree: ast.Module, found: dict[str, set[str]]) -> Iterator[str]:
    """What a module imports that touches the host, as it is named there; ``module.function`` for one of the doctor's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name not in STANDARD)
        elif isinstance(node, ast.ImportFrom) and node.module == "jitd_inspection.doctor":
            yield from (f"{alias.name}.{name}" for alias in node.names for name in found.get(alias.name, ()))
        elif isinstance(node, ast.ImportFrom) and node.module:
            own = found.get(node.module.removeprefix("jitd_inspection.doctor."))
            is_pure = node.module in STANDARD or node.module.startswith(PACKAGED)
            touching = [alias for alias in node.names if (alias.name in own if own is not None else not is_pure)]
            yield from (alias.asname or alias.name for alias in touching)


def _used(definition: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """The names that it uses and does not bind itself. Annotations do not count: what is executed does."""
    nodes = list(_executed(definition))
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    dotted = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - bound | dotted


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in ("annotation", "returns"):
                yield from _executed(child)


def checks(tree: ast.Module) -> set[str]:
    """The functions that make findings themselves; but ``examine…`` says what could not be looked at."""
    return {
        definition.name
        for definition in tree.body
        if isinstance(definition, ast.FunctionDef) and not definition.name.startswith("examin")
        if any(isinstance(node, ast.Call) and ast.unparse(node.func) in LEVELS for node in ast.walk(definition))
    }


def test_a_check_touches_no_host() -> None:
    found = touching(SUBJECTS)
    assert sum(len(checks(tree)) for tree in SUBJECTS.values()) > 40 and sum(map(len, found.values())) > 40, "they were read"
    assert {name: sorted(checks(tree) & found[name]) for name, tree in SUBJECTS.items() if checks(tree) & found[name]} == {}


@pytest.mark.parametrize(
    "touches", ["os.stat('/')", "see('/')", "files.see('/')", "Path('/').exists()", "look()", "looked('/')", "[look for y in x]"]
)
def test_that_law_sees_what_it_forbids(touches: str) -> None:
    files = "import os\ndef see(x): return os.lstat(x)\ndef judge(x): return ok('a', x)"
    begins = """
import os
from pathlib import Path
from jitd_inspection.doctor import files
from jitd_inspection.doctor.files import see, see as looked
"""
    ends = f"def look(): return see('/')\ndef check(x): return files.judge({touches})\ndef fine(x: Path, see): return see"
    assert touching({"files": ast.parse(files), "other": ast.parse(begins + ends)}) == {
        "files": {"see"},
        "other": {"look", "check"},
    }


def test_nothing_in_the_doctor_changes_a_file() -> None:
    nodes = [(name, node) for name, tree in DOCTOR.items() for node in ast.walk(tree)]
    named = {(name, node.attr) for name, node in nodes if isinstance(node, ast.Attribute)}
    assert {(name, attribute) for name, attribute in named if attribute in CHANGING.split()} == set()
    opened = [ast.unparse(node) for _, node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "open"]
    assert opened == ["open(descriptor, 'rb')"]
