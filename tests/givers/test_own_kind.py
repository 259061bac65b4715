# SPDX-License-Identifier: Apache-2.0
"""A kind of thing is added in one file, ``own_kind``: a class and its registration. Nothing else of the product knows of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DAEMON = "from tests.givers import own_kind; own_kind.daemon()"


def test_a_kind_that_is_added_in_one_file_is_given_looked_at_and_taken(tmp_path: Path) -> None:
    (directory := tmp_path / "passes").mkdir()
    file = tmp_path / "jitd.toml"
    file.write_text(f'[givers.pass]\nkind = "empty-file"\nlets = "enter"\ndirectory = "{directory}"\n')
    (tmp_path / "rules.toml").write_text('[[permit]]\nname = "passes"\nwho = ["group:ops"]\ngives = ["empty-file:pass"]\n')
    line = [sys.executable, "-c", DAEMON, str(file)]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "rule": [["empty-file:pass"], []],
        "warned": ["gives root: without any approval, empty-file:pass: the file is root's"],
        "lets": ["empty-file:pass: enter", f"empty-file:pass: have a file in {directory}"],
        "gave": {"tell": f"show the file {directory}/K7QM-2XVD", "secret": None},
        "there": ["K7QM-2XVD"],
        "saw": {"state": "stands", "why": ""},
        "strays": [{"holdings": ["K7QM-2XVD"]}, {"holdings": []}],
        "took": [{"left": ""}] * 2,
        "left": [],
        "other": {"why": "jitd.toml sets up no giver other, so it cannot give empty-file:other"},
    }
