#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A provider: what a Debian host says about itself, by a program (jitd.toml: kind = "program", without network).

It knows `pending_updates` and `security_updates` (int: packages for which apt has a newer version; apt's lists are not fetched
anew), `reboot_needed` (bool) and `disk_encrypted` (bool: all that the file system / is on is below dm-crypt).
Law: a fact that cannot be established is no answer at all: the program ends with status 1 and says why, and jitd.toml's `silence`
counts. Nothing is changed, and nobody is asked but apt-get and /sys.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

APT = ["/usr/bin/apt-get", "--simulate", "-o", "Debug::NoLocking=true", "-o", "APT::Get::Show-User-Simulation-Note=false"]
MOST = 64 * 1024
REBOOT = Path("/run/reboot-required")
"""The file that Debian's packages leave."""
SYS, MOUNTS = Path("/sys"), Path("/proc/self/mountinfo")
_UPDATE = re.compile(r"^Inst \S+ \[[^]]*\] \((\S+) (.*)\)", re.MULTILINE)
"""What `apt-get --simulate upgrade` says of a package that is installed already: its new version, and where that comes from."""
_SECURITY = re.compile(r"\b(?:Debian-Security|Ubuntu)[^,]*(?::\S*|/\S*-)security\b|Debian-Security:")


class Unknown(Exception):
    """A fact cannot be established. The text says which and why."""


@cache
def updates() -> list[str]:
    """Return where the new version of each package comes from that could be updated. Raises Unknown."""
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        done = subprocess.run(
            [*APT, "dist-upgrade"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as fault:
        raise Unknown(f"updates: apt-get cannot be run: {fault.strerror}") from None
    if done.returncode:
        raise Unknown(f"updates: apt-get says: {done.stderr.strip()[:200]}")
    return sources(done.stdout)


def sources(said: str) -> list[str]:
    """Return where each package's new version comes from, by what apt-get ``said``."""
    return [match[2] for match in _UPDATE.finditer(said)]


def is_security(source: str) -> bool:
    """True if a version from there mends a weakness."""
    return _SECURITY.search(source) is not None


def is_root_encrypted(sys_: Path = SYS, mounts: Path = MOUNTS) -> bool:
    """True if each block device below the file system / is below dm-crypt. Raises Unknown."""
    fields = [line.split(b" ") for line in mounts.read_bytes().split(b"\n")]  # any account names mount points, with CR
    roots = [words for words in fields if words[4:5] == [b"/"] and b"-" in words[6:-2]]
    if not roots:
        raise Unknown("disk_encrypted: / is not in the table of mounts")
    number, source = (os.fsdecode(word) for word in (roots[-1][2], roots[-1][roots[-1].index(b"-", 6) + 2]))
    device = sys_ / "dev/block" / number
    if not device.exists() and source.startswith("/dev/"):  # btrfs: its file systems have numbers of their own
        device = sys_ / "class/block" / os.path.basename(os.path.realpath(source))
    if not device.exists():
        raise Unknown(f"disk_encrypted: / is on {source}, which is not a block device")
    return _is_encrypted(device)


def _is_encrypted(device: Path) -> bool:
    """True if ``device``, a directory of sysfs, or each one below it, is of dm-crypt."""
    uuid = device / "dm/uuid"
    if uuid.exists() and uuid.read_text("ascii").startswith("CRYPT-"):
        return True
    below = sorted((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    return bool(below) and all(map(_is_encrypted, below))


FACTS: Mapping[str, tuple[str, Callable[[], bool | int]]] = {
    "pending_updates": ("int", lambda: len(updates())),
    "security_updates": ("int", lambda: sum(map(is_security, updates()))),
    "reboot_needed": ("bool", REBOOT.exists),
    "disk_encrypted": ("bool", is_root_encrypted),
}
"""Fact → its type, and how it is established."""


def answer(question: object) -> dict[str, object]:
    """Return the answer to a question of jitd. Raises Unknown."""
    wanted = question.get("facts") if isinstance(question, dict) and question.get("version") == 1 else None
    if not isinstance(wanted, dict) or not wanted:
        raise Unknown("this is not a question of jitd that this program knows")
    for name, kind in wanted.items():
        if name not in FACTS or FACTS[name][0] != kind:
            known = ", ".join(f'{name} = "{kind}"' for name, (kind, _) in FACTS.items())
            raise Unknown(f"{name} = {kind!r} is not known here; known are: {known}")
    return {"facts": {name: FACTS[name][1]() for name in wanted}}


def main() -> int:
    """Answer the question on standard input. Returns the exit status."""
    try:
        said = answer(json.loads(sys.stdin.buffer.read(MOST + 1)))
    except (Unknown, OSError, ValueError) as fault:
        print(f"host: {fault}", file=sys.stderr)
        return 1
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
