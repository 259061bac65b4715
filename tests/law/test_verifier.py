# SPDX-License-Identifier: Apache-2.0
"""verify.py has what it shares with the daemon from the daemon's own modules."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys

import pytest

from tests.law.tree import STANDARD, TREE

WRITER = TREE / "contrib/verifier"
VERIFIER = (TREE / "extensions/jitd_evidence/pack/verify.py").read_text("utf-8")
MADE = runpy.run_path(str(WRITER))
MODULES = MADE["MARKER"].findall(VERIFIER)


def test_the_file_is_what_is_made_of_its_modules() -> None:
    done = subprocess.run([sys.executable, str(WRITER), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_is_copied_imports_nothing_of_ours_that_is_not_copied_too(module: str) -> None:
    for node in ast.walk(ast.parse((TREE / module).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] not in STANDARD:
            assert node.module.startswith("cryptography.") or f"{node.module.replace('.', '/')}.py" in MODULES


def test_a_change_between_the_markers_or_in_a_module_is_found() -> None:
    make = MADE["made"]
    assert MODULES and make(VERIFIER) == VERIFIER
    assert make(VERIFIER.replace('raise Twice("has a member twice")', "pass", 1)) == VERIFIER


def test_what_the_rules_do_not_use_is_not_copied() -> None:
    """An auditor reads the file: it signs nothing and writes no zip file."""
    names = {node.name for node in ast.parse(VERIFIER).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {"check_signature", "read_zip", "read_json"} <= names and not {"sign", "public_line", "Zip"} & names


def test_a_name_with_two_meanings_is_refused() -> None:
    with pytest.raises(ValueError, match="two definitions of read_json"):
        MADE["made"](f"{VERIFIER}\n\ndef read_json() -> None: ...\n")
