# SPDX-License-Identifier: Apache-2.0
"""Crashes that nobody has named: anybody killed at a named point, whoever makes some call killed before it, some call failing.

Law: all of it follows from a seed, which is told with whatever is found; what is looked at is what holds for every crash.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.system.clients import SHELL
from tests.system.conftest import House
from tests.system.crashes import EXITS, FAILING, STOPPED, Trial
from tests.system.crashpoints import KILLED, Point
from tests.system.halting import EVERY

ANYHOW: dict[str, Any] = {"runs": (0, 1), "exits": tuple(sorted(EXITS | {KILLED, STOPPED})), "endings": (), "is_slow": True}
"""What may come of a kill that nobody has foreseen: nothing but what holds for every point."""
FAR = {"daemon": 400, "launcher": 1500, "client": 1200}
"""Calls that each of them makes for one request, and some more."""
VICTIMS = ("held", "daemon", "monitor", "client", "command", "holder", "launcher")
CALLS = {
    "daemon": (
        "pwrite64", "fdatasync", "openat", "sendmsg", "sendto", "memfd_create", "socketpair", "unlink", "fcntl", "write",
    ),
    "launcher": (
        "pwrite64", "openat", "sendmsg", "sendto", "socketpair", "unlink", "write", "pwritev", "mkdir", "rmdir", "rename",
        "fsync", "fdatasync", "flock", "clone3", "fork", "clone", "dup2", "chdir", "execve",
    ),
}  # fmt: skip
"""What is made to fail, one of these at a time."""
ERRORS = ("ENOSPC", "EIO", "EROFS", "EMFILE", "ENOMEM")


def walk(house: House, points: tuple[Point, ...], seed: int) -> list[str]:
    """A point and a victim that follow from ``seed``: a named point and anybody; or any call at all, and who makes it is killed,
    or it fails.
    """
    draw = random.Random(seed)
    how = draw.choice(("named", "any", "failing"))
    kind, follows = draw.choice(tuple(SHELL)), draw.choice(tuple(FAR))
    if how == "named":
        trial = Trial(house, replace(draw.choice([each for each in points if each.steps]), **ANYHOW), draw.choice(VICTIMS))
        deed: Callable[[], None] = trial.play
    elif how == "any":
        at = draw.randrange(FAR[follows]) + 1
        point = Point(f"{follows}, call {at}, {kind}", "", **ANYHOW, follows=follows, steps=((EVERY, str(at)),), kind=kind)
        trial = Trial(house, point, "held")
        deed = trial.play
    else:
        follows = draw.choice(tuple(CALLS))
        call, error, nth = draw.choice(CALLS[follows]), draw.choice(ERRORS), draw.randrange(1, 6)
        ends = {**ANYHOW, "exits": (*range(256), KILLED)}
        point = Point(f"{follows}, {call} {nth} fails with {error}, {kind}", "", **ends, follows=follows, when=FAILING, kind=kind)
        trial = Trial(house, point, "nobody")
        deed = lambda: trial.fail(call, error, nth)  # noqa: E731
    try:
        deed()
        trial.look()
    except Exception as fault:
        trial.faults.append(f"{type(fault).__name__}: {fault}")
    finally:
        trial.close()
    return [f"seed {seed}: {trial.point.name}, {trial.victim}, killed: {trial.was_killed}: {fault}" for fault in trial.faults]
