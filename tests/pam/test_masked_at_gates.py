# SPDX-License-Identifier: Apache-2.0
"""Masked words of commands that real sudo executes behind the shipped stack: sudo runs the word, and jitd tells it nobody."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.masking import MASKED
from jitpam.wire.messages import Audit, Show
from tests.attacks.raw import connected
from tests.pam.programs import PASSWORD, Gated

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
WORD = "correct-horse-battery"
POLICY = """
[[permit]]
name = "links"
who = ["user:alice"]
services = ["sudo"]
commands = [["/usr/bin/ln", "**"]]
mask = ["-s *"]
"""


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    with Gated(POLICY) as made:
        yield made


@pytest.mark.parametrize("who", ["alice", "carol"])
def test_a_word_that_a_rule_masks_at_the_gate_of_sudo_is_run_and_read_by_nobody(gated: Gated, who: str, tmp_path: Path) -> None:
    """THREATS L-12. Who is denied has typed a secret, too."""
    place = Path("/srv") / f"masked-{who}"
    known = {one.id for one in gated.kept("requests", ended=True)}
    try:
        done = subprocess.run(
            [*gated.become(who), "sh", "-c", f"echo '{PASSWORD}' | sudo -S ln -s {WORD} {place} 2>&1"],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        is_permitted = who == "alice"
        assert (done.returncode == 0) is is_permitted, done.stdout
        assert place.is_symlink() is is_permitted and (not is_permitted or os.readlink(place) == WORD)
    finally:
        place.unlink(missing_ok=True)
    (made,) = [one for one in gated.kept("requests", ended=True) if one.id not in known]
    assert made.command.told_argv == (b"ln", b"-s", MASKED.encode(), str(place).encode())
    with connected(gated, "root") as raw:
        told = repr(raw.rows(Show(id=made.id))) + repr(raw.rows(Audit()))
    assert "masked" in told and WORD not in told + gated.log()
    files = [file for top in (gated.database.parent, gated.socket.parent) for file in top.rglob("*") if file.is_file()]
    assert [str(file) for file in files if WORD.encode() in file.read_bytes()] == []
