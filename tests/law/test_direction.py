# SPDX-License-Identifier: Apache-2.0
"""Who depends on whom: the kernel imports no extension, and extensions import each other without a circle (ADR 0156)."""

from __future__ import annotations

import ast
import graphlib
import re

from jitd.extensions import EXTENSIONS
from tests.law.homes import KERNEL, MAY, home_of
from tests.law.tree import MODULES, NAMES, TREE, Module, imports, is_ours

THE_TABLE = "jitd.extensions"


def told(module: Module) -> set[str]:
    """The modules that ``module`` imports, and those that a string in it names."""
    strings = {node.value for node in module.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {name for name in imports(module) if is_ours(name)} | (strings & NAMES if module.name != THE_TABLE else set())


def test_the_kernel_imports_nothing_of_an_extension() -> None:
    found = {
        (module.name, name)
        for module in MODULES
        if home_of(module.name) == KERNEL
        for name in told(module)
        if home_of(name) != KERNEL
    }
    assert found == set()


def test_an_extension_imports_the_kernel_and_the_extensions_that_it_may() -> None:
    found = {
        (module.name, name)
        for module in MODULES
        if (home := home_of(module.name)) != KERNEL
        for name in told(module)
        if home_of(name) not in (KERNEL, home, *MAY[home])
    }
    assert found == set()


def test_the_tests_of_the_core_need_no_extension() -> None:
    files = sorted((TREE / "tests/core").glob("*.py"))
    found = [
        (file.name, line.strip())
        for file in files
        for line in file.read_text("utf-8").splitlines()
        if re.match(r" *(from|import) jitd_", line)
    ]
    assert len(files) > 50 and found == []


def at_the_top(module: Module) -> set[str]:
    """The modules that are imported as soon as ``module`` is."""
    found = [node for node in ast.parse(module.text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in found if isinstance(node, ast.ImportFrom)}


def test_an_extension_imports_another_at_once_only_if_it_cannot_be_used_without() -> None:
    """Else it would import what is missing, or what somebody else may change, although the table says that this is not used. A
    module that no other imports at once may be about another extension: who imports it has asked before whether that is used.
    """
    at_once = set().union(*map(at_the_top, MODULES))
    found = {
        (module.name, name)
        for module in MODULES
        if (home := home_of(module.name)) != KERNEL and module.name in at_once
        for name in at_the_top(module)
        if home_of(name) not in (KERNEL, home, *EXTENSIONS[home].needs)
    }
    assert found == set()


def test_no_permission_between_extensions_is_dead_and_there_is_no_circle() -> None:
    used = {(home_of(module.name), home_of(name)) for module in MODULES for name in told(module)}
    assert {(one, other) for one, others in MAY.items() for other in others} <= used
    graphlib.TopologicalSorter(MAY).prepare()


def test_each_package_of_an_extension_is_in_the_kernels_table_and_has_its_page() -> None:
    packages = {path.name for path in (TREE / "extensions").iterdir() if path.is_dir()}
    assert packages == {one.package for one in EXTENSIONS.values()} and MAY.keys() == EXTENSIONS.keys()
    assert [name for name in packages if not (TREE / "extensions" / name / "README.md").is_file()] == []


def test_only_the_table_imports_an_extension_by_a_string() -> None:
    importers = {
        module.name
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")
    }
    assert importers == {THE_TABLE, "jitd.cli"}, "the other imports its own verbs"
