# SPDX-License-Identifier: Apache-2.0
"""A file that is written in one step."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.cli.whole_file import put


def test_an_error_names_the_file_that_somebody_typed(tmp_path: Path) -> None:
    """And leaves nothing."""
    (tmp_path / "is-directory").mkdir()
    for file in (tmp_path / "none" / "metrics.prom", tmp_path / "is-directory"):
        with pytest.raises(OSError) as raised:
            put(file, b"1", 0o600)
        assert (raised.value.filename, raised.value.filename2) == (str(file), None)
    assert [one.name for one in tmp_path.rglob("*")] == ["is-directory"]
