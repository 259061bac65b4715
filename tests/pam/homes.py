# SPDX-License-Identifier: Apache-2.0
"""A home directory whose owner attacks a gate from it. Law: its scripts leave a mark when root runs them; nothing else does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.pam.programs import Driven, Gated, Program


class Home:
    """A directory of ``who``'s own with an ``id`` and a ``bash`` of theirs below it, which leave a mark when root runs them."""

    def __init__(self, gated: Gated, who: str) -> None:
        self._gated = gated
        self.who = who
        self.mark = gated.mark()
        self.own = Path(f"/home/{who}")
        self.place = self.own / "place"
        for name in ("id", "bash"):
            self.script(self.place / "usr/bin" / name)
        (self.place / "gone").mkdir()
        self.link("link", "/proc/self/cwd")

    def script(self, at: Path) -> Path:
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(f"#!/bin/sh\n/usr/bin/id -u >{self.mark}\n")
        at.chmod(0o755)
        self._theirs(at.relative_to(self.own).parts[0])
        return at

    def link(self, name: str, to: str) -> Path:
        at = self.own / name
        at.unlink(missing_ok=True)
        at.symlink_to(to)
        self._theirs(name)
        return at

    def _theirs(self, name: str) -> None:
        subprocess.run(["chown", "-hR", f"{self.who}:", str(self.own / name)], check=True)

    def types(self, line: str, *around: str) -> Driven:
        """A line of a shell's, typed in ``place``."""
        program = Program("", "", (), (), asks_password="su -" in line)
        become = ["as", self.who, "env"] if around else self._gated.become(self.who)  # what is around may hide what is here
        whole = [*around, *become, "-C", str(self.place), "sh", "-c", line.replace("{own}", str(self.own))]
        return self._gated.drive(whole, program, self.mark, cwd="/")

    def close(self) -> None:
        for name in self.own.glob("*"):
            shutil.rmtree(name) if name.is_dir() and not name.is_symlink() else name.unlink()
