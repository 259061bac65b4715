# SPDX-License-Identifier: Apache-2.0
"""The working directory: entered as the target alone, or inherited from a caller that stands there by a right of its own.

Law: real processes; the client is the test's own process, which is root's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.monitor.caller import stands_in
from tests.monitor.stage import NOBODY, Stage

AS_NOBODY: dict[str, Any] = {"uid": NOBODY, "gid": NOBODY, "groups": (NOBODY,)}


@pytest.fixture
def closed(stage: Stage) -> Iterator[Path]:
    """A directory of mode 0700 that is not the target's; the client, which is this process, does not stand in it."""
    place = stage.directory / "place"
    place.mkdir(mode=0o700)
    (place / "secret").touch()
    before = Path.cwd()
    yield place
    os.chdir(before)


def test_a_directory_that_the_caller_stands_in_and_the_target_may_not_enter_is_begun_in_and_of_no_use(
    stage: Stage, closed: Path
) -> None:
    """THREATS X-17: the honest use: as from sudo, whoever asks."""
    os.chdir(closed)
    script = "pwd -P; ls . 2>&1; cat secret 2>&1; ls .. 2>&1; exit 0"
    told = stage.capture("/bin/sh", "-c", script, cwd=os.fsencode(closed), requester_uid=0, inherits=True, **AS_NOBODY).decode()
    assert told.startswith(f"{closed}\n") and told.count("Permission denied") == 3


@pytest.mark.parametrize(
    ("stands_there", "requester", "inherits"),
    [(False, 0, True), (True, NOBODY, True), (True, 0, False)],
    ids=["a client that stands elsewhere", "a client of somebody else's", "a directory that was named"],
)
def test_roots_right_to_enter_a_directory_is_lent_to_nobody(
    stage: Stage, closed: Path, stands_there: bool, requester: int, inherits: bool
) -> None:
    """THREATS X-17, S-12: with its true device and inode, and a descriptor of it open in the client."""
    if stands_there:
        os.chdir(closed)
    stage.opened.append(os.open(closed, os.O_PATH | os.O_DIRECTORY))
    job = stage.job("/bin/pwd", cwd=os.fsencode(closed), requester_uid=requester, inherits=inherits, **AS_NOBODY)
    stage.go(job)
    said = "the working directory cannot be entered: Permission denied"
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, said)


def _standing(directory: Path, uids: tuple[int, int, int], gids: tuple[int, int, int]) -> tuple[int, Callable[[], None]]:
    """A process that has gone to ``directory`` and has these ids since; and what ends it."""
    is_there, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.chdir(directory)
        os.setgroups([])
        os.setresgid(*gids)
        os.setresuid(*uids)
        os.write(told, b"!")
        signal.pause()
    os.read(is_there, 1)
    for end in (is_there, told):
        os.close(end)

    def end_it() -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    return pid, end_it


@pytest.mark.parametrize(
    ("uids", "gids", "is_believed"),
    [
        ((NOBODY,) * 3, (NOBODY,) * 3, True),
        ((1, 1, 1), (NOBODY,) * 3, False),
        ((NOBODY, 0, 0), (NOBODY,) * 3, False),
        ((NOBODY, NOBODY, 0), (NOBODY,) * 3, False),
        ((0, NOBODY, NOBODY), (NOBODY,) * 3, False),
        ((NOBODY,) * 3, (NOBODY, 4, 4), False),
        ((NOBODY,) * 3, (NOBODY, NOBODY, 4), False),
    ],
)
def test_only_a_process_that_is_all_of_the_requesters_says_where_they_stand(
    stage: Stage, closed: Path, uids: tuple[int, int, int], gids: tuple[int, int, int], is_believed: bool
) -> None:
    """THREATS X-17: a set-user-id or set-group-id program of the requester's stands where they may not."""
    status = closed.stat()
    pid, end_it = _standing(closed, uids, gids)
    try:
        assert stands_in(pid, NOBODY, status.st_dev, status.st_ino) is is_believed
        assert not stands_in(pid, NOBODY, status.st_dev, stage.directory.stat().st_ino)
        assert not stands_in(pid, NOBODY, status.st_dev + 1, status.st_ino)
    finally:
        end_it()
    assert not stands_in(pid, NOBODY, status.st_dev, status.st_ino)


def test_nobody_stands_anywhere_who_is_not_known() -> None:
    """THREATS X-17: the kernel names no sender from another pid namespace."""
    for nobody in (0, -1, 2**22):
        assert not stands_in(nobody, 0, os.stat("/").st_dev, os.stat("/").st_ino)
