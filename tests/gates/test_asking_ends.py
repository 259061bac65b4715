# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of the question to the KDCs, no process that asks one of them is left."""

import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE

TREE = Path(__file__).resolve().parents[2]
ASKS = """
import os, resource, sys
from jitd_gates.asking import ask
from jitd.kdc.libkrb5 import Library

Library().relations("EXAMPLE.TEST")  # so that everything is loaded
before = os.listdir("/proc/self/fd")
full = int(sys.argv[1])
if full:  # room for the pipe of one process that asks, and not for that of the second
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(before) + 1,) * 2)
try:
    said = list(ask("EXAMPLE.TEST", "host/a@EXAMPLE.TEST", "/nonexistent", ["host/b@EXAMPLE.TEST"], ["127.0.0.1", "127.0.0.2"]))
    print(len(said))
except OSError as fault:
    print(fault.strerror)
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
print(len(os.listdir("/proc/self/fd")) - len(before))
"""


def left_by(full: bool) -> list[str]:
    command = [sys.executable, "-c", ASKS, str(int(full))]
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.splitlines()


def test_where_there_is_no_room_for_the_second_that_asks_the_first_is_ended() -> None:
    assert left_by(full=True) == ["Too many open files", "no child", "0"]


def test_when_all_have_answered_none_of_them_and_none_of_their_pipes_is_left() -> None:
    assert left_by(full=False) == ["2", "no child", "0"]
