# SPDX-License-Identifier: Apache-2.0
"""Where a path leads below a root directory, and whether that is the same for a program and for jitd.

Law: runs as root, in a directory of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.naming import Naming
from jitd.deciding.accounts import Accounts
from jitd.deciding.command_lookup import NOTHING, Asked, Nonsense, find
from jitd.deciding.view import Doubtful, View
from jitd.deciding.walking import Changeable, Held, Way, walk
from jitd.server.peer import Gone, Peer

ANYBODY = 4001


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A root directory: ``bin`` is root's, ``home`` somebody's, ``tmp`` everybody's."""
    for name in ("usr/bin", "home/a/lib", "tmp", "group"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    for name in ("usr/bin/id", "home/a/id", "home/a/lib/id", "tmp/id", "group/id"):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o755)
    for place in ("home/a/usr", "tmp/usr", "group/usr", "usr/up"):
        (tmp_path / place).symlink_to("/usr")
    for place in ("home/a", "home/a/lib", "home/a/id"):
        os.chown(tmp_path / place, ANYBODY, ANYBODY)
    (tmp_path / "theirs").symlink_to("/home/a")
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "group").chmod(0o775)
    return tmp_path


def held(place: Path) -> Held:
    return Held(os.open(place, os.O_PATH | os.O_CLOEXEC))


def way(host: Path, path: str) -> Way:
    return walk(held(host), path.encode())


@pytest.mark.parametrize(
    "path, passes, is_roots",
    [
        ("/usr/bin/id", "/usr /usr/bin /usr/bin/id", True),
        ("/bin/id", "/bin /usr /usr/bin /usr/bin/id", True),
        ("//usr/./bin//id", "/usr /usr/bin /usr/bin/id", True),
        ("/usr/up/bin/id", "/usr /usr/up /usr /usr/bin /usr/bin/id", True),
        ("/usr/../../../usr/bin", "/usr /usr /usr/bin", True),
        ("/home/a", "/home /home/a", True),
        ("/home/a/../a/id", "/home /home/a /home/a /home/a/id", False),
        ("/home/a/lib/id", "/home /home/a /home/a/lib /home/a/lib/id", False),
        ("/theirs/id", "/theirs /home /home/a /home/a/id", False),
        ("/tmp/usr/bin/id", "/tmp /tmp/usr /usr /usr/bin /usr/bin/id", True),
        ("/tmp/id", "/tmp /tmp/id", True),
        ("/group/id", "/group /group/id", False),
    ],
)
def test_a_way_is_all_that_a_path_passes_below_its_root(host: Path, path: str, passes: str, is_roots: bool) -> None:
    found = way(host, path)
    assert (b" ".join(place.path for place in found.places).decode(), found.is_roots) == (passes, is_roots)
    for place in (*found.places, found.end):
        status = os.lstat(os.fsencode(host) + place.path)
        assert (place.device, place.inode) == (status.st_dev, status.st_ino)


@pytest.mark.parametrize("path", ["/home/a/usr/bin/id", "/home/a/lib/../id", "/group/usr/bin/id", "/home/a/lib/../../a/id"])
def test_a_link_that_others_can_turn_and_a_way_up_from_what_they_can_move_are_changeable(host: Path, path: str) -> None:
    """THREATS P-14: it is right now, and need not be when it is executed."""
    with pytest.raises(Changeable):
        way(host, path)


def test_a_link_of_somebodys_in_a_directory_for_all_is_changeable(host: Path) -> None:
    os.chown(host / "tmp/usr", ANYBODY, ANYBODY, follow_symlinks=False)
    with pytest.raises(Changeable):
        way(host, "/tmp/usr/bin/id")


@pytest.mark.parametrize("path", ["/proc/self/cwd/id", "/proc/self/root/usr/bin/id", "/proc/version", "/dev/fd/0", "/dev/stdin"])
def test_what_is_in_procfs_is_changeable(path: str) -> None:
    """THREATS P-14: it leads the program elsewhere than jitd."""
    with pytest.raises(Changeable):
        way(Path("/"), path)


def test_links_in_a_circle_and_what_is_not_there_are_faults(host: Path) -> None:
    (host / "round").symlink_to("/round")
    for path in ("/round/id", "/nothing/id", "/usr/bin/id/id"):
        with pytest.raises(OSError):
            way(host, path)


def n_open() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_no_look_leaves_a_descriptor_open(host: Path) -> None:
    before = n_open()
    for path in ("/usr/up/bin/id", "/home/a/usr/bin/id", "/nothing/id", "/proc/self/cwd", "/usr/bin/id/id"):
        for root in (host, Path("/")):
            try:
                way(root, path)
            except (OSError, Changeable):
                continue
    assert n_open() == before


@pytest.mark.parametrize(
    "path, name",
    [("/bin/id", "/usr/bin/id"), ("/usr/up", "/usr/up"), ("/tmp/../bin/up/../id", "/usr/bin/id"), ("/bin/", "/bin"), ("/", "")],
)
def test_a_name_has_its_directories_resolved_and_keeps_a_last_link(host: Path, path: str, name: str) -> None:
    (host / "usr/bin/up").mkdir()
    assert way(host, path).name == name.encode()


def test_what_is_found_leads_where_it_was_seen_to_lead() -> None:
    """THREATS P-14: a directory that becomes a link between two looks of jitd's leads nowhere, and so does what was not there."""
    root = Accounts(Naming(), {}, 1000).root()
    plain: dict[str, Any] = {field.name: None for field in fields(Asked)}
    plain |= {"argv": (b"/bin/true",), "cwd": b"/", "variables": (), "preserved": (), "locale": (), "streams": (), "options": ()}
    asked = Asked(
        **{**plain, "login": False, "chdir": False, "is_bare": False, "doubt": "", "file": b"", "cwd_device": 0, "cwd_inode": 0}
    )
    for leads_to in (None, b"/usr/bin/true"):
        assert find(replace(asked, leads_to=leads_to), root, "sudo", "/bin", lambda found: True).command.path == b"/usr/bin/true"
    for leads_to in (NOTHING, b"/home/alice/true"):
        with pytest.raises(Nonsense):
            find(replace(asked, leads_to=leads_to), root, "sudo", "/bin", lambda found: True)


# --- in two views ---------------------------------------------------------------------------------------------------------


def view(root: Path, cwd: Path) -> View:
    return View(held(root), held(cwd), os.fsencode(cwd))


ROOT = Path("/")


def test_what_is_the_same_file_in_both_is_certain(host: Path) -> None:
    seen = view(ROOT, host)
    way = seen.judged(os.fsencode(host / "bin/id"))
    assert way is not None and way.end.inode == os.stat(host / "usr/bin/id").st_ino
    for typed in (b"bin/id", b"./usr/../usr/bin/id"):
        again = seen.typed(typed)
        assert again is not None and again.end == way.end
    assert seen.judged(b"/nothing/at/all") is None
    seen.refuse_other_accounts()


@pytest.mark.parametrize("path", [b"/usr/bin/id", b"/tmp/id", b"/etc/passwd"])
def test_what_is_another_file_in_another_root_is_doubtful(host: Path, path: bytes) -> None:
    """THREATS P-14: also where it is there for one of them alone."""
    with pytest.raises(Doubtful):
        view(host, host).judged(path)


def test_accounts_that_are_others_are_doubtful_and_a_copy_of_them_is_not(host: Path) -> None:
    (host / "etc").mkdir()
    with pytest.raises(Doubtful):
        view(host, host).refuse_other_accounts()
    for name in ("passwd", "group", "nsswitch.conf"):
        (host / "etc" / name).write_bytes(Path("/etc", name).read_bytes())
    view(host, host).refuse_other_accounts()
    (host / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nalice:x:0:0::/:/bin/sh\n")
    with pytest.raises(Doubtful):
        view(host, host).refuse_other_accounts()


def test_the_settings_are_those_below_the_programs_root(host: Path) -> None:
    """A link that begins with a slash leads nowhere else either."""
    (host / "etc/alternatives").mkdir(parents=True)
    (host / "etc/doas.conf").symlink_to("/etc/alternatives/doas")
    (host / "etc/alternatives/doas").write_text("permit root\n")
    source = view(host, host).settings().read("/etc/doas.conf")
    assert source is not None and source.data == b"permit root\n"
    assert view(host, host).settings().names("/etc") == ["alternatives", "doas.conf"]


def moved(home: Path) -> Path:
    (home / "lib").rename(home / "old")
    return home / "old"


def removed(home: Path) -> Path:
    (home / "lib/id").unlink()
    (home / "lib").rmdir()
    return home / "lib"


def stays(home: Path) -> Path:
    return home / "lib"


@pytest.mark.parametrize("becomes", [moved, removed, stays])
def test_a_directory_that_others_can_move_is_no_place_to_begin_at(host: Path, becomes: Callable[[Path], Path]) -> None:
    """Wherever it is now: until the program looks, it may be elsewhere."""
    there = held(host / "home/a/lib")
    name = os.fsencode(becomes(host / "home/a"))
    for typed in (b"./id", b"../id"):
        with pytest.raises(Doubtful):
            View(held(ROOT), there, name).typed(typed)


def test_a_directory_that_is_another_by_its_name_is_no_place_to_begin_at(host: Path) -> None:
    """THREATS P-14: ``./x`` is in the directory, whatever is at its name."""
    with pytest.raises(Doubtful):
        View(held(ROOT), held(host / "usr"), os.fsencode(host / "usr/bin")).typed(b"./id")


# --- the process at the other end -----------------------------------------------------------------------------------------


def test_a_process_is_held_by_its_descriptor_and_by_its_number_alike() -> None:
    here, there = socket.socketpair()
    peer = Peer(here, 0, os.getpid())
    for process in (peer.hold(), peer.hold_by_number()):
        process.refuse_gone()
        assert (process.process().pid, process.has_our_users()) == (os.getpid(), True)
    there.close()
    with pytest.raises(Gone):
        peer.hold_by_number()
    here.close()


def test_a_process_that_has_ended_is_gone() -> None:
    """THREATS S-01: whatever has its number by then."""
    here, there = socket.socketpair()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    held_one = Peer(here, 0, child.pid).hold_by_number()
    child.communicate()
    for look in (held_one.refuse_gone, held_one.process, Peer(here, 0, child.pid).hold_by_number):
        with pytest.raises((Gone, OSError)):
            look()
    here.close()
    there.close()


def test_a_number_that_came_to_mean_another_process_after_the_connection_is_gone() -> None:
    """THREATS S-01: before Linux 6.5 there is nothing but the number."""
    here, there = socket.socketpair()
    at = time.clock_gettime(time.CLOCK_BOOTTIME)
    peers = Peer(here, 0, 0)
    while time.clock_gettime(time.CLOCK_BOOTTIME) < at + 0.05:  # the kernel counts in hundredths
        pass
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        peers.pid = child.pid
        with pytest.raises(Gone):
            peers.hold_by_number()
        child.communicate()
    here.close()
    there.close()
