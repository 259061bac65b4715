# SPDX-License-Identifier: Apache-2.0
"""How a holder comes to libpam: pamela has programs look for it. What these are given, and what is said where none finds it.

Law: a host without ldconfig and compilers is this one, with nothing in their places; each test puts them back.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor.direct import Direct, places
from tests.monitor.stage import Stage

SEEKERS = ("ldconfig", "gcc", "cc", "ld", "objdump")
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"
LOAD = """
import os, sys
sys.path += sys.argv[1:]
from jitd.monitor.pam_session import Refused, load
before = dict(os.environ)
try:
    print(load().LIBPAM._name)
except Refused as fault:
    print(fault)
print("as before" if dict(os.environ) == before else dict(os.environ))
"""
NOT_FOUND = "PAM (service jitd) cannot be called: ldconfig -p does not name libpam.so.0; run ldconfig"


@contextmanager
def without(*programs: str, by: str | Path = "/dev/null") -> Iterator[None]:
    """Have nothing in the places of those that are there, or ``by``."""
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    found = {os.path.realpath(path) for program in programs if (path := shutil.which(program, path=SYSTEM))}
    with ExitStack() as at_end:
        for path in found:
            subprocess.run(["mount", "--bind", by, path], check=True)
            at_end.callback(subprocess.run, ["umount", path], check=True)
        yield


def loaded(**environment: str) -> list[str]:
    """What a process of its own says that has loaded it: the library, or why not; and what became of its environment."""
    line = [sys.executable, "-IS", "-c", LOAD, *places()]
    return subprocess.run(line, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def test_it_is_found_without_a_path_and_without_a_compiler() -> None:
    with without(*SEEKERS[1:]):
        assert loaded() == ["libpam.so.0", "as before"]


@pytest.mark.parametrize("is_known", [True, False])
def test_what_looks_for_it_has_nothing_of_the_environment(tmp_path: Path, is_known: bool) -> None:
    """Nor is it looked for in a directory of somebody's, though that is the first on the PATH."""
    mark = tmp_path / "mark"
    for name in SEEKERS:
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} >>{mark}\n")
        (tmp_path / name).chmod(0o755)
    hidden = () if is_known else SEEKERS
    with without(*hidden):
        said = loaded(PATH=f"{tmp_path}:{SYSTEM}", TMPDIR=str(tmp_path / "nowhere"))
    assert said == ["libpam.so.0" if is_known else NOT_FOUND, "as before"]
    assert not mark.exists(), mark.read_text()


def test_another_library_than_the_loaders_is_not_taken(tmp_path: Path) -> None:
    """One that has the functions, but for its name."""
    real = ctypes.util.find_library("pam")
    other = ["cc", "-shared", "-Wl,--no-as-needed,-soname,libpam.so.9", "-o", str(tmp_path / "libpam.so.9"), f"-l:{real}"]
    subprocess.run(other, check=True)
    ldconfig = tmp_path / "ldconfig"
    ldconfig.write_text("#!/bin/sh\nprintf '\\t%s (libc6,x86-64) => x\\n' libpam.so.9 libc.so.6\n")
    ldconfig.chmod(0o755)
    with without("ldconfig", by=ldconfig):
        found = loaded(LD_LIBRARY_PATH=str(tmp_path))
    because = "PAM (service jitd) cannot be called: pamela cannot be loaded: it has loaded libpam.so.9, not libpam.so.0"
    assert found == [because, "as before"]


def test_a_host_on_which_it_is_not_found_runs_nothing_and_says_so_until_it_is() -> None:
    with ExitStack() as at_end:
        with without(*SEEKERS):
            stage = Stage(Direct)
            at_end.callback(stage.close)
            mark = stage.directory / "mark"
            client, outcome = stage.play(stage.job("/usr/bin/touch", str(mark)))
            assert outcome == Outcome(Ending.NOT_STARTED, 126, NOT_FOUND)
            assert client.end == {"outcome": "not started", "status": 126, "because": NOT_FOUND}
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
