# SPDX-License-Identifier: Apache-2.0
"""A new text in the place of a file's: all else is kept, others' changes are not lost, and no moment shows half of it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jitd.files import exchange
from jitd.files.exchange import LARGEST, Changed, Expected, Halfway, NotExchanged
from tests.dying import die_before

OLD, NEW = b"listen 80;\n", b"listen 8080;\n"


class Place:
    """A directory with the file ``x.conf``."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.file = at / "x.conf"
        self.file.write_bytes(OLD)
        self.file.chmod(0o640)
        self.directory = os.open(at, os.O_RDONLY | os.O_DIRECTORY)

    def expect(self) -> Expected:
        return exchange.expect(self.directory, b"x.conf")[0]

    def exchange(self, new: bytes = NEW, expected: Expected | None = None, check: Callable[[], str] = lambda: "") -> None:
        exchange.exchange(self.directory, b"x.conf", new, expected or self.expect(), check)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.at))

    def is_untouched(self, content: bytes = OLD) -> bool:
        return self.names() == ["x.conf"] and self.file.read_bytes() == content


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    os.close(made.directory)


def test_the_new_text_takes_the_place_of_the_old_one_and_the_rest_of_the_file_is_kept(place: Place) -> None:
    os.setxattr(place.file, "user.note", b"kept")
    before = os.stat(place.file)
    place.exchange()
    after = os.stat(place.file)
    assert place.is_untouched(NEW) and after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(place.file, "user.note") == b"kept"


@pytest.mark.parametrize("new", [b"", b"no newline", b"\r\n\0\xff", b"x" * LARGEST])
def test_any_bytes_are_written_as_they_are(place: Place, new: bytes) -> None:
    place.exchange(new)
    assert place.is_untouched(new)


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access list as acl(5) stores it: the tag, permissions and id of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY_BY_ID = 0xFFFFFFFF
LIST = acl(
    (0x01, 6, NOBODY_BY_ID), (0x02, 6, 3), (0x04, 4, NOBODY_BY_ID), (0x08, 4, 7), (0x10, 6, NOBODY_BY_ID), (0x20, 0, NOBODY_BY_ID)
)
"""user::rw-, user:3:rw-, group::r--, group:7:r--, mask::rw-, other::---"""


def test_the_access_list_is_kept(place: Place) -> None:
    os.setxattr(place.file, "system.posix_acl_access", LIST)
    before = os.stat(place.file).st_mode
    place.exchange()
    assert os.getxattr(place.file, "system.posix_acl_access") == LIST
    assert os.stat(place.file).st_mode == before


def test_a_directory_with_a_default_access_list_adds_nothing_to_a_file_without_one(place: Place) -> None:
    os.setxattr(place.at, "system.posix_acl_default", LIST)
    place.exchange()
    assert "system.posix_acl_access" not in os.listxattr(place.file)
    assert stat.S_IMODE(os.stat(place.file).st_mode) == 0o640


# --- what is refused -----------------------------------------------------------------------------------------------------


def linked_twice(place: Place) -> str:
    os.link(place.file, place.at / "y")
    return "it has 2 names, and the others would keep the old text"


def set_uid(place: Place) -> str:
    place.file.chmod(0o4755)
    return "it is set-uid or set-gid"


def set_gid(place: Place) -> str:
    place.file.chmod(0o2755)
    return "it is set-uid or set-gid"


def a_link(place: Place) -> str:
    os.rename(place.file, place.at / "y")
    place.file.symlink_to("y")
    return "it is a link"


def a_directory(place: Place) -> str:
    place.file.unlink()
    place.file.mkdir()
    return "it is not a regular file"


def a_fifo(place: Place) -> str:
    place.file.unlink()
    os.mkfifo(place.file)
    return "it is not a regular file"


def nothing(place: Place) -> str:
    place.file.unlink()
    return "there is no such file"


def too_large(place: Place) -> str:
    place.file.write_bytes(b"x" * (LARGEST + 1))
    return "it has more than 64 KiB"


@pytest.mark.parametrize("made", [linked_twice, set_uid, set_gid, a_link, a_directory, a_fifo, nothing, too_large])
def test_a_file_whose_text_cannot_be_replaced_is_refused_before_and_at_the_exchange(
    place: Place, made: Callable[[Place], str]
) -> None:
    expected = place.expect()
    why = made(place)
    before = place.names()
    with pytest.raises(NotExchanged, match=why[:40].replace("(", r"\(")):
        place.expect()
    with pytest.raises(NotExchanged):
        place.exchange(expected=expected)
    assert place.names() == before


@pytest.mark.parametrize(("flag", "why"), [(0x10, "it is immutable"), (0x20, "it can only be appended to")])
def test_an_immutable_file_is_refused(place: Place, flag: int, why: str) -> None:
    with open(place.file, "rb") as file:
        try:
            (flags,) = struct.unpack("=L", fcntl.ioctl(file, 0x80086601, bytes(4))[:4])
            fcntl.ioctl(file, 0x40086602, struct.pack("=L", flags | flag))
        except OSError as fault:
            assert fault.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EPERM)
            pytest.skip("no such attribute on this file system, or no right to it")
        try:
            with pytest.raises(NotExchanged, match=why):
                place.expect()
        finally:
            fcntl.ioctl(file, 0x40086602, struct.pack("=L", flags))


def test_a_file_that_was_changed_after_the_request_stands(place: Place) -> None:
    expected = place.expect()
    place.file.write_bytes(b"theirs\n")
    with pytest.raises(Changed, match="it was changed after the request"):
        place.exchange(expected=expected)
    assert place.is_untouched(b"theirs\n")


def test_another_file_in_its_place_stands_also_with_the_same_text(place: Place) -> None:
    expected = place.expect()
    other = place.at / "other"
    other.write_bytes(OLD)
    other.rename(place.file)
    with pytest.raises(Changed, match="it is another file"):
        place.exchange(expected=expected)
    assert place.is_untouched()


def test_a_text_that_the_check_refuses_is_not_taken_and_nothing_is_made_before_it_answers(place: Place) -> None:
    """THREATS R-36."""
    seen = []

    def check() -> str:
        seen.append((place.names(), place.file.read_bytes()))
        return "unknown directive"

    with pytest.raises(NotExchanged, match="unknown directive"):
        place.exchange(check=check)
    assert seen == [(["x.conf"], OLD)] and place.is_untouched()


@pytest.mark.parametrize("change", ["its text", "its mode", "its names"])
def test_a_new_file_that_others_change_as_soon_as_it_has_a_name_gives_nothing(
    place: Place, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(made: int, directory: int, name: bytes) -> None:
        name_it(made, directory, name)
        beside = place.at / os.fsdecode(name)
        if change == "its text":
            beside.write_bytes(b"theirs\n")
        elif change == "its mode":
            beside.chmod(0o666)
        else:
            os.link(beside, place.at / "y")

    name_it = exchange._name
    monkeypatch.setattr(exchange, "_name", named)
    with pytest.raises(NotExchanged, match="the new file was changed by others"):
        place.exchange()
    (place.at / "y").unlink(missing_ok=True)
    assert place.is_untouched()


# --- the flags of chattr(1) ----------------------------------------------------------------------------------------------

NODUMP, NOATIME = 0x40, 0x80


def set_flags(path: Path, flags: int) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(file, exchange._FS_IOC_SETFLAGS, struct.pack("=Q", flags))
    except OSError as fault:
        assert fault.errno in (errno.ENOTTY, errno.EOPNOTSUPP)
        pytest.skip("no such attribute on this file system")
    finally:
        os.close(file)


def flags(path: Path) -> int:
    file = os.open(path, os.O_RDONLY)
    try:
        return exchange.flags_of(file)
    finally:
        os.close(file)


@pytest.mark.parametrize(("its", "of_the_directory"), [(NODUMP | NOATIME, 0), (0, NODUMP), (NODUMP, NOATIME), (0, 0)])
def test_the_flags_of_the_file_are_kept_and_those_of_its_directory_are_not_taken(
    place: Place, its: int, of_the_directory: int
) -> None:
    """THREATS R-33."""
    set_flags(place.file, its)
    set_flags(place.at, of_the_directory)
    place.exchange()
    assert flags(place.file) == its and place.is_untouched(NEW)


def test_flags_that_cannot_be_kept_are_a_reason_not_to_write(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(file: int, request: int, *rest: Any) -> Any:
        if request == exchange._FS_IOC_SETFLAGS:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return kept(file, request, *rest)

    kept = fcntl.ioctl
    set_flags(place.file, NODUMP)
    monkeypatch.setattr(fcntl, "ioctl", refusing)
    with pytest.raises(NotExchanged, match=r"its flags cannot be kept \(see lsattr\(1\)\): Operation not permitted"):
        place.exchange()
    assert place.is_untouched() and flags(place.file) == NODUMP


def test_a_file_that_has_a_hash_tree_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "flags_of", lambda file: exchange._FS_VERITY)
    with pytest.raises(NotExchanged, match="it is protected by fs-verity"):
        place.expect()


# --- the last moment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["another file is renamed over it", "it is written to", "it is a link now"])
def test_what_somebody_puts_there_at_the_last_moment_stands(place: Place, how: str) -> None:
    def meddle() -> str:
        other = place.at / "other"
        if how == "it is written to":
            place.file.write_bytes(b"theirs\n")
            return ""
        if how == "it is a link now":
            other.symlink_to("/etc/hostname")
        else:
            other.write_bytes(b"theirs\n")
        other.rename(place.file)
        return ""

    with pytest.raises(Changed, match="stands as it was changed"):
        place.exchange(check=meddle)
    assert place.names() == ["x.conf"]
    assert os.readlink(place.file) == "/etc/hostname" if how == "it is a link now" else place.file.read_bytes() == b"theirs\n"


@pytest.mark.parametrize("what", ["its mode", "its owner", "its names", "its attributes"])
def test_what_somebody_changes_beside_the_text_at_the_last_moment_stands(place: Place, what: str) -> None:
    """THREATS R-33: An administrator who closes a file while its edit is checked has closed it."""

    def meddle() -> str:
        if what == "its mode":
            place.file.chmod(0o600)
        elif what == "its owner":
            os.chown(place.file, 12, 34)
        elif what == "its names":
            os.link(place.file, place.at / "y")
        else:
            os.setxattr(place.file, "user.note", b"theirs")
        return ""

    before = place.file.stat().st_ino
    with pytest.raises(Changed, match="stands as it was changed"):
        place.exchange(check=meddle)
    (place.at / "y").unlink(missing_ok=True)
    assert place.is_untouched() and place.file.stat().st_ino == before


def test_a_directory_that_cannot_be_synced_does_not_make_a_written_text_an_unwritten_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-33: Some file systems have no fsync(2) for directories."""
    kept = os.fsync

    def refusing(file: int) -> None:
        if file == place.directory:
            raise OSError(errno.EINVAL, "Invalid argument")
        kept(file)

    monkeypatch.setattr(os, "fsync", refusing)
    place.exchange()
    assert place.is_untouched(NEW)


def test_a_file_that_is_gone_at_the_last_moment_stays_gone(place: Place) -> None:
    def meddle() -> str:
        place.file.unlink()
        return ""

    with pytest.raises(Changed, match="there is no such file any more"):
        place.exchange(check=meddle)
    assert place.names() == []


def _put_fifo(place: Place) -> None:
    os.mkfifo(place.at / "other")
    os.rename(place.at / "other", place.file)


def _put_directory(place: Place) -> None:
    (place.at / "other").mkdir()
    exchange._swap(place.directory, b"other", b"x.conf")


def _put_link(place: Place) -> None:
    (place.at / "other").symlink_to("/etc/hostname")
    os.rename(place.at / "other", place.file)


def _put_beside(place: Place) -> None:
    for name in place.names():
        if name.startswith("."):
            os.rename(place.at / name, place.at / "taken")
            (place.at / name).write_bytes(b"theirs\n")


def _take_beside(place: Place) -> None:
    for name in place.names():
        if name.startswith("."):
            os.rename(place.at / name, place.at / "taken")


MEDDLING = [_put_fifo, _put_directory, _put_link, _put_beside, _take_beside]


@pytest.mark.parametrize("meddle", MEDDLING)
def test_who_owns_the_directory_gets_no_yes_for_another_text_and_no_old_text_is_lost_by_it(
    tmp_path: Path, meddle: Callable[[Place], None]
) -> None:
    """THREATS R-33: At each call. Whoever takes the new file away has it: it is theirs to read."""
    n_calls, is_over = 0, False
    while not is_over:
        n_calls += 1
        made = tmp_path / str(n_calls)
        made.mkdir()
        place = Place(made)
        with pytest.MonkeyPatch.context() as patch:
            is_over = _meddled(patch, place, meddle, n_calls)
        os.close(place.directory)
    assert n_calls > 20


def _meddled(patch: pytest.MonkeyPatch, place: Place, meddle: Callable[[Place], None], number: int) -> bool:
    """Exchange, with a ``meddle`` before the call ``number``. Return whether there were fewer calls."""
    expected, n_calls, kept = place.expect(), 0, {name: getattr(os, name) for name in CALLS}

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def made(*args: object, **more: object) -> object:
            nonlocal n_calls
            n_calls += 1
            if n_calls == number:
                for name, one in kept.items():
                    setattr(os, name, one)
                exchange._swap = swap
                meddle(place)
            return call(*args, **more)

        return made

    swap = exchange._swap
    for name in CALLS:
        patch.setattr(os, name, counted(kept[name]))
    patch.setattr(exchange, "_swap", counted(swap))
    try:
        exchange.exchange(place.directory, b"x.conf", NEW, expected)
        is_written = True
    except (NotExchanged, OSError):
        is_written = False
    patch.undo()
    if meddle in (_put_beside, _take_beside):
        texts = [one.read_bytes() for one in place.at.iterdir()]
        assert (place.file.read_bytes() == NEW) if is_written else (OLD in texts), (number, texts)
    return n_calls < number


def test_a_disk_that_is_full_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NotExchanged, match="the new text cannot be written: No space left on device"):
        place.exchange()
    assert place.is_untouched()


CALLS = ("open", "write", "fchown", "listxattr", "setxattr", "fchmod", "fsync", "link", "fstat", "pread", "unlink", "close")


def test_whatever_moment_it_is_killed_at_the_name_leads_to_one_of_the_two_texts_whole(place: Place) -> None:
    """Before each system call, and around the exchange itself. What may be left is the other file, beside it, under its name."""
    n_calls = 0
    found = set()
    while True:
        n_calls += 1
        child = os.fork()
        if child == 0:
            die_before(n_calls, (*((os, name) for name in CALLS), (exchange, "_swap")))
            try:
                place.exchange()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        content = place.file.read_bytes()
        assert content in (OLD, NEW)
        left = [name for name in place.names() if name != "x.conf"]
        assert len(left) <= 1 and all(name.startswith(".x.conf.jitsudo-") for name in left)
        found.add((content, bool(left)))
        is_new = [(place.at / name).read_bytes() == NEW for name in left]
        place.exchange(b"next\n")  # removes the new text that the dead one has left, and no old one
        assert place.names() == [name for name, gone in zip(left, is_new, strict=True) if not gone] + ["x.conf"]
        for name in place.names():
            (place.at / name).unlink()
        if not os.WIFSIGNALED(status):
            break
        place.file.write_bytes(OLD)
    assert n_calls > 20 and found >= {(OLD, False), (OLD, True), (NEW, True), (NEW, False)}


def left_by_a_dead_one(place: Place) -> str:
    """The name of what an edit has left that was killed before the exchange."""
    if not (child := os.fork()):
        try:
            exchange._swap = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            place.exchange()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    (name,) = set(place.names()) - {"x.conf"}
    return name


def test_the_next_edit_removes_what_a_killed_one_has_left_and_nothing_else(place: Place) -> None:
    """THREATS R-33: Not a copy of it, nor a link, nor what an edit has left on purpose, nor what another file's has left."""
    name = left_by_a_dead_one(place)
    left, word = place.at / name, name.rpartition("-")[2]
    kept = {
        f".x.conf.jitsudo-0-{word}": NEW,
        f".x.conf.jitsudo-{word}": NEW,
        f".x.conf.jitsudo-{left.stat().st_ino:x}-{word[::-1]}": OLD,  # the old file, which came out
        f".x.conf.jitsudo-{left.stat().st_ino + 99:x}-{word}": NEW,
        "x.conf.jitsudo": NEW,
    }
    for other, text in kept.items():
        (place.at / other).write_bytes(text)
    os.rename(left, place.at / "aside")
    os.mkfifo(place.at / ".x.conf.jitsudo-1-f")
    (place.at / ".x.conf.jitsudo-1-d").mkdir()
    (place.at / name.replace("-", "-0", 1)).symlink_to("aside")
    left.symlink_to("aside")
    place.exchange(b"next\n")
    assert left.is_symlink() and (place.at / "aside").read_bytes() == NEW
    left.unlink()
    os.link(place.at / "aside", left)
    place.exchange(b"then\n", place.expect())
    assert left.exists()
    (place.at / "aside").unlink()
    (place.at / "y").write_bytes(OLD)
    exchange.exchange(place.directory, b"y", NEW, exchange.expect(place.directory, b"y")[0])
    assert left.exists()
    names = set(place.names())
    place.exchange(b"last\n")
    assert set(place.names()) == names - {name} and all((place.at / one).read_bytes() == text for one, text in kept.items())


def test_an_edit_keeps_its_new_file_from_another_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-33: Another edit of the same file may be written in the same moment."""

    def named(made: int, directory: int, name: bytes) -> None:
        name_it(made, directory, name)
        if not (child := os.fork()):
            try:
                monkeypatch.undo()
                place.exchange(b"first\n")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert (place.at / os.fsdecode(name)).exists()

    name_it = exchange._name
    monkeypatch.setattr(exchange, "_name", named)
    with pytest.raises(Changed, match="stands as it was changed"):
        place.exchange()
    assert place.is_untouched(b"first\n")


def test_a_file_system_that_makes_no_file_without_a_name_is_no_reason_not_to_write(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = os.open

    def refusing(path: object, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return kept(path, flags, *rest, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", refusing)
    place.exchange()
    assert place.is_untouched(NEW)
    name = left_by_a_dead_one(place)
    place.exchange()
    assert place.names() == [name, "x.conf"]


# --- the way -------------------------------------------------------------------------------------------------------------


def test_a_directory_is_opened_without_any_link_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    at = exchange.open_directory(os.fsencode(tmp_path / "a/b"))
    assert os.path.samestat(os.fstat(at), os.stat(tmp_path / "a/b"))
    os.close(at)
    for wrong in ("link/b", "a/none", "link"):
        with pytest.raises(NotExchanged, match="the way to the file is not as it was"):
            exchange.open_directory(os.fsencode(tmp_path / wrong))


# --- several files ---------------------------------------------------------------------------------------------------------


class Places:
    """Three files, of which two are called the same, in two directories."""

    def __init__(self, at: Path) -> None:
        self.files = [at / "x.conf", at / "y.conf", at / "sub/x.conf"]
        (at / "sub").mkdir()
        for number, file in enumerate(self.files):
            file.write_bytes(OLD)
            file.chmod(0o640)
            os.utime(file, (1000 + number, 2000 + number))
            os.setxattr(file, "user.note", b"%d" % number)
        self.directories = [os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY) for file in self.files]
        self.at = at
        self.told: list[tuple[list[int], int | None]] = []

    def close(self) -> None:
        for directory in self.directories:
            os.close(directory)

    def exchange(self, check: Callable[[], str] = lambda: "", tell: exchange.Tell | None = None) -> None:
        given = [
            exchange.File(directory, file.name.encode(), NEW, exchange.expect(directory, file.name.encode())[0], str(file))
            for directory, file in zip(self.directories, self.files, strict=True)
        ]
        exchange.exchange_all(given, check, tell or (lambda written, unsure: self.told.append((list(written), unsure))))

    def state(self) -> list[object]:
        """All that is there, and all of each file."""
        names = sorted(str(one.relative_to(self.at)) for one in self.at.rglob("*"))
        return [names, *((file.read_bytes(), os.getxattr(file, "user.note"), _kept(os.stat(file))) for file in self.files)]


def _kept(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_nlink


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(tmp_path)
    yield made
    made.close()


def test_several_files_get_their_texts_and_the_rest_of_each_is_kept(places: Places) -> None:
    before = places.state()
    places.exchange()
    assert [file.read_bytes() for file in places.files] == [NEW] * 3 and places.state()[0] == before[0]
    assert [os.getxattr(file, "user.note") for file in places.files] == [b"0", b"1", b"2"]


def test_who_is_told_how_many_files_stand_is_told_so_before_and_after_each_exchange(places: Places) -> None:
    """THREATS R-40."""
    seen = []

    def tell(written: Sequence[int], unsure: int | None) -> None:
        seen.append((list(written), unsure, sum(file.read_bytes() == NEW for file in places.files)))

    places.exchange(tell=tell)
    assert seen == [([], 0, 0), ([0], None, 1), ([0], 1, 1), ([0, 1], None, 2), ([0, 1], 2, 2), ([0, 1, 2], None, 3)]


def _remove(file: Path) -> None:
    file.unlink()


def _close(file: Path) -> None:
    file.chmod(0o600)


def _replace(file: Path) -> None:
    (file.parent / "other").write_bytes(OLD)
    os.rename(file.parent / "other", file)


def _write(file: Path) -> None:
    file.write_bytes(b"theirs\n")


@pytest.mark.parametrize("meddle", [_remove, _close, _replace, _write])
@pytest.mark.parametrize("which", [1, 2])
def test_if_a_later_file_cannot_be_exchanged_those_before_it_are_as_they_were(
    places: Places, which: int, meddle: Callable[[Path], None]
) -> None:
    """THREATS R-40: The files themselves come back, with their inodes and times."""
    before = places.state()

    def check() -> str:
        meddle(places.files[which])
        return ""

    with pytest.raises(NotExchanged, match=re.escape(f"{places.files[which]}: ")):
        places.exchange(check)
    for number, file in enumerate(places.files):
        if number != which:
            assert (file.read_bytes(), os.getxattr(file, "user.note"), _kept(os.stat(file))) == before[1 + number]
    theirs = places.files[which]
    assert not theirs.exists() or theirs.read_bytes() != NEW
    assert not [one for one in places.at.rglob(".*")]
    assert places.told[-1] == ([], None)


def test_a_check_that_says_no_and_a_file_that_is_another_one_change_nothing(places: Places) -> None:
    before = places.state()
    with pytest.raises(NotExchanged, match="^no$"):
        places.exchange(lambda: "no")
    assert places.state() == before and places.told == []


@pytest.mark.parametrize("meddle", [_write, _replace])
def test_what_others_have_changed_meanwhile_is_not_put_back_over_and_the_old_text_is_named(
    places: Places, meddle: Callable[[Path], None]
) -> None:
    """THREATS R-40: Somebody writes into the new file before a later one fails."""

    def tell(written: Sequence[int], unsure: int | None) -> None:
        places.told.append((list(written), unsure))
        if (list(written), unsure) == ([0, 1], None) and places.files[2].exists():
            meddle(places.files[0])
            places.files[2].unlink()

    with pytest.raises(Halfway, match="could not be put back") as raised:
        places.exchange(tell=tell)
    assert places.files[0].read_bytes() in (b"theirs\n", OLD) and places.files[1].read_bytes() == OLD
    assert places.told[-1] == ([0], None)
    (left,) = places.at.glob(".*")
    assert left.read_bytes() == OLD and left.name in str(raised.value) and str(places.files[0]) in str(raised.value)


def test_whatever_moment_it_is_killed_at_each_file_has_one_text_and_no_old_one_is_lost(tmp_path: Path) -> None:
    """THREATS R-40: SIGKILL at each step of the exchanges."""
    found = set()
    for step in range(7):
        at = tmp_path / str(step)
        at.mkdir()
        places = Places(at)
        if not (child := os.fork()):
            n_told = 0

            def tell(written: Sequence[int], unsure: int | None, step: int = step) -> None:
                nonlocal n_told
                if n_told == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                n_told += 1

            try:
                places.exchange(tell=tell)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        contents = [file.read_bytes() for file in places.files]
        n_new = contents.count(NEW)
        assert contents == [NEW] * n_new + [OLD] * (3 - n_new)
        found.add(n_new)
        beside = [one.read_bytes() for one in places.at.rglob(".*")]
        assert (beside == [OLD] * n_new and step < 6) or (step == 6 and beside == [])
        places.close()
    assert found == {0, 1, 2, 3}


def test_if_what_comes_out_is_removed_while_the_files_are_put_back_the_others_are_put_back_and_it_is_said(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-40: the second file gets its old text again, and somebody removes the new one at this moment."""
    swap, n_swaps = exchange._swap, 0

    def meddling(directory: int, one: bytes, other: bytes) -> None:
        nonlocal n_swaps
        swap(directory, one, other)
        n_swaps += 1
        if n_swaps == 3:
            os.unlink(one, dir_fd=directory)

    def tell(written: Sequence[int], unsure: int | None) -> None:
        if (list(written), unsure) == ([0, 1], None) and places.files[2].exists():
            places.files[2].unlink()

    monkeypatch.setattr(exchange, "_swap", meddling)
    with pytest.raises(NotExchanged):
        places.exchange(tell=tell)
    assert places.files[0].read_bytes() == OLD and not [one for one in places.at.rglob(".*")]


def test_a_new_text_that_cannot_be_taken_back_is_told_as_one_that_stands(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-40: somebody removes the old file as soon as it has come out."""
    swap = exchange._swap

    def meddling(directory: int, one: bytes, other: bytes) -> None:
        swap(directory, one, other)
        if other == b"y.conf":
            os.unlink(one, dir_fd=directory)

    monkeypatch.setattr(exchange, "_swap", meddling)
    with pytest.raises(Halfway, match="y.conf was written, and could not be put back"):
        places.exchange()
    assert [file.read_bytes() for file in places.files] == [OLD, NEW, OLD] and places.told[-1] == ([1], None)
