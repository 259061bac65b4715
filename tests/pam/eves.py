# SPDX-License-Identifier: Apache-2.0
"""What the files of tests share that open gates: code of eve's, which leaves a mark when root runs it, and what pam-lint says.

Law: a mark is made by root's rights alone, or by a command that eve may not have run.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from jitd.hosts.findings import WEAK
from jitd.hosts.places import Places
from jitd_inspection.pamlint.linting import lint_host
from tests.pam.programs import PYTHONS, Gated

LEAVES_A_MARK = """\
import posix
posix.write(posix.open("{mark}", posix.O_CREAT | posix.O_WRONLY | posix.O_APPEND, 0o666), b"euid %d\\n" % posix.geteuid())
"""
LIBRARY = """\
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {{
    if (!geteuid() && getuid()) dprintf(open("{mark}", O_CREAT | O_WRONLY | O_APPEND, 0666), "euid %d\\n", geteuid());
}}
"""
Put = Callable[[str, str], None]
"""From a name below /etc and a text: the file is that, for as long as the test lasts."""


def said() -> set[str]:
    """What keeps this host from being called closed."""
    return {finding.name for finding in lint_host(Places()) if finding.severity != WEAK}


class Eves:
    """A directory that everybody can write, with a Python, a library and a preload of eve's in it."""

    def __init__(self, gated: Gated) -> None:
        self.gated = gated
        self.place, self.mark = gated.root / "open", gated.root / "marks/here"
        for directory in (self.place, self.mark.parent):
            directory.mkdir()
            directory.chmod(0o777)
        text = LEAVES_A_MARK.format(mark=self.mark)
        for name in (f"lib/{PYTHONS.name}/encodings/__init__.py", "sitecustomize.py"):
            (self.place / name).parent.mkdir(parents=True, exist_ok=True)
            (self.place / name).write_text(text)
        (self.place / "lib" / PYTHONS.name / "os.py").write_text("")
        (self.place / "lib" / PYTHONS.name / "lib-dynload").mkdir()
        shutil.copy("/bin/true", self.place / "python3")
        (self.place / "x.c").write_text(LIBRARY.format(mark=self.mark))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.place / "x.so", self.place / "x.c"], check=True)

    def has_run(self, who: str, *words: str, **variables: str) -> bool:
        """Whether code of hers has run as root, or her command was, when ``who`` types that."""
        self.mark.unlink(missing_ok=True)
        env = ["env", "-C", "/", *(f"{name}={value}" for name, value in variables.items())]
        subprocess.run(["as", who, *env, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return self.mark.exists()
