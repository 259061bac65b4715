# SPDX-License-Identifier: Apache-2.0
"""How a holder comes to libpam: pamela loads it by its name, and no program looks for it. What is said where it is not there.

Law: a host without libpam is this one, with nothing in its place; each test puts it back.
"""

from __future__ import annotations

import ctypes.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor.direct import Direct, places
from tests.monitor.stage import Stage

LOAD = """
import os, sys
sys.path += sys.argv[1:]
sys.addaudithook(lambda event, _: event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec") and print(event))
from jitd.monitor.pam_session import Refused, load
before = dict(os.environ)
try:
    print(load().LIBPAM._name)
except Refused as fault:
    print(fault)
print("as before" if dict(os.environ) == before else dict(os.environ))
import ctypes.util
print(ctypes.util.find_library.__module__)
"""
AFTER_FORK = """
import os, sys
sys.path += sys.argv[1:]
os.register_at_fork = lambda **what: print(what)
import jitd.monitor.launcher
from jitd.monitor.pam_session import warm
warm()
print(*sorted({"threading", "random", "subprocess", "logging", "ctypes.util", "pamela"} & sys.modules.keys()))
"""
EMPTY = re.compile(r"PAM \(service jitd\) cannot be called: \S*libpam\.so\.0: file too short; install libpam, or run ldconfig")


def launched(program: str, **environment: str) -> list[str]:
    """What ``program`` prints in a process with the launcher's modules."""
    line = [sys.executable, "-IS", "-c", program, *places()]
    return subprocess.run(line, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


@contextmanager
def without_libpam() -> Iterator[None]:
    """Have nothing in its place."""
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    loaded = subprocess.run(
        [sys.executable, "-IS", "-c", "import ctypes; ctypes.CDLL('libpam.so.0'); print(open('/proc/self/maps').read())"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    (path,) = {line.split()[-1] for line in loaded.stdout.splitlines() if "/libpam.so.0" in line}
    subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_it_is_found_without_a_program_and_the_standard_library_is_as_it_was(tmp_path: Path) -> None:
    for name in ("ldconfig", "gcc", "cc", "ld", "objdump"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    assert launched(LOAD, PATH=str(tmp_path)) == ["libpam.so.0", "as before", "ctypes.util"]


def test_the_names_that_it_is_given_are_those_of_the_host() -> None:
    said = launched(LOAD)
    assert said[0] == ctypes.util.find_library("pam")
    assert ctypes.util.find_library("c") == "libc.so.6"


def test_nothing_that_the_launcher_loads_runs_code_in_its_children_after_a_fork() -> None:
    """Each start would wait for it (docs/start.md)."""
    assert launched(AFTER_FORK) == ["pamela"]


def test_a_host_on_which_it_is_not_there_runs_nothing_and_says_so_until_it_is() -> None:
    with ExitStack() as at_end:
        with without_libpam():
            because, *others = launched(LOAD)
            assert EMPTY.fullmatch(because) and others == ["as before", "ctypes.util"]
            stage = Stage(Direct)
            at_end.callback(stage.close)
            mark = stage.directory / "mark"
            client, outcome = stage.play(stage.job("/usr/bin/touch", str(mark)))
            assert outcome == Outcome(Ending.NOT_STARTED, 126, because)
            assert client.end == {"outcome": "not started", "status": 126, "because": because}
            assert not mark.exists()
        assert stage.play(stage.job("/usr/bin/touch", str(mark)))[1] == Outcome(Ending.EXITED, 0)
        assert mark.exists()


@pytest.mark.parametrize("of", ["the account", "the requester"])
def test_a_name_that_is_not_utf_8_is_refused_with_a_sentence(stage: Stage, of: str) -> None:
    mark = stage.directory / "mark"
    user = os.fsdecode(b"b\xe9a") if of == "the account" else "root"
    environment = ((b"SUDO_USER", b"b\xe9a" if of == "the requester" else b"eve"),)
    job = stage.job("/usr/bin/touch", str(mark), user=user, environment=environment)
    because = r"PAM (service jitd) cannot be called: the name b\xe9a is not UTF-8"
    assert stage.play(job)[1] == Outcome(Ending.NOT_STARTED, 126, because)
    assert not mark.exists()
