# SPDX-License-Identifier: Apache-2.0
"""What a file of tests may leave behind in a lab: files, mounts, and processes.

Law: outside a lab there is nothing to see and nothing to end, for others may have theirs there.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from pathlib import Path

from tests.waiting import is_living, wait_for

SERVICES = {"fork_server.py", "jitd-helper", "kadmind", "krb5kdc"}
"""Programs that stay for the next file: a fixture of the whole run starts them, or a test starts the lab's own anew."""
LAUNCHER = b"jitd.monitor.launcher"
"""In the words of each launcher and each monitor. They end with their daemon, after they have removed the control group of their
run: to kill one leaves that to nobody.
"""
Process = tuple[int, str]
"""A pid, and when the process began (proc(5), ``starttime``): another may get the pid later."""


def is_in_lab() -> bool:
    return os.uname().nodename == "lab.example.test"


def scratch() -> set[str]:
    """What is in the lab's directory for tests: elsewhere others may use it."""
    return set(os.listdir("/srv")) if is_in_lab() else set()


def mounts() -> Counter[str]:
    """Where something is mounted, and how often: but for what systemd mounts for each login. ``Path.is_mount`` does not see a
    bind mount, which is on the same device as its parent.
    """
    lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines() if is_in_lab() else []
    places = (line.split()[4] for line in lines)
    return Counter(place for place in places if not place.startswith("/run/"))


def rules() -> dict[str, bytes]:
    """By what this host lets somebody in: a lab within a lab has them from the one around it, too."""
    if not is_in_lab():
        return {}
    places = (Path("/etc/sudoers"), *Path("/etc/sudoers.d").iterdir(), *Path("/etc/pam.d").iterdir())
    return {str(place): place.read_bytes() for place in places if place.is_file()}


def daemons() -> set[Process]:
    """The processes that are a jitd's."""
    return {one for one, words in running().items() if b"serve" in words and any(word.endswith(b"/jitd") for word in words)}


def running() -> dict[Process, list[bytes]]:
    """The processes that live, and their command lines."""
    found = {}
    for place in Path("/proc").glob("[0-9]*") if is_in_lab() else ():
        with contextlib.suppress(OSError):
            state, *fields = (place / "stat").read_text().rpartition(")")[2].split()
            line = (place / "cmdline").read_bytes()
            if state not in "ZX" and line:  # in the midst of an execve(2), it has no arguments yet
                found[int(place.name), fields[18]] = line.split(b"\0")
    return found


def end_what_runs_since(before: set[Process]) -> None:
    """End the processes that were not there ``before``, and wait until they have ended. A test that kills one process on purpose
    leaves those that this one had started; a later file may look for a process like them. Not where systemd runs, in the lab or
    on another host of it: it starts processes whenever it wants to.
    """
    if os.path.isdir("/run/systemd/system") or os.path.isdir("/run/lab/ad"):
        return
    since = {one for one, words in running().items() if one not in before and not stays(words)}
    for pid, _ in since:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # one that is about to end has no arguments any more, and lives
    wait_for(
        lambda: since.isdisjoint(running()) and not any(is_living(pid) for pid, _ in since),
        what="the end of what the tests of this file have left",
    )


def stays(words: list[bytes]) -> bool:
    return any(os.path.basename(os.fsdecode(word)) in SERVICES or LAUNCHER in word for word in words)
