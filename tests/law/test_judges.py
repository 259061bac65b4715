# SPDX-License-Identifier: Apache-2.0
"""Programs go from functions to grammars, and none goes back (ADR 0203)."""

from __future__ import annotations

import ast

from tests.law.tree import MODULES

FUNCTIONS = 113
"""How many functions are called with the raw words of a program. Write a smaller number whenever one has gone."""


def is_judge(node: ast.AST) -> bool:
    """True if ``node`` is a function of a call alone, so that it finds its words by itself."""
    if not isinstance(node, ast.FunctionDef) or len(node.args.args) != 1 or node.args.kwonlyargs:
        return False
    annotation = node.args.args[0].annotation
    return isinstance(annotation, ast.Name) and annotation.id == "Call"


def test_the_functions_that_judge_raw_words_become_fewer() -> None:
    places = [
        one.place for one in MODULES if one.name.startswith("jitd_commands.programs.") for node in one.nodes if is_judge(node)
    ]
    assert len(places) == FUNCTIONS, "a new program is a grammar; write the number here if it has fallen"
