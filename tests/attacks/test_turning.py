# SPDX-License-Identifier: Apache-2.0
"""Hunts for a moment at a gate: a directory of the person's becomes a link to root's, and a directory again, all the time.

Law: whatever the moment, nothing that was named through a directory of the person's is taken for a file of root's.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.naming import Naming
from jitd.deciding import accounts
from jitd.deciding.command_lookup import Asked, Nonsense, find
from jitd.deciding.program_commands import Program, at_point
from jitd.deciding.view import View
from jitd.deciding.walking import Held, own_root
from tests.times import times
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people")
PATH = b"/usr/sbin:/usr/bin:/sbin:/bin"
EXCHANGE = 2
TYPED = Path("/home/alice/turn/id")


@pytest.fixture
def turning() -> Iterator[None]:
    """Alice turns ``turn``: now it is a directory with an ``id`` of hers, now a link to /usr/bin."""
    turn, other = TYPED.parent, Path("/home/alice/other")
    turn.mkdir()
    other.symlink_to("/usr/bin")
    shutil.copy("/bin/true", TYPED)
    alice = pwd.getpwnam("alice")
    for path in (turn, TYPED, other):
        os.chown(path, alice.pw_uid, alice.pw_gid, follow_symlinks=False)
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(alice.pw_uid, alice.pw_uid, alice.pw_uid)
            exchange = ctypes.CDLL(None).renameat2
            while os.getppid() != 1:
                exchange(-100, os.fsencode(turn), -100, os.fsencode(other), EXCHANGE)
        finally:
            os._exit(0)
    yield
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for path in (turn, other):
        path.unlink() if path.is_symlink() else shutil.rmtree(path)


def asked() -> Asked:
    return Asked(
        argv=(), login=False, user=None, group=None, cwd=b"/", cwd_device=0, cwd_inode=0, chdir=False, variables=(), preserved=(),
        locale=(), streams=(), reason=None, terms=USUAL,
    )  # fmt: skip


def test_a_directory_that_is_turned_all_the_time_names_nothing_of_roots(turning: None) -> None:
    """THREATS P-14: between the two walks, and between them and the lookup by name."""
    alice = accounts.Accounts(Naming(), {}, 1000).local(pwd.getpwnam("alice").pw_uid)
    assert alice is not None
    view = View(own_root(), Held(os.open("/", os.O_PATH)), b"/")
    program = Program((b"sudo", os.fsencode(TYPED)), False, b"", PATH, view)
    became: Counter[str] = Counter()
    until, n_tried = time.monotonic() + PATIENCE, 0
    while n_tried < times(800) or not (became["in doubt"] and became["named"] or time.monotonic() > until):  # alice may be late
        n_tried += 1
        understood, places = at_point("sudo", "alice", program, asked(), alice, PATH)
        if understood.doubt:
            became["in doubt"] += 1
            continue
        try:
            found = find(understood, alice, "sudo", PATH.decode(), lambda found: True)
        except Nonsense:
            became["refused"] += 1
            continue
        became["named"] += 1
        assert found.command.path in (os.fsencode(TYPED), b""), found
        assert [place.path for place in places][-1:] == [os.fsencode(TYPED)]
    assert became["in doubt"] and became["named"], became
