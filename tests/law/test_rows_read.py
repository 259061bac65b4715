# SPDX-License-Identifier: Apache-2.0
"""Rows are read by the attributes of their classes (``jitpam.wire.rows``): a name that is misspelled is found by mypy, and what a
row does not say is what asks most. What is still read by a string is counted, and becomes less.
"""

from __future__ import annotations

import ast

from tests.law.tree import MODULES

READERS = ("jitd/cli/", "extensions/jitd_board/", "extensions/jitd_fleet/", "jitpam/questions.py", "jitpam/disclosure.py")
MOST = 57
"""If fewer are left, write their number here. It never grows."""


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def reads_by_a_string(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="get"), args=[name, *_]) if is_text(name):
            return True
        case ast.Call(func=ast.Name(id="words" | "members"), args=[_, name, *_]) if is_text(name):
            return True
        case ast.Subscript(value=ast.Name(), slice=name) if is_text(name):
            return True
    return False


def test_no_more_members_of_rows_are_read_by_strings_than_before() -> None:
    found = {
        str(module.place): n
        for module in MODULES
        if str(module.place).startswith(READERS) and (n := sum(map(reads_by_a_string, module.nodes)))
    }
    assert sum(found.values()) <= MOST, f"read attributes instead: {found}"
