# SPDX-License-Identifier: Apache-2.0
"""How tests wait: for an event, and as long as a busy host takes.

Law: no test waits for a time to pass where something can be seen to happen. What is looked at while waiting starts no process.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import struct
import termios
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = float(os.environ.get("JITD_PATIENCE") or 60)
"""Seconds. No promise of the product: only where a test gives up. ``make sabotage`` has less of it."""


def wait_for(true: Callable[[], T], within: float = PATIENCE, what: str = "it") -> T:
    """What ``true`` returns once that is true; a LookupError is "not yet". Raises AssertionError after ``within`` seconds."""
    until = time.monotonic() + within
    pause = 0.002
    while True:
        missing: LookupError | None = None
        try:
            found = true()
            if found:
                return found
        except LookupError as fault:
            missing = fault
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come about within {within} s") from missing
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


GIVEN_UP = re.compile(r"\(gave up after [\d.]+ s\)$|(did not answer|could not be read) within \d+ s|jitd does not answer", re.M)
"""What ``jitd doctor`` says of a look that a busy host has it give up."""


def examined(look: Callable[[], str], silent: Container[str] = ()) -> list[dict[str, Any]]:
    """The findings that ``look`` returns, as ``jitd doctor --json`` prints them, once it has looked at all to the end: on a busy
    host it may give up. The checks in ``silent`` never answer.
    """

    def seen() -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in look().splitlines()]
        return [] if any(GIVEN_UP.search(row["sentence"]) and row["check"] not in silent for row in rows) else rows

    return wait_for(seen, what="a look that is not given up")


def status_of(pid: int | str) -> dict[str, str]:
    """What the kernel says of a process: proc(5), ``status``. Raises OSError where there is none."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def handles(pid: int | str, number: int) -> bool:
    """Whether the process ignores or catches the signal ``number`` by now."""
    status = status_of(pid)
    return bool((int(status["SigIgn"], 16) | int(status["SigCgt"], 16)) >> number - 1 & 1)


def is_living(pid: int | str) -> bool:
    """False also for a process that is dead and has not been waited for: it has let go of its files and their locks by then."""
    try:
        return not status_of(pid)["State"].startswith("Z")
    except OSError:  # before it was opened, or before it was read
        return False


def sleeps(pid: int | str) -> bool:
    """Whether the process waits for something. One that has just written its prompt may not read yet: less(1) forgets a Ctrl-C
    that comes between the two.
    """
    return status_of(pid)["State"].startswith("S")


def is_at_rest(pid: int | str) -> bool:
    """Whether the process waits for something, and no signal waits for it: it has handled all that were sent to it."""
    status = status_of(pid)
    return status["State"].startswith("S") and not int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)


def unread(control: socket.socket) -> int:
    """What was sent and the other side has not read (unix(7): SIOCOUTQ)."""
    found: int = struct.unpack("i", fcntl.ioctl(control, termios.TIOCOUTQ, bytes(4)))[0]
    return found
