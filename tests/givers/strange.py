# SPDX-License-Identifier: Apache-2.0
"""jitd-givers with a kind of the tests' own in the place of sudoers: it tells what it sees, hangs, and gives a secret."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jitd import beside_process
from jitd.beside.answering import Served
from jitd.beside.child import Child
from jitd.beside.secret import sealed
from jitd.beside.starting import Begun, ways
from jitd_things.givers import process
from jitd_things.givers.kind import Given, Order, Seen, State, Strays, Taken
from jitd_things.givers.messages import Answer, Question, Take
from jitd_things.givers.sudoers import Sudoers
from tests.in_flight import MAY_SEND, be_counted
from tests.waiting import PATIENCE, is_living, wait_for

PR_GET_DUMPABLE = 3


class Strange:
    """Keeps the Protocol, and what it should not do it does."""

    def __init__(self, giver: Sudoers) -> None:
        self._giver = giver

    def give(self, order: Order) -> Given:
        """Give a secret."""
        if Path(order.brought).with_name(MAY_SEND).exists():
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        return Given(secret=sealed(b"planted-secret"))

    def take(self, order: Order) -> Taken:
        """Hang, with a child that has left."""
        child = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
        new = Path(order.brought).with_name("left.new")
        new.write_text(f"{os.getpid()} {child.pid}")
        new.rename(new.with_name("left"))
        time.sleep(600)
        return Taken()

    def look(self, order: Order) -> Seen:
        """Tell what a deed sees of itself."""
        saw = {
            "uid": os.geteuid(),
            "pid": os.getpid(),
            "parent": os.getppid(),
            "session": os.getsid(0),
            "routes": " ".join(sorted(ways())),
            "environment": " ".join(sorted(os.environ)),
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "dumpable": ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
            "descriptors": " ".join(str(n) for n in range(64) if os.path.lexists(f"/proc/self/fd/{n}")),
        }
        Path(order.brought).write_text("".join(f"{name}={value}\n" for name, value in saw.items()))
        return Seen(State.STANDS)

    def strays(self, orders: Sequence[Order]) -> Strays:
        """There are none."""
        return Strays()


Sudoers.deeds = lambda giver: Strange(giver)  # type: ignore[assignment,method-assign]


class Hanging(Child):
    """A deed whose time begins when it hangs, if it does: before that it takes as long as a busy host."""

    def __init__(self, work: partial[None]) -> None:
        super().__init__(work)
        question = work.args[0]
        if isinstance(question, Take):
            hangs = Path(question.order.brought).with_name("left")
            wait_for(lambda: hangs.exists() or not is_living(self.pid), what="a deed that hangs")


class Deeds(process.Deeds):
    """What hangs has half a second, and all else as long as a busy host takes."""

    async def do(self, question: Question) -> Answer:
        """Start a child that does the deed of ``question``. Return the child's answer."""
        self._seconds = 0.5 if isinstance(question, Take) else PATIENCE
        return await super().do(question)


process.Child = Hanging  # type: ignore[attr-defined,assignment]
process.Deeds = Deeds  # type: ignore[misc]


def main() -> int:
    """Run it."""
    served = process.served

    def counted(begun: Begun) -> list[Served[Question, Answer]]:
        be_counted()
        return served(begun)

    process.served = counted
    return beside_process.main()
