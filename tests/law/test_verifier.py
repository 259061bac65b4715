# SPDX-License-Identifier: Apache-2.0
"""verify.py, which is made, has what it shares with the daemon from the daemon's own modules."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from jitd_evidence.pack.verifier import DRAWN, modules, verifier
from tests.law.tree import MODULES, STANDARD, Module

MADE = ast.parse(verifier())
COPIED = [module for module in MODULES if module.name in modules()]


def test_each_module_of_which_it_has_a_part_is_known() -> None:
    assert {"jitd.audit.receipt", "jitd.audit.strict_json", "jitd_evidence.pack.zipped"} <= {*modules()}
    assert sorted(module.name for module in COPIED) == sorted(modules())


@pytest.mark.parametrize("module", [one for one in COPIED if one.name != DRAWN], ids=lambda module: module.name)
def test_a_module_that_is_copied_imports_nothing_of_ours_that_is_not_copied_too(module: Module) -> None:
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] not in STANDARD:
            assert node.module.startswith("cryptography.") or node.module in modules()


def test_what_the_rules_do_not_use_is_not_copied() -> None:
    """An auditor reads the file: it signs nothing and writes no zip file."""
    names = {node.name for node in MADE.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {"check_signature", "read_zip", "read_json"} <= names and not {"sign", "public_line", "Zip"} & names


def test_no_name_in_it_has_two_meanings() -> None:
    names = [node.name for node in MADE.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names += [
        one.id
        for node in MADE.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    ]
    names += [one.asname or one.name for node in MADE.body if isinstance(node, ast.Import | ast.ImportFrom) for one in node.names]
    assert [name for name, n in Counter(names).items() if n > 1] == []
