# SPDX-License-Identifier: Apache-2.0
"""Hunts for a moment, with the real programs: a directory of carol's is swapped for a link to root's all the time, and what of
the question runs as carol is stopped and continued by her.

Law: whatever the moment, no file of hers runs as root, and what is named without her directory runs as always.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import pwd
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pam.homes import Home
from tests.pam.programs import Gated
from tests.times import times

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
EXCHANGE = 2
PAUSE = 1000
"""Swaps for which a stopped process stays stopped."""
INITIATORS = (b"/usr/lib/jitd/prove", b"jitsudo")
"""What of the question runs as the person who asks."""
POLICY = """
[[permit]]
name = "at-once"
who = ["user:carol"]
services = ["jitsudo", "sudo", "su", "doas"]
commands = [["/usr/bin/id"], ["/usr/bin/bash", "**"]]
run = { options = "allow" }
"""
LINES = {
    "sudo": "sudo {own}/turn/id",
    "doas": "doas {own}/turn/id",
    "su": "su -s {own}/turn/bash -c 'id -u'",
    "jitsudo": "jitsudo {own}/turn/id",
}
TWINS = {"sudo": "sudo id", "doas": "doas /usr/bin/id", "su": "su -c 'id'", "jitsudo": "jitsudo id"}


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    with Gated(POLICY) as made:
        yield made


@pytest.fixture
def carol(gated: Gated) -> Iterator[Home]:
    made = Home(gated, "carol")
    made.script(made.own / "turn/id")
    made.script(made.own / "turn/bash")
    made.link("other", "/usr/bin")
    yield made
    made.close()


@contextlib.contextmanager
def as_carol(work: Callable[[], None]) -> Iterator[None]:
    """``work`` again and again, in a process of carol's."""
    carol, parent = pwd.getpwnam("carol"), os.getpid()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(carol.pw_gid, carol.pw_gid, carol.pw_gid)
            os.setresuid(carol.pw_uid, carol.pw_uid, carol.pw_uid)
            while os.getppid() == parent:
                work()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


class Swaps:
    """How often the two have been swapped, for all processes."""

    def __init__(self, one: Path, other: Path) -> None:
        self._names = os.fsencode(one), os.fsencode(other)
        self._shared = mmap.mmap(-1, 8)
        self._exchange = ctypes.CDLL(None, use_errno=True).renameat2

    def swap(self) -> None:
        if self._exchange(-100, self._names[0], -100, self._names[1], EXCHANGE):
            raise OSError(ctypes.get_errno(), "renameat2")
        self._shared[:8] = (self.n + 1).to_bytes(8, "little")

    @property
    def n(self) -> int:
        return int.from_bytes(self._shared[:8], "little")

    def stop_initiators(self) -> None:
        """Stop what asks for carol, wherever it is, until the two have been swapped many times."""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if any(name in words for name in INITIATORS):
                    os.kill(int(entry.name), signal.SIGSTOP)
                    until = self.n + PAUSE
                    while self.n < until:
                        pass
                    os.kill(int(entry.name), signal.SIGCONT)


def test_a_directory_that_is_swapped_all_the_time_lets_no_file_of_its_owners_run(carol: Home) -> None:
    """THREATS P-14, R-15: with each gate and jitsudo; what they run when they run is root's."""
    swaps = Swaps(carol.own / "turn", carol.own / "other")
    became: Counter[str] = Counter()
    with as_carol(swaps.swap):
        with as_carol(swaps.stop_initiators):
            for program, line in LINES.items():
                while became[program, "judged"] < times(1) and became.total() < times(100):
                    typed = carol.types(line)
                    typed.ends()
                    assert not typed.has_run, f"{program}: {typed.text}"
                    is_judged = "jitd: denied" in typed.text or program == "jitsudo"
                    became[program, "judged" if is_judged else "not found by the program itself"] += 1
        for program, line in TWINS.items():  # whose initiator is not stopped: it may have as long as a gate gives it
            typed = carol.types(line)
            typed.ends()
            assert "uid=0(root)" in typed.text, f"{program}: {typed.text}"
    assert swaps.n >= times(5000)
    assert all(became[program, "judged"] for program in LINES), became
