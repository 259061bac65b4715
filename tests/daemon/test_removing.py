# SPDX-License-Identifier: Apache-2.0
"""A file that is removed: the one that was approved, as it was then, or none, and never what somebody else has put there."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jitd.files import exchange, removing
from jitd.files.exchange import Changed, Expected, NotExchanged
from tests.dying import die_before

TEXT = b"listen 8080;\n"
NAME = b"x.conf"
CALLS = ("stat", "open", "fstat", "pread", "listxattr", "unlink", "fsync", "close")
EACH = (*((os, name) for name in CALLS), (removing, "_rename"))


class Place:
    """A directory with the file ``x.conf``, which is to be removed, and another one."""

    def __init__(self, at: Path) -> None:
        self.at = at
        at.mkdir(exist_ok=True)
        self.file = at / "x.conf"
        self.file.write_bytes(TEXT)
        (at / "y.conf").write_bytes(b"y\n")
        self.directory = os.open(at, os.O_RDONLY | os.O_DIRECTORY)
        found = os.stat(self.file)
        self.expected = Expected(found.st_dev, found.st_ino, hashlib.sha256(TEXT).digest())
        self.owned = found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)

    def remove(self, check: Callable[[], str] = lambda: "") -> None:
        removing.remove(self.directory, NAME, self.expected, self.owned, check)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.at))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "place")
    yield made
    os.close(made.directory)


def seen(place: Place) -> dict[str, tuple[Any, ...]]:
    found = {name: os.lstat(place.at / name) for name in place.names()}
    return {name: (one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns, one.st_nlink) for name, one in found.items()}


def test_the_file_is_removed_and_nothing_else(place: Place) -> None:
    place.remove()
    assert place.names() == ["y.conf"]


def test_a_check_that_says_no_leaves_all_as_it_was(place: Place) -> None:
    before = seen(place)
    with pytest.raises(NotExchanged, match="not today"):
        place.remove(lambda: "not today")
    assert seen(place) == before


# --- what others do ------------------------------------------------------------------------------------------------------


def another_file(place: Place) -> None:
    (place.at / "theirs").write_bytes(TEXT)  # with the same text: the inode counts, too
    os.rename(place.at / "theirs", place.file)


def another_text(place: Place) -> None:
    place.file.write_bytes(b"theirs\n")


def a_link(place: Place) -> None:
    (place.at / "link").symlink_to("y.conf")
    os.rename(place.at / "link", place.file)


def another_name(place: Place) -> None:
    os.link(place.file, place.at / "another")


def another_mode(place: Place) -> None:
    place.file.chmod(0o600)


def an_attribute(place: Place) -> None:
    os.setxattr(place.file, "user.theirs", b"1")


def no_file(place: Place) -> None:
    place.file.unlink()


OTHERS = [another_file, another_text, a_link, another_name, another_mode, an_attribute, no_file]


@pytest.mark.parametrize("change", [another_file, another_text, a_link, another_name, no_file])
def test_another_file_than_the_approved_one_stays_as_it_is(place: Place, change: Callable[[Place], None]) -> None:
    """THREATS R-41."""
    change(place)
    before = seen(place)
    with pytest.raises(NotExchanged):
        place.remove()
    assert seen(place) == before


@pytest.mark.parametrize("change", OTHERS)
def test_what_others_do_at_any_moment_is_not_lost(tmp_path: Path, change: Callable[[Place], None]) -> None:
    """THREATS R-41: Before each call. Either the approved file is gone and theirs stands, or what they have made of it stands."""
    n_calls, told = 0, set()
    while "over" not in told:
        n_calls += 1
        place = Place(tmp_path / str(n_calls))
        told.add(_met(place, change, n_calls))
        os.close(place.directory)
    assert told == {"refused", "removed", "over"} and n_calls > 12, (told, n_calls)


def _met(place: Place, change: Callable[[Place], None], number: int) -> str:
    n_calls, before, theirs = 0, seen(place), list[dict[str, tuple[Any, ...]]]()
    kept = [(module, name, getattr(module, name)) for module, name in EACH]

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def made(*args: object, **more: object) -> object:
            nonlocal n_calls
            n_calls += 1
            if n_calls == number:
                for module, name, one in kept:
                    setattr(module, name, one)
                with suppress(FileNotFoundError):  # it has lost its name already
                    change(place)
                theirs.append(seen(place))
            return call(*args, **more)

        return made

    with pytest.MonkeyPatch.context() as patch:
        for module, name, one in kept:
            patch.setattr(module, name, counted(one))
        try:
            place.remove()
        except NotExchanged:
            now, made = seen(place), theirs[0]
            assert {one[0] for one in now.values()} >= {one[0] for one in made.values()}, "a file was lost"
            assert sorted(now.values()) == sorted(made.values()), "a file was changed"
            return "refused"
    if not theirs:
        return "over"
    lost = {one[0] for one in theirs[0].values()} - {one[0] for one in seen(place).values()}
    assert lost <= {before["x.conf"][0]}, "something else than the approved file was removed"
    return "removed"


def test_a_file_that_gets_the_name_in_between_stays_and_the_old_one_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-41: The file was changed at the last moment, and cannot get its name back, because somebody has used it."""
    rename = removing._rename

    def renamed(directory: int, one: bytes, other: bytes) -> None:
        rename(directory, one, other)
        if one == NAME:
            (place.at / os.fsdecode(other)).write_bytes(b"theirs\n")
            place.file.write_bytes(b"a new one\n")

    monkeypatch.setattr(removing, "_rename", renamed)
    with pytest.raises(
        NotExchanged, match=r"its name back: others have put another file there; look for \.x\.conf\.jitsudo-0-[0-9a-f]{8}$"
    ) as why:
        place.remove()
    (left,) = (name for name in place.names() if name.startswith("."))
    assert left in str(why.value) and (place.at / left).read_bytes() == b"theirs\n" and place.file.read_bytes() == b"a new one\n"
    exchange.exchange(place.directory, NAME, b"next\n", exchange.expect(place.directory, NAME)[0])
    assert (place.at / left).read_bytes() == b"theirs\n", "an edit takes it for nothing that an edit has left"


def test_whoever_is_killed_has_removed_the_file_or_leaves_it_whole(tmp_path: Path) -> None:
    n_calls, left = 0, set()
    while True:
        n_calls += 1
        place = Place(tmp_path / str(n_calls))
        child = os.fork()
        if child == 0:
            die_before(n_calls, EACH)
            place.remove()
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        os.close(place.directory)
        (*others, last) = place.names()
        assert last == "y.conf" and len(others) <= 1 and all((place.at / name).read_bytes() == TEXT for name in others)
        left.add(others[0][:8] if others else "")
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert left == {"", "x.conf", ".x.conf."}


def test_where_nothing_is_nothing_is_removed(place: Place) -> None:
    place.file.unlink()
    with pytest.raises(Changed, match="there is no such file"):
        place.remove()
    assert place.names() == ["y.conf"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up the rights of root")
def test_who_may_not_change_the_directory_removes_nothing(place: Place) -> None:
    before, child = seen(place), os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            place.remove()
        except NotExchanged as why:
            os._exit(3 if "it cannot be removed: Permission denied" in str(why) else 4)
        finally:
            os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3 and seen(place) == before
