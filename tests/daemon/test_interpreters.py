# SPDX-License-Identifier: Apache-2.0
"""A script's interpreter may be a script, and so on: whoever can change any of them can change what runs.

Law: what is followed is as deep as the kernel follows; each place of the line is made writable in turn.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from jitd.files.inspection import Uninspectable, inspect

NAMES = ["script", "first", "second", "third", "fourth", "fifth"]
"""A script and all the interpreters that the kernel follows: the last of them is a program."""
ME = os.getuid()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that only root, and who runs this, can change, all the way up."""
    path = Path(tempfile.mkdtemp(prefix="jitd-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def line_of(place: Path, names: list[str]) -> bytes:
    """Each of ``names`` in a directory of its own, a script of the one after it; the last is a program that says nothing."""
    for name in names:
        (place / f"{name}.d").mkdir()
    for name, after in pairwise(names):
        (place / f"{name}.d" / name).write_text(f"#!{place / f'{after}.d' / after}\n")
        (place / f"{name}.d" / name).chmod(0o755)
    shutil.copy("/bin/true", place / f"{names[-1]}.d" / names[-1])
    return os.fsencode(place / f"{names[0]}.d" / names[0])


def executed(path: bytes) -> int:
    """What the kernel says to it: 0, or the number of its error."""
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(path, [path])
        except OSError as fault:
            os._exit(fault.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_line_of_scripts_that_only_root_can_change_is_good(place: Path) -> None:
    found = inspect(line_of(place, NAMES), ME)
    assert (found.writable_by, found.interpreters, found.by_name) == ((), (), ())


@pytest.mark.parametrize("writable", NAMES)
def test_whichever_script_of_the_line_others_may_write_they_are_named(place: Path, writable: str) -> None:
    """THREATS R-06."""
    path = line_of(place, NAMES)
    file = place / f"{writable}.d" / writable
    file.chmod(0o757)
    assert inspect(path, ME).writable_by == (f"{file} may be written by everybody",)


@pytest.mark.parametrize("writable", NAMES[1:])
def test_whichever_interpreter_of_the_line_others_may_write_it_is_told_with_its_digest(place: Path, writable: str) -> None:
    """THREATS X-22."""
    path = line_of(place, NAMES)
    file = place / f"{writable}.d" / writable
    file.chmod(0o757)
    (found,) = inspect(path, ME).interpreters
    assert (found.path, found.real) == (os.fsencode(file), os.fsencode(file))
    assert found.digest == hashlib.sha256(file.read_bytes()).digest()
    assert found.writable_by == (f"{file} may be written by everybody",)


@pytest.mark.parametrize("writable", NAMES)
def test_whichever_directory_of_the_line_others_may_write_they_are_named(place: Path, writable: str) -> None:
    """THREATS R-07: whoever may write to a directory puts another file into it."""
    path = line_of(place, NAMES)
    (place / f"{writable}.d").chmod(0o757)
    assert inspect(path, ME).writable_by == (f"{place / f'{writable}.d'} may be written by everybody",)


def test_all_who_can_change_any_of_the_line_are_named_once(place: Path) -> None:
    path = line_of(place, NAMES)
    for name in NAMES:
        (place / f"{name}.d" / name).chmod(0o757)
    assert inspect(path, ME).writable_by == tuple(f"{place / f'{name}.d' / name} may be written by everybody" for name in NAMES)


@pytest.mark.parametrize("missing", NAMES[1:])
def test_whichever_interpreter_of_the_line_is_missing_the_script_is_refused(place: Path, missing: str) -> None:
    path = line_of(place, NAMES)
    (place / f"{missing}.d" / missing).unlink()
    with pytest.raises(Uninspectable, match="the interpreter in its first line is missing") as fault:
        inspect(path, ME)
    assert fault.value.looked_at == (os.fsencode(place / f"{missing}.d" / missing),)


@pytest.mark.parametrize("plain", NAMES[1:])
def test_whichever_interpreter_of_the_line_cannot_be_executed_the_script_is_refused(place: Path, plain: str) -> None:
    path = line_of(place, NAMES)
    (place / f"{plain}.d" / plain).chmod(0o644)
    with pytest.raises(Uninspectable, match="the interpreter in its first line is not executable"):
        inspect(path, ME)


@pytest.mark.parametrize("name", NAMES[1:-1])
def test_whichever_interpreter_of_the_line_names_a_relative_one_the_script_is_refused(place: Path, name: str) -> None:
    path = line_of(place, NAMES)
    (place / f"{name}.d" / name).write_text("#!sh\n")
    with pytest.raises(Uninspectable, match="not named by an absolute path"):
        inspect(path, ME)


def test_the_kernel_executes_that_line_and_none_that_is_longer(place: Path) -> None:
    """Or there would be an interpreter that nobody looks at, or a look at one that never runs."""
    assert executed(line_of(place, NAMES)) == 0
    longer = place / "longer"
    longer.mkdir()
    assert executed(line_of(longer, [*NAMES, "sixth"])) == errno.ELOOP
