# SPDX-License-Identifier: Apache-2.0
"""Privileges that are planted on the lab, and taken out again. Law: the host is afterwards as it was."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jitd.audit.privileges import Standing
from jitd.core.policy import Policy
from jitd.settings import policyfile
from jitd.settings.config import Config
from jitd_inspection.standing.looking import look

HOST = "lab.example.test"
CONFIG = Config(frozenset({"EXAMPLE.TEST"}), HOST, root="deny")
WATCHED = "dave"
"""The account that a rule names."""
RULES = (
    f'[[permit]]\nname = "as-{WATCHED}"\nwho = ["user:alice"]\nrun_as = ["{WATCHED}", "self", "*:docker"]\ncommands = [["**"]]\n'
)

Files = dict[str, str | bytes | None]
"""Maps paths to what they have, or to None if the file is to be missing. A path with a slash at its end is a directory."""


def policy(directory: Path) -> Policy:
    file = directory / "rules.toml"
    file.write_text(RULES)
    file.chmod(0o644)
    return policyfile.load(directory, root="deny")


def seen(rules: Policy) -> Standing:
    return look(CONFIG, rules)


@contextmanager
def planted(files: Files) -> Iterator[None]:
    """Write ``files``. A text that begins with a plus sign and a line feed is added to the end of what is there."""
    kept: list[tuple[Path, tuple[bytes, os.stat_result] | None]] = []
    made: list[Path] = []
    try:
        for name, content in files.items():
            path = Path(name)
            made += reversed([above for above in path.parents if not above.exists()])
            path.parent.mkdir(parents=True, exist_ok=True)
            before = (path.read_bytes(), path.stat()) if path.exists() else None
            kept.append((path, before))
            if content is None:
                path.unlink(missing_ok=True)
                continue
            data = content.encode() if isinstance(content, str) else content
            if data.startswith(b"+\n"):
                data = (before[0] if before else b"") + data[2:]
            path.write_bytes(data)
            if before is None:
                path.chmod(0o440 if "sudoers" in name else 0o644)
        yield
    finally:
        for path, old in reversed(kept):
            if old is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(old[0])
                path.chmod(stat.S_IMODE(old[1].st_mode))
                os.chown(path, old[1].st_uid, old[1].st_gid)
        for directory in made:
            shutil.rmtree(directory, ignore_errors=True)
