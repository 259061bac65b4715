# SPDX-License-Identifier: Apache-2.0
"""The forks that ``os.fork`` cannot make: a child beside this process, and one that starts in a control group.

Law: to Python they are forks like those of ``os.fork``. What other modules have registered for a fork is called before and after
it, and neither process keeps a lock that Python has taken for it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from jitd.executor.direct import places
from tests.waiting import PATIENCE

FORKING = """
import _thread, os, sys
how, *paths = sys.argv[1:]
sys.path += paths
from jitd.monitor.housing import _clone, fork_sibling, rehearse_fork

def refused():
    try:
        _clone(9999)
    except OSError as fault:
        os.write(1, f"{fault.errno}\\n".encode())
    return -1

FORKS = {"os.fork": os.fork, "beside": fork_sibling, "rehearsed": lambda: rehearse_fork() or -1, "refused": refused}
events = []
for when in ("before", "after_in_parent", "after_in_child"):
    os.register_at_fork(**{when: lambda when=when: events.append(when)})

def tell(who):
    import queue  # takes the lock of imports, and so does the thread
    finished = _thread.allocate_lock()
    finished.acquire()
    def imports():
        import heapq, colorsys
        finished.release()
    _thread.start_new_thread(imports, ())
    assert finished.acquire(timeout=60), "no thread can import"
    os.write(1, f"{who} {' '.join(events)}\\n".encode())
    os._exit(0)

if os.fork() == 0:  # whose parent waits for what is forked beside it, too
    events.clear()
    pid = FORKS[how]()
    tell("parent" if pid else "child")
try:
    while True:
        status = os.wait()[1]
        if status:
            print("ended with", status)
except ChildProcessError:
    pass
"""


def told(how: str) -> list[str]:
    """What the processes of ``FORKING`` say, in the order of the alphabet."""
    line = [sys.executable, "-IS", "-c", FORKING, how, *places()]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2 * PATIENCE, check=True)
    return sorted(done.stdout.splitlines())


def test_a_child_beside_this_process_is_made_as_os_fork_makes_one() -> None:
    assert told("beside") == told("os.fork") == ["child before after_in_child", "parent before after_in_parent"]


@pytest.mark.parametrize(("how", "error"), [("rehearsed", []), ("refused", ["9"])])
def test_what_is_not_forked_leaves_python_as_it_was(how: str, error: list[str]) -> None:
    assert told(how) == [*error, "parent before after_in_parent"]
