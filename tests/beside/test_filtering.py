# SPDX-License-Identifier: Apache-2.0
"""The filter of system calls: what it refuses, what goes on, and a host that has none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jitd.beside import filtering

TRIES = """
import ctypes, errno, os, socket, subprocess, sys, threading
from jitd.beside import filtering
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, *words):
    ctypes.set_errno(0)
    getattr(libc, name)(*words)
    return errno.errorcode.get(ctypes.get_errno(), "")
NEWUSER, TRACEME = 0x10000000, 0
before = tried("ptrace", 99999, 0, 0, 0)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and filtering.load()
print(before != "EPERM", tried("unshare", NEWUSER), tried("ptrace", 99999, 0, 0, 0), tried("mount", b"x", b"/", b"tmpfs", 0, 0))
thread = threading.Thread(target=socket.getaddrinfo, args=("localhost", 80)); thread.start(); thread.join()
print(subprocess.run([sys.executable, "-c", "print(open('/proc/self/status').read().split('Seccomp:')[1].split()[0])"],
                     capture_output=True, text=True, check=True).stdout.strip())
"""


def test_what_is_filtered_is_refused_and_all_else_goes_on_in_children_too() -> None:
    done = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "EPERM", "EPERM", "EPERM", "2"], done.stderr


def test_a_host_without_the_library_has_no_filter_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "LIBRARY", "libno-such-thing.so.2")
    assert filtering.load() is False
