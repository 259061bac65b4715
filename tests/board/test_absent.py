# SPDX-License-Identifier: Apache-2.0
"""``jitd`` without the extension board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jitd import extensions, packages
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


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_package_that_somebody_else_may_change_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """It would run as everybody who types jitd."""
    place = tmp_path / "jitd_board"
    place.mkdir(mode=0o755)
    (place / "__init__.py").write_text("def board(): raise AssertionError('it was imported')\n")
    monkeypatch.setattr(packages, "EXTENSIONS", tmp_path)
    assert extensions.EXTENSIONS["board"].is_used
    place.chmod(mode)
    assert not extensions.EXTENSIONS["board"].is_used and extensions.verb("board") is None
