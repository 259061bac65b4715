# SPDX-License-Identifier: Apache-2.0
"""A file that is made where nothing is: whole and as it was approved, or not at all, and never in the place of anything."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.files import new_file
from jitd.files.exchange import LARGEST, Changed, NotExchanged
from jitd.files.glance import ACCESS
from jitd.files.new_file import Wanted
from tests.daemon.test_exchange import LIST
from tests.dying import die_before

TEXT = b"listen 8080;\n"
NAME = b"x.conf"
CALLS = ("stat", "open", "write", "fchown", "removexattr", "fchmod", "fsync", "link", "fstat", "pread", "close")


class Place:
    """A directory without the file ``x.conf``."""

    def __init__(self, at: Path) -> None:
        self.at = at
        at.mkdir(exist_ok=True)
        self.file = at / "x.conf"
        self.directory = os.open(at, os.O_RDONLY | os.O_DIRECTORY)

    def wanted(self, mode: int = 0o640, gid: int = -1) -> Wanted:
        found = os.fstat(self.directory)
        return Wanted(found.st_dev, found.st_ino, os.geteuid(), os.getegid() if gid < 0 else gid, mode)

    def make(self, text: bytes = TEXT, wanted: Wanted | None = None, check: Callable[[], str] = lambda: "") -> None:
        new_file.make(self.directory, NAME, text, wanted or self.wanted(), check)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.at))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "place")
    yield made
    os.close(made.directory)


@pytest.mark.parametrize("text", [b"", b"no newline", b"\r\n\0\xff", b"x" * LARGEST])
@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_any_text_is_made_with_the_mode_that_was_approved(place: Place, text: bytes, umask: int) -> None:
    before = os.umask(umask)
    try:
        place.make(text)
    finally:
        os.umask(before)
    status = os.lstat(place.file)
    assert place.file.read_bytes() == text and place.names() == ["x.conf"]
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_nlink) == (0o640, os.geteuid(), os.getegid(), 1)


def test_no_access_list_of_the_directory_gives_more_than_the_mode_says(place: Place) -> None:
    """THREATS R-39: Approvers have read the mode."""
    os.setxattr(place.at, "system.posix_acl_default", LIST)
    place.make()
    assert ACCESS not in os.listxattr(place.file)
    assert stat.S_IMODE(os.stat(place.file).st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
def test_the_group_is_the_one_that_was_approved_whatever_group_the_directory_gives(place: Place) -> None:
    os.chown(place.at, 0, 12)
    os.chmod(place.at, 0o2755)
    place.make(wanted=place.wanted(gid=0))
    assert (os.stat(place.file).st_gid, stat.S_IMODE(os.stat(place.file).st_mode)) == (0, 0o640)


# --- what is there stays -------------------------------------------------------------------------------------------------


def a_file(place: Place) -> None:
    place.file.write_bytes(TEXT)


def a_link_that_leads_nowhere(place: Place) -> None:
    place.file.symlink_to(place.at / "elsewhere")


def a_link_to_a_file(place: Place) -> None:
    (place.at / "other").write_bytes(b"other\n")
    place.file.symlink_to("other")


def a_directory(place: Place) -> None:
    place.file.mkdir()


def a_fifo(place: Place) -> None:
    os.mkfifo(place.file)


THERE = [a_file, a_link_that_leads_nowhere, a_link_to_a_file, a_directory, a_fifo]


def seen(place: Place) -> list[tuple[Any, ...]]:
    found = [(name, os.lstat(place.at / name)) for name in place.names()]
    return [(name, one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_nlink) for name, one in found]


@pytest.mark.parametrize("somebody_makes", THERE)
@pytest.mark.parametrize("when", ["before", "during the check"])
def test_what_has_the_name_stays_as_it_is(place: Place, somebody_makes: Callable[[Place], None], when: str) -> None:
    """THREATS R-39."""
    n_checks = 0

    def check() -> str:
        nonlocal n_checks
        n_checks += 1
        if when != "before":
            somebody_makes(place)
        return ""

    if when == "before":
        somebody_makes(place)
    before = seen(place)
    with pytest.raises(Changed, match="somebody has made it meanwhile, and it stays as it is"):
        place.make(check=check)
    assert n_checks == (when != "before")
    assert seen(place) == before if when == "before" else len(place.names()) <= 2
    assert not place.file.is_file() or place.file.is_symlink() or place.file.read_bytes() == TEXT


@pytest.mark.parametrize("somebody_makes", THERE)
def test_at_no_moment_anything_is_overwritten(tmp_path: Path, somebody_makes: Callable[[Place], None]) -> None:
    """THREATS R-39: Somebody makes it before each call. Either the file is the approved one, or what they have made stands."""
    n_calls, told = 0, set()
    while "over" not in told:
        n_calls += 1
        place = Place(tmp_path / str(n_calls))
        told.add(_met(place, somebody_makes, n_calls))
        os.close(place.directory)
    assert told == {"refused", "made", "over"} and n_calls > 10


def _met(place: Place, somebody_makes: Callable[[Place], None], number: int) -> str:
    n_calls, theirs = 0, list[list[tuple[Any, ...]]]()
    kept = {name: getattr(os, name) for name in CALLS}

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def made(*args: object, **more: object) -> object:
            nonlocal n_calls
            n_calls += 1
            if n_calls == number:
                for name, one in kept.items():
                    setattr(os, name, one)
                try:
                    somebody_makes(place)
                    theirs.append(seen(place))
                except FileExistsError:
                    theirs.append([])
            return call(*args, **more)

        return made

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(kept[name]))
        try:
            place.make()
        except Changed:
            assert seen(place) == theirs[0] != []
            return "refused"
    if not theirs:
        return "over"
    assert os.stat(place.file).st_nlink == 1 and place.file.read_bytes() == TEXT
    return "made"


# --- the directory -------------------------------------------------------------------------------------------------------


def test_in_another_directory_than_the_approved_one_nothing_is_made(place: Place, tmp_path: Path) -> None:
    """THREATS R-39."""
    wanted = place.wanted()
    place.at.rename(tmp_path / "gone")
    other = Place(place.at)
    with pytest.raises(Changed, match="its directory is another one than the one that was approved"):
        other.make(wanted=wanted)
    os.close(other.directory)
    assert other.names() == os.listdir(tmp_path / "gone") == []


def test_in_a_directory_that_was_removed_nothing_is_made(place: Place) -> None:
    place.at.rmdir()
    with pytest.raises(NotExchanged, match="no file can be made in its directory|cannot be given its name"):
        place.make()


# --- all or nothing ------------------------------------------------------------------------------------------------------


def test_what_the_check_refuses_is_not_made_and_nothing_is_there_before_it_answers(place: Place) -> None:
    """THREATS R-36."""

    def check() -> str:
        assert place.names() == []
        return "the check /bin/t says no"

    with pytest.raises(NotExchanged, match="the check /bin/t says no"):
        place.make(check=check)
    assert place.names() == []


def test_whatever_moment_it_is_killed_at_the_file_is_there_whole_or_nothing_is(place: Place) -> None:
    """THREATS R-39: Before each call. No other name is ever made, so nothing is left."""
    n_calls, found = 0, set()
    while True:
        n_calls += 1
        child = os.fork()
        if child == 0:
            die_before(n_calls, ((os, name) for name in CALLS))
            try:
                place.make()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert place.names() in ([], ["x.conf"])
        if place.names():
            made = os.lstat(place.file)
            assert (place.file.read_bytes(), stat.S_IMODE(made.st_mode), made.st_nlink) == (TEXT, 0o640, 1)
            place.file.unlink()
            found.add("there")
        else:
            found.add("not there")
        if not os.WIFSIGNALED(status):
            break
    assert n_calls > 10 and found == {"there", "not there"}


@pytest.mark.parametrize("call", ["write", "fchown", "removexattr", "fchmod", "fsync", "link"])
def test_a_call_that_fails_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*args: object, **more: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(NotExchanged, match=r"the new file cannot be .*: No space left on device"):
        place.make()
    assert place.names() == []


@pytest.mark.parametrize("call", ["fchown", "fchmod", "write"])
def test_a_file_system_that_keeps_not_what_it_is_told_gets_no_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """As of one that has no owners: what would stand there is not what was approved."""
    silent = {"write": lambda file, data: len(data)}.get(call, lambda *_: None)
    monkeypatch.setattr(os, call, silent)
    with pytest.raises(NotExchanged, match="does not keep the owner, the mode or the text"):
        place.make(wanted=place.wanted(0o604, gid=12) if os.geteuid() == 0 else place.wanted(0o604))
    assert place.names() == []


def test_a_file_system_that_makes_no_file_without_a_name_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = os.open

    def refusing(path: object, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return kept(path, flags, *rest, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(NotExchanged, match="its file system makes no file without a name"):
        place.make()
    assert place.names() == []


def test_a_directory_that_cannot_be_synced_does_not_make_a_made_file_an_unmade_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, synced = os.fsync, list[int]()

    def failing(file: int) -> None:
        synced.append(file)
        if file == place.directory:
            raise OSError(errno.EIO, "Input/output error")
        kept(file)

    monkeypatch.setattr(os, "fsync", failing)
    place.make()
    assert place.file.read_bytes() == TEXT and synced[-1] == place.directory and len(synced) == 3
