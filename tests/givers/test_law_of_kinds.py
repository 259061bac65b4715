# SPDX-License-Identifier: Apache-2.0
"""Every kind keeps the law of ``givers/kind.py``, whichever step the kernel refuses, and whatever a holder locks.

To add a kind: a class that keeps Case, and a row of CASES. Each step of the kind that the kernel can refuse is then refused once.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from jitd.files.durable import alone, locked
from jitd_things.givers.kind import Failed, Given, Kind, Order, Taken
from jitd_things.givers.ssh_certificate import SshCertificate, SshCertificates, id_of
from jitd_things.givers.sudoers import Sudoers, SudoersLines
from tests.givers.killed import tried

HOLDING = "WNC0-D702"
NOBODY = pwd.getpwnam("nobody")


class Case(Protocol):
    """A kind on files of the test's own. ``parts`` are the parts of its taking, in order, each as a pattern of its last step."""

    parts: tuple[str, ...]

    def __init__(self, place: Path) -> None:
        """Make it below ``place``."""

    @property
    def kind(self) -> Kind: ...

    def order(self) -> Order: ...

    def works(self) -> bool:
        """True if the holder has the right. The host is asked, and not the product."""

    def litter(self) -> None:
        """Leave what a deed leaves that is killed at its worst moment."""


class SudoersCase:
    parts = (r"remove .*/jitd_WNC0-D702", r"sync .*/sudoers\.d", r"remove .*/\.jitd_WNC0-D702\.new")

    def __init__(self, place: Path) -> None:
        self.file, self.directory = place / "sudoers", place / "sudoers.d"
        self.directory.mkdir()
        self.file.write_text(f"root ALL=(ALL:ALL) ALL\n@includedir {self.directory}\n")
        self.file.chmod(0o440)

    @property
    def kind(self) -> Kind:
        return SudoersLines(Sudoers("logs", lines=("ALL=(root) NOPASSWD: /usr/bin/id",)), self.file, self.directory)

    def order(self) -> Order:
        return Order(HOLDING, "logs", "nobody", NOBODY.pw_uid, int(time.time()) + 600)

    def works(self) -> bool:
        return any("NOPASSWD" in file.read_text() for file in self.directory.iterdir() if "." not in file.name)

    def litter(self) -> None:
        (self.directory / f".jitd_{HOLDING}.new").write_text("half")


class SshCase:
    parts = (r"remove .*/\.revoked\.krl\.jitd", r"rmtree .*/jitd-ssh-WNC0-D702")

    def __init__(self, place: Path) -> None:
        self.etc, self.work = place / "etc", place / "run"
        self.etc.mkdir(mode=0o755)
        self.work.mkdir(mode=0o755)
        self.ca, self.krl = self.etc / "ca", self.etc / "revoked.krl"
        for name in ("ca", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.etc / name], check=True)
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", self.krl], check=True)

    @property
    def kind(self) -> Kind:
        giver = SshCertificate("ops", ca=self.ca, principals=("ops",), krl=self.krl)
        return SshCertificates(giver, self.work, self.work / "locks" / "krl.lock")

    def order(self) -> Order:
        brought = (self.etc / "id.pub").read_text().strip()
        return Order(HOLDING, "ops", "nobody", NOBODY.pw_uid, int(time.time()) + 600, brought)

    def works(self) -> bool:
        said = subprocess.run(["ssh-keygen", "-Q", "-l", "-f", self.krl], capture_output=True, text=True, check=True)
        return f"id: {id_of(HOLDING)}" not in said.stdout.splitlines()

    def litter(self) -> None:
        (self.work / f"jitd-ssh-{HOLDING}").mkdir()


CASES: dict[str, type[Case]] = {"sudoers": SudoersCase, "ssh-certificate": SshCase}


def made(kind: str, place: Path) -> Case:
    """A host on which somebody has the right, and a deed has left litter."""
    place.mkdir(mode=0o755, exist_ok=True)
    place.chmod(0o755)
    case = CASES[kind](place)
    assert isinstance(given := case.kind.give(case.order()), Given), given
    if given.secret is not None:
        os.close(given.secret)
    case.litter()
    assert case.works()
    return case


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory to which every account can go."""
    found = Path(tempfile.mkdtemp(prefix="law-", dir="/var/tmp"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def last_of(pattern: str, steps: list[str]) -> int:
    """Where the last step is that ``pattern`` fits; -1 if there is none."""
    return max((n for n, step in enumerate(steps) if re.fullmatch(pattern, step)), default=-1)


@pytest.mark.parametrize("kind", CASES)
def test_the_right_ends_first_and_tidying_comes_last(kind: str, place: Path) -> None:
    """THREATS Q-44."""
    case = made(kind, place)
    order = case.order()
    answer, steps = tried(lambda: case.kind.take(order))
    assert answer == Taken() and not case.works()
    at = [last_of(pattern, steps) for pattern in case.parts]
    assert -1 not in at and at == sorted(at), steps
    assert tried(lambda: case.kind.take(order))[0] == Taken(), "an order may come twice"


@pytest.mark.parametrize("kind", CASES)
def test_whichever_step_is_refused_the_later_parts_are_tried_and_nothing_is_called_taken_that_is_not(
    kind: str, place: Path
) -> None:
    """THREATS Q-44. Each step that the kernel can refuse fails once, on a host of its own."""
    whole_case = made(kind, place / "whole")
    order = whole_case.order()
    _, whole = tried(lambda: whole_case.kind.take(order))
    ends_at = [last_of(pattern, whole) for pattern in whole_case.parts]
    assert len(whole) >= len(ends_at) > 1
    for at in range(1, len(whole) + 1):
        case = made(kind, place / f"host-{at}")
        order = case.order()
        answer, steps = tried(partial(case.kind.take, order), at)
        part = next((n for n, end in enumerate(ends_at) if at - 1 <= end), len(ends_at) - 1)
        untried = [pattern for pattern in case.parts[part + 1 :] if last_of(pattern, steps) < 0]
        assert untried == [], f"{whole[at - 1]} failed: {steps}"
        if isinstance(answer, Taken):
            assert not case.works() and answer.left, f"{whole[at - 1]} failed, and nothing is told"
        else:
            assert isinstance(answer, Failed), answer
        assert case.kind.take(order) == Taken() and not case.works(), "the next order finishes it"


# --- what a holder can lock ------------------------------------------------------------------------------------------------


@contextmanager
def locked_by_nobody(paths: list[Path]) -> Iterator[int]:
    """An account without rights locks all of ``paths`` that it can open. Return how many these are."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(NOBODY.pw_gid)
        os.setuid(NOBODY.pw_uid)
        n_locked = 0
        for path in paths:
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                n_locked += 1
        os.write(writing, f"{n_locked}\n".encode())
        signal.pause()
        os._exit(1)
    try:
        yield int(os.read(reading, 16))
    finally:
        os.close(reading)
        os.close(writing)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("kind", CASES)
def test_whatever_another_account_locks_the_right_ends(kind: str, place: Path) -> None:
    """THREATS Q-43."""
    case = made(kind, place)
    order = case.order()
    with locked_by_nobody([place, *sorted(place.rglob("*")), *map(Path, ("/", "/etc", "/run", "/tmp", "/var/lib"))]) as n_locked:
        assert n_locked > 4
        assert tried(lambda: case.kind.take(order))[0] == Taken()
    assert not case.works()


def test_no_other_account_can_hold_the_lock_on_notes(place: Path) -> None:
    """THREATS Q-43. The directory was restored from a copy, and everybody can read it."""
    notes = place / "notes"
    notes.mkdir(mode=0o755)
    with alone(notes):
        pass

    def lock() -> str:
        with alone(notes):
            return "alone"

    with locked_by_nobody([notes, *notes.iterdir()]) as n_locked:
        assert n_locked == 1, "the directory alone"
        assert tried(lock)[0] == "alone"


def test_a_lock_of_root_keeps_others_of_root_waiting(place: Path) -> None:
    """The honest twin: two deeds of root never hold it together."""
    file = place / "own" / "lock"
    with locked(file), pytest.raises(EOFError):
        tried(lambda: locked(file).__enter__(), within=1)
    assert (file.stat().st_mode & 0o7777, file.parent.stat().st_mode & 0o7777) == (0o600, 0o700)


@pytest.mark.parametrize("spoil", ["file", "directory", "link"])
def test_a_lock_that_others_could_open_or_move_is_none(place: Path, spoil: str) -> None:
    """THREATS Q-43."""
    file = place / "own" / "lock"
    with locked(file):
        pass
    if spoil == "link":
        file.unlink()
        file.symlink_to(place / "aim")
    else:
        (file if spoil == "file" else file.parent).chmod(0o666 if spoil == "file" else 0o777)
    with pytest.raises(OSError, match="others can|symbolic links"), locked(file):
        pass
    assert not (place / "aim").exists()
