# SPDX-License-Identifier: Apache-2.0
"""The daemon may write only where its unit lets it, so no statement of the store makes a file of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
LARGE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
    " SELECT zeroblob(1000) || i AS x FROM n ORDER BY x"
)
CODE = f"""
import resource, sys
from pathlib import Path
from jitd.store.cursors import CursorFile
from jitd.store.sqlite import SqliteStore

path = Path(sys.argv[1])
store, cursors = SqliteStore(path), CursorFile(path)
cursors.cursors()
one = {{"writer": store, "cursors": cursors, "reader": SqliteStore.reading(path)}}[sys.argv[2]]
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
print(sum(1 for _ in one._db.execute({LARGE!r})))
"""


@pytest.mark.parametrize("which", ["writer", "cursors", "reader"])
def test_a_large_sort_needs_no_file(tmp_path: Path, which: str) -> None:
    """It once ended in "disk I/O error": a sort of more than a megabyte went into /var/tmp, which the unit does not let in."""
    line = [sys.executable, "-c", CODE, str(tmp_path / "jitd.db"), which]
    done = subprocess.run(line, cwd=TREE, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "9000\n"), done.stderr
