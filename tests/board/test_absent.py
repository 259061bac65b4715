# SPDX-License-Identifier: Apache-2.0
"""``jitd`` without the extension board."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.law.tree import TREE

WITHOUT = """
import sys
from jitd import extensions, packages
packages.EXTENSIONS = packages.TOP / "nowhere"
from jitd import cli
sys.argv = ["jitd", *sys.argv[1:]]
raise SystemExit(cli.main())
"""


def jitd(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, cwd=TREE, check=False)


@pytest.mark.parametrize("words", [("board",), ("board", "--at", "x")], ids=" ".join)
def test_the_verb_says_how_to_install_it(words: tuple[str, ...]) -> None:
    done = jitd(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "jitd: jitd board is not installed: apt install jitsudo-board, or use jitd requests\n"


def test_the_others_do_not_miss_it() -> None:
    done = jitd("requests", "--help")
    assert done.returncode == 0 and "requests" in done.stdout
