# SPDX-License-Identifier: Apache-2.0
"""What a system under test is made of, and the table of docs/platforms.md that tells it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from jitd.versions import PROGRAMS, STATUS, beginning, programs_in

PAGE = Path(__file__).resolve().parents[1] / "docs/platforms.md"
OF_A_RELEASE = {name: each.package for name, each in PROGRAMS.items() if name != "sudo-rs"}
"""Program → the Debian package that has it, on each release."""


def installed(packages: Mapping[str, str], via: Sequence[str] = ()) -> dict[str, str]:
    """Return program → the beginning of its upstream version, of those of ``packages`` (program → Debian package) that are
    installed here; or on another host, on which ``via`` are the words that run what follows.
    """
    line = [*via, "dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages.values()]
    said = subprocess.run(line, capture_output=True, text=True, check=False).stdout
    by_package = dict(words.split(" ", 1) for words in said.splitlines() if " " in words)
    found = {}
    for program, package in packages.items():
        n_numbers = PROGRAMS[program].n_numbers if program in PROGRAMS else 2
        if version := beginning(by_package.get(package, ""), n_numbers):
            found[program] = version
    return found


def is_newest(program: str) -> bool:
    """Return whether this system has the newest version of ``program`` that is in the table jitd/versions.py. A test that holds
    otherwise on the other release of Debian asks here, so that it says what holds on which.
    """
    return programs_in(Path(STATUS).read_bytes())[program] == PROGRAMS[program].versions[-1]


def release(os_release: str) -> str:
    """Return what the text of os-release(5) calls the system: ``Debian 12``."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    name, number = (fields.get(key, "").strip('"') for key in ("NAME", "VERSION_ID"))
    return f"{name.split(' ')[0]} {number}"


def row(system: str, versions: Mapping[str, str]) -> str:
    """Return the row of the page's table about ``system``, whose columns have the names of the programs."""
    return "| " + " | ".join([system, *versions.values()]) + " |"


def tell(told: str) -> None:
    """Raise AssertionError if the page does not have the row ``told``. With JITD_PLATFORMS=write, put it there: in the place of
    the row about the same system.
    """
    text = PAGE.read_text("utf-8")
    start = told[: told.index(" | ") + 3]
    rows = [line for line in text.splitlines() if line.startswith(start)]
    assert len(rows) == 1, f"docs/platforms.md has a row that begins with {start!r}"
    if os.environ.get("JITD_PLATFORMS") == "write":
        PAGE.write_text(text.replace(rows[0], told), "utf-8")
        return
    assert rows == [told], "docs/platforms.md tells other versions: JITD_PLATFORMS=write, and see what has changed"
