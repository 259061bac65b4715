# SPDX-License-Identifier: Apache-2.0
"""What one look at files has seen: asked about once, the same for every question of the look, and for no other look."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Deny, Permit, Terms
from jitd.core.policy import Policy, Rule
from jitd.deciding.command_lookup import Asked
from jitd.deciding.screening import Sighting, look
from jitd.files import path_lookup
from jitd.files.glance import ABSENCE, CIRCLE, HIDDEN, MOST_LINKS, PROCFS, THERE, Glance
from jitd.files.inspection import Uninspectable, inspect
from jitd.files.names import Literals, names_of
from tests.daemon.knowing import nothing
from tests.scene import moment, person

ALICE = person("alice", uid=61001, gid=61001)
ME = os.getuid()
ANY = Rule(
    "permit",
    "any",
    who=("user:alice",),
    run_as=("*",),
    commands=(read_command_pattern(("**",)),),
    terms=Terms(writable=True),
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that everybody may look into, with a program in it."""
    for each in (tmp_path, *tmp_path.parents):
        if each != Path("/") and each.stat().st_uid == ME:
            each.chmod(each.stat().st_mode | 0o055)
    (tmp_path / "bin").mkdir(mode=0o755)
    shutil.copy("/bin/true", tmp_path / "bin/tool")
    return tmp_path


def seen(path: Path) -> Sighting:
    asked = Asked(
        argv=(os.fsencode(path),), login=False, user=f"#{ME}", group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False,
        variables=(), preserved=(), locale=(), streams=("null", "null", "null"), reason=None,
        terms=USUAL,
    )  # fmt: skip
    return look(Policy((ANY,), "permit", ""), asked, ALICE, "host", "jitsudo", "/usr/bin", (), moment(), nothing())


def test_in_one_look_no_name_is_looked_up_twice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-35: each name in each directory, and no whole path, which would be looked up anew."""
    looked_up: Counter[tuple[bytes, bytes]] = Counter()
    look_up = Glance._look_up

    def counted(glance: Glance, path: bytes, flags: int) -> int:
        looked_up[os.path.split(path)] += 1
        return look_up(glance, path, flags)

    def refuses(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def play(path: Any, *more: Any, **how: Any) -> Any:
            assert isinstance(path, int) or not os.fsencode(path).startswith(os.fsencode(place)), (name, path)
            return call(path, *more, **how)

        return play

    (place / "link").symlink_to("bin")
    monkeypatch.setattr(Glance, "_look_up", counted)
    for name in ("open", "stat", "lstat", "readlink", "getxattr", "listxattr", "access", "statvfs", "scandir"):
        monkeypatch.setattr(os, name, refuses(name))
    assert isinstance(seen(place / "link/tool").decision, Permit)
    assert looked_up[os.fsencode(place), b"link"] == looked_up[os.fsencode(place / "bin"), b"tool"] == 1
    assert {name: n for name, n in looked_up.items() if n > 1} == {}


CHANGES: dict[str, Callable[[Path], object]] = {
    "the program is gone": lambda place: (place / "bin/tool").unlink(),
    "its directory is": lambda place: shutil.rmtree(place / "bin"),
    "nobody may execute it": lambda place: (place / "bin/tool").chmod(0o644),
    "it is another": lambda place: shutil.copy("/bin/false", place / "bin/tool"),
    "its reader may not read it": lambda place: (place / "bin/tool").chmod(0o711),
    "nobody may look into its directory": lambda place: (place / "bin").chmod(0o700),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_next_look_sees_what_has_changed_since_the_last(place: Path, change: Callable[[Path], object]) -> None:
    before = seen(place / "bin/tool")
    assert isinstance(before.decision, Permit) and before.command.is_told
    change(place)
    after = seen(place / "bin/tool")
    assert isinstance(after.decision, Deny) or after.command != before.command
    assert isinstance(before.decision, Permit) and seen(Path("/usr/bin/true")).command.digest


def test_what_was_not_there_stays_absent_for_the_whole_look(place: Path) -> None:
    """THREATS R-35."""
    glance, path = Glance(), os.fsencode(place / "new")
    (place / "new").mkdir()
    assert glance.follow(path + b"/x").end == ABSENCE
    (place / "new/x").symlink_to("bin")
    (place / "other").mkdir()
    for ask in (glance.lstat, glance.readlink, glance.access, glance.mount, glance.open):
        with pytest.raises(FileNotFoundError):
            ask(path + b"/x")
    with Glance() as another:
        assert another.readlink(path + b"/x") == b"bin" and another.lstat(path + b"/x").st_size == 3


def test_what_was_found_is_judged_and_not_what_has_taken_its_place(place: Path) -> None:
    """THREATS R-35: a digest is told to who can read the file that it is of."""
    tool, glance = os.fsencode(place / "bin/tool"), path_lookup.Look()
    assert path_lookup.is_visible_absence(tool, ALICE.uid, (), None, glance)
    before = os.stat(tool)
    (place / "bin/secret").write_bytes(b"secret")
    (place / "bin/secret").chmod(0o700)
    os.rename(place / "bin/secret", tool)
    found = inspect(tool, ME, glance=glance)
    assert (found.inode, found.size) == (before.st_ino, before.st_size)
    assert path_lookup.is_readable(tool, ALICE.uid, (), None, glance)
    assert not path_lookup.is_readable(tool, ALICE.uid, (), None, path_lookup.Look())


def test_a_file_that_is_closed_to_its_reader_when_it_is_opened_is_told_to_nobody(place: Path) -> None:
    tool, glance = os.fsencode(place / "bin/tool"), path_lookup.Look()
    assert path_lookup.is_readable(tool, ALICE.uid, (), None, glance)
    (place / "bin/tool").chmod(0o700)
    inspect(tool, ME, glance=glance)
    assert not path_lookup.is_readable(tool, ALICE.uid, (), None, glance)


def test_an_access_list_that_cannot_be_read_is_believed_to_be_what_it_was_by_nobody(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, glance = os.fsencode(place / "bin/tool"), Glance()
    assert glance.access(tool) is None

    def fails(path: bytes | int, name: str) -> bytes:
        raise PermissionError(13, "no")

    monkeypatch.setattr(os, "getxattr", fails)
    assert glance.access(tool) is None
    os.close(glance.open(tool))
    for _ in range(2):
        with pytest.raises(PermissionError):
            glance.access(tool)
    with pytest.raises(Uninspectable, match="access list"):
        inspect(tool, ME, glance=glance)


WAYS = (
    "bin/tool",
    "bin/../bin/./tool",
    "link/tool",
    "tool",
    "round/tool",
    "round",
    "bin",
    "bin/none",
    "none/tool",
    "hidden/tool",
)


def test_who_has_gone_a_way_leaves_to_root_the_answers_that_root_would_have_had(place: Path) -> None:
    """What somebody sees all of the way root sees; of what is hidden from them root finds out alone."""
    (place / "link").symlink_to(place / "bin")
    (place / "tool").symlink_to("link/tool")
    (place / "round").symlink_to("round")
    (place / "hidden").mkdir(mode=0o700)
    shutil.copy("/bin/true", place / "hidden/tool")

    def answers(path: bytes, glance: path_lookup.Look | None) -> list[object]:
        def told(ask: Callable[..., object], *given: object) -> object:
            try:
                return ask(*given, glance)
            except Uninspectable as fault:
                return fault.because, fault.looked_at, fault.is_absent, fault.is_unfit

        def named(path: bytes, glance: path_lookup.Look | None) -> tuple[bytes, ...]:
            return names_of((path,), Literals(), glance or path_lookup.Look())

        asks = (
            told(path_lookup.resolve, path, b"/", b""),
            told(path_lookup.unfitness, path, 0, tuple),
            told(named, path),
        )
        return [
            *asks,
            path_lookup.is_visible_absence(path, 0, (), None, glance),
            path_lookup.is_readable(path, 0, (), None, glance),
        ]

    for way in WAYS:
        path, glance = os.fsencode(place / way), path_lookup.Look()
        is_hidden = path_lookup.beyond_sight(path, ALICE.uid, (), glance) is not None
        assert is_hidden == (way == "hidden/tool")
        assert answers(path, glance) == answers(path, None), way
        assert path_lookup.is_readable(path, ALICE.uid, (), None, glance) == path_lookup.is_readable(path, ALICE.uid, ())


# --- the way ---------------------------------------------------------------------------------------------------------


def test_two_dots_lead_back_to_the_directory_that_the_way_came_from(place: Path) -> None:
    """Wherever it is by now: the kernel would go up from where the directory was moved to."""
    (place / "a/b").mkdir(parents=True)
    (place / "a/mark").write_text("of a")
    with Glance() as glance:
        assert glance.follow(os.fsencode(place / "a/b")).end == THERE
        (place / "c").mkdir()
        (place / "c/mark").write_text("another")
        (place / "a/b").rename(place / "c/b")
        sight = glance.follow(os.fsencode(place / "a/b/../mark"))
        assert (sight.end, sight.path) == (THERE, os.fsencode(place / "a/mark"))
        with os.fdopen(glance.open(sight.path)) as file:
            assert file.read() == "of a"


def test_a_directory_that_becomes_a_link_is_the_directory_for_the_whole_look(place: Path) -> None:
    tool = os.fsencode(place / "bin/tool")
    with Glance() as glance:
        assert glance.follow(os.fsencode(place / "bin")).end == THERE
        (place / "bin").rename(place / "old")
        (place / "bin").symlink_to("/usr/bin")
        assert glance.lstat(tool).st_ino == (place / "old/tool").stat().st_ino
    with Glance() as glance:
        assert glance.follow(tool).end == ABSENCE  # there is no /usr/bin/tool
        with pytest.raises(NotADirectoryError):
            glance.lstat(tool)


def test_a_link_leads_where_it_led_at_first(place: Path) -> None:
    (place / "link").symlink_to("bin")
    with Glance() as glance:
        before = glance.follow(os.fsencode(place / "link/tool"))
        (place / "link").unlink()
        (place / "link").symlink_to("/etc")
        assert glance.follow(os.fsencode(place / "link/../bin/tool")).path == before.path
        assert glance.follow(os.fsencode(place / "link/passwd")).end == ABSENCE


@pytest.mark.parametrize("n", [MOST_LINKS, MOST_LINKS + 1])
def test_links_are_followed_as_often_as_the_kernel_does(place: Path, n: int) -> None:
    (place / "0").write_text("x")
    for number in range(n):
        (place / str(number + 1)).symlink_to(str(number))
    with Glance() as glance:
        assert glance.follow(os.fsencode(place / str(n))).end == (THERE if n == MOST_LINKS else CIRCLE)


def test_a_name_is_looked_up_only_where_its_account_may(place: Path) -> None:
    """Not even by a system call whose answer nobody is told."""
    (place / "hidden").mkdir(mode=0o700)
    asked = []

    def may_search(path: bytes, status: os.stat_result) -> bool:
        asked.append(path)
        return status.st_uid != ME or bool(status.st_mode & 0o001)

    with Glance() as glance, pytest.MonkeyPatch.context() as patch:
        looked_up, look_up = [], Glance._look_up
        patch.setattr(Glance, "_look_up", lambda self, path, flags: looked_up.append(path) or look_up(self, path, flags))
        for name in ("secret", "none"):
            sight = glance.follow(os.fsencode(place / "hidden" / name), ALICE.uid, may_search)
            assert (sight.end, sight.last) == (HIDDEN, os.fsencode(place / "hidden"))
        assert looked_up[-1] == os.fsencode(place / "hidden") == asked[-1]


def test_a_look_finds_a_limited_number_of_names_and_then_nothing_more(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_names = len(place.parts)
    monkeypatch.setattr("jitd.files.glance.MOST_NAMES", n_names + 1)
    with Glance() as glance:
        assert glance.follow(os.fsencode(place / "bin")).end == THERE
        sight = glance.follow(os.fsencode(place / "bin/tool"))
        assert (sight.end, sight.fault) == (HIDDEN, errno.EMFILE)
        with pytest.raises(Uninspectable):
            inspect(os.fsencode(place / "bin/tool"), ME, glance=glance)
        assert glance.follow(os.fsencode(place / "bin/..")).end == THERE


def test_no_descriptor_of_a_look_stays_open_and_a_closed_one_finds_nothing(place: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with Glance() as glance:
        glance.follow(os.fsencode(place / "bin/tool"))
        assert len(os.listdir("/proc/self/fd")) > len(before)
    assert os.listdir("/proc/self/fd") == before
    for ask in (glance.lstat, glance.open, glance.file):
        with pytest.raises(OSError, match="Bad file descriptor"):
            ask(os.fsencode(place / "bin/tool"))
    look_that_is_dropped = Glance()
    look_that_is_dropped.lstat(b"/")
    del look_that_is_dropped
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("path", [b"/usr/../etc/passwd", b"/usr/./bin", b"/usr/", b"usr"])
def test_what_is_not_resolved_is_no_name_of_a_look(path: bytes) -> None:
    """The kernel would follow the dots."""
    with Glance() as glance, pytest.raises(ValueError, match="resolved"):
        glance.lstat(path)


def test_in_procfs_nothing_is_looked_up_but_the_way_out_of_it(place: Path) -> None:
    with Glance() as glance:
        ends = {path: glance.follow(path).end for path in (b"/proc", b"/proc/self/cwd/x", b"/proc/1/root/etc/shadow")}
        assert set(ends.values()) == {PROCFS}
        assert glance.follow(b"/proc/../etc/passwd").end == THERE
        out = glance.follow(b"/proc/self/cwd/tool", cwd=os.fsencode(place / "bin"))
        assert (out.end, out.path) == (THERE, os.fsencode(place / "bin/tool"))


def test_below_another_root_an_absolute_link_and_two_dots_do_not_lead_out(place: Path) -> None:
    (place / "etc").mkdir()
    (place / "etc/passwd").write_text("theirs")
    (place / "link").symlink_to("/etc/passwd")
    root = os.open(place, os.O_PATH | os.O_DIRECTORY)
    with Glance(root) as glance:
        for path in (b"/link", b"/../etc/passwd", b"/bin/../../../etc/passwd"):
            with os.fdopen(glance.open(glance.follow(path).path)) as file:
                assert file.read() == "theirs"
    os.close(root)
