# SPDX-License-Identifier: Apache-2.0
"""``jitd`` without the extension board."""

from __future__ import annotations

import subprocess
import sys

import pytest

import jitd_board
from jitd import cli
from jitpam import __version__
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


def test_a_board_of_another_version_says_so_and_asks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """jitd was upgraded alone: the package of the board stays."""
    monkeypatch.setattr(jitd_board, "OF_VERSION", "0.0.9")
    monkeypatch.setattr(jitd_board, "called", pytest.fail)
    monkeypatch.setattr(sys, "argv", ["jitd", "board"])
    assert cli.main() != 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"this board is of version 0.0.9, and jitd of {__version__}: install the jitsudo-board of the same version" in said


def test_the_others_do_not_miss_it() -> None:
    done = jitd("requests", "--help")
    assert done.returncode == 0 and "requests" in done.stdout
