# SPDX-License-Identifier: Apache-2.0
"""Ends the sudo of an account that has not begun its command yet.

sudo reads its lines before it asks for a password, and never again. The account decides how long it waits: at a terminal, or by a
program that is asked for the password (``sudo -A``). So a sudo that waits would begin its command after the lines are gone.

Law: a sudo that a caller has started keeps the caller's real uid, and only the set-uid sudo has its file as its executable and
root as its effective uid. It has begun its command if it has a child under another real uid, directly or below its monitor, which
is a sudo as well. All that have read the lines are there when the lines have been removed, so one look at all processes finds
them. Not recognized: a sudo whose program that is asked for the password acts under another real uid, such as another sudo.
Sources: sudo(8), credentials(7), pidfd_open(2), proc(5).
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path

NAMES = frozenset({"sudo", "sudo-rs", "sudoedit"})
"""File names of the executables of sudo and sudo-rs."""
PATIENCE = 0.5
"""Seconds until a sudo that has got SIGTERM gets SIGKILL. It uses the time to let the terminal show again what is typed."""
ENDS_WITHIN = 2.0
LOOK_AGAIN = 0.05


def end_waiting(uid: int) -> list[int]:
    """End each sudo that the account ``uid`` has called and that has not begun a command. Return the pids of those that still
    live. Raises OSError.
    """
    began = time.monotonic()
    with ExitStack() as opened:
        living: dict[int, int] = {}
        for pid in _waiting(uid):
            with suppress(ProcessLookupError):
                living[pid] = os.pidfd_open(pid)
                opened.callback(os.close, living[pid])
        number = signal.SIGTERM
        while living:
            waiting = _waiting(uid)  # after the descriptors were opened, so they refer to the same processes
            living = {pid: descriptor for pid, descriptor in living.items() if pid in waiting and not _has_ended(descriptor)}
            for descriptor in living.values():
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
            if time.monotonic() > began + ENDS_WITHIN:
                break
            if time.monotonic() > began + PATIENCE:
                number = signal.SIGKILL
            time.sleep(LOOK_AGAIN)
    return sorted(living)


def _waiting(uid: int) -> set[int]:
    """Return the pids of the sudos that ``uid`` has called and that have not begun a command."""
    sudos, others, parents = set(), set(), {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                found = dict(line.split(b":", 1) for line in Path(f"/proc/{name}/status").read_bytes().splitlines())
                real, effective = (int(word) for word in found[b"Uid"].split()[:2])
                parents[int(name)] = int(found[b"PPid"])
                if real != uid:
                    others.add(int(name))
                elif effective == 0 and _is_sudo(name):
                    sudos.add(int(name))
    begun = {parents[pid] for pid in others} & sudos
    while more := {parents[pid] for pid in begun} & sudos - begun:
        begun |= more
    return sudos - begun


def _is_sudo(name: str) -> bool:
    return os.path.basename(os.readlink(f"/proc/{name}/exe")).removesuffix(" (deleted)") in NAMES


def _has_ended(descriptor: int) -> bool:
    waits = select.poll()
    waits.register(descriptor, select.POLLIN)
    return bool(waits.poll(0))
