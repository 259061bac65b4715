# SPDX-License-Identifier: Apache-2.0
"""What a file is (THREATS R-05, R-08). Law: nothing relative is searched; whoever can change it is named."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.files import digests, inspection
from jitd.files.inspection import DigestCache, Uninspectable, inspect
from jitd.files.path_lookup import is_visible_absence, resolve

SEARCH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TARGET = 1077
OTHER = 1078


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that only root can change, all the way up."""
    path = Path(tempfile.mkdtemp(prefix="jitd-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def tool(place: Path, name: str = "tool", content: str = "#!/bin/sh\n", mode: int = 0o755) -> bytes:
    path = place / name
    path.write_text(content)
    path.chmod(mode)
    return os.fsencode(path)


def find(argv0: str, cwd: Path, search: str | None = None) -> str:
    return os.fsdecode(resolve(argv0.encode(), os.fsencode(cwd), SEARCH if search is None else search.encode()))


# --- where a name leads ----------------------------------------------------------------------------------------------


def test_a_name_is_found_on_the_search_path_in_order(place: Path) -> None:
    """THREATS R-08."""
    for name in ("one", "two"):
        (place / name).mkdir()
        tool(place / name)
    assert find("tool", place, f"{place}/two:{place}/one") == f"{place}/two/tool"


def test_its_directory_is_resolved_and_a_last_link_kept(place: Path) -> None:
    (place / "real").mkdir()
    tool(place / "real", "busybox")
    (place / "real" / "ls").symlink_to("busybox")
    (place / "bin").symlink_to("real")
    assert find("ls", place, f"{place}/bin") == f"{place}/real/ls"
    assert find(f"{place}/bin/../real/./ls", place) == f"{place}/real/ls"


@pytest.mark.parametrize("search", ["", ".", ":", "::", "bin", "./bin", ":bin:.", "bin/../bin"])
def test_empty_and_relative_elements_are_never_searched(place: Path, search: str) -> None:
    """THREATS R-08."""
    (place / "bin").mkdir()
    tool(place)
    tool(place / "bin")
    with pytest.raises(Uninspectable, match="no such command") as fault:
        find("tool", place, search)
    assert fault.value.is_absent and fault.value.looked_at == ()


def test_a_relative_path_is_taken_from_the_working_directory(place: Path) -> None:
    """THREATS R-08."""
    (place / "bin").mkdir()
    tool(place)
    assert find("./tool", place) == f"{place}/tool"
    assert find("bin/../tool", place) == f"{place}/tool"
    assert find("../tool", place / "bin") == f"{place}/tool"


def test_what_cannot_be_executed_is_passed_over(place: Path) -> None:
    for name in ("one", "two", "three"):
        (place / name).mkdir()
    tool(place / "one", mode=0o644)
    (place / "two" / "tool").mkdir()
    tool(place / "three")
    assert find("tool", place, f"{place}/one:{place}/two:{place}/three") == f"{place}/three/tool"
    with pytest.raises(Uninspectable, match="not executable") as fault:
        find("tool", place, f"{place}/one:{place}/two")
    assert not fault.value.is_absent


@pytest.mark.parametrize("name", ["", "/", "/usr/", ".", "..", "/usr/.", "/usr/..", "a\0b", "/nowhere/x", "./x", "x/y"])
def test_what_is_no_command_is_refused_with_a_sentence(place: Path, name: str) -> None:
    with pytest.raises(Uninspectable) as fault:
        find(name, place)
    assert str(fault.value)


def test_a_loop_of_links_and_the_kernels_own_links_are_refused(place: Path) -> None:
    (place / "loop").symlink_to("loop")
    for name in (f"{place}/loop/x", "/proc/self/exe", "/proc/self/cwd/x", "/dev/fd/3"):
        with pytest.raises(Uninspectable):
            find(name, place)


def test_where_it_was_looked_for_is_told(place: Path) -> None:
    with pytest.raises(Uninspectable) as fault:
        find("tool", place, "/usr/bin:/opt/none")
    assert fault.value.looked_at == (b"/usr/bin/tool", b"/opt/none/tool")


# --- what may be known -----------------------------------------------------------------------------------------------


def test_an_absence_is_visible_where_every_directory_can_be_searched(place: Path) -> None:
    secret = place / "secret"
    (secret / "deep").mkdir(parents=True)
    absent = os.fsencode(secret / "deep" / "x")
    assert is_visible_absence(absent, OTHER, ())
    secret.chmod(0o710)
    os.chown(secret, TARGET, 4242)
    assert not is_visible_absence(absent, OTHER, ())
    assert is_visible_absence(absent, OTHER, (4242,))
    assert is_visible_absence(absent, TARGET, ())
    assert is_visible_absence(absent, 0, ())
    secret.chmod(0o071)
    assert not is_visible_absence(absent, TARGET, (4242,))


def test_an_absence_behind_a_link_is_judged_where_the_link_leads(place: Path) -> None:
    secret = place / "secret"
    secret.mkdir(mode=0o700)
    (place / "link").symlink_to(secret)
    assert not is_visible_absence(os.fsencode(place / "link" / "x"), OTHER, ())
    secret.chmod(0o755)
    assert is_visible_absence(os.fsencode(place / "link" / "x"), OTHER, ())


def test_an_access_list_makes_an_absence_invisible(place: Path) -> None:
    secret = place / "secret"
    secret.mkdir(mode=0o755)
    _set_access(secret, [(0x01, 7, 0), (0x02, 0, OTHER), (0x04, 5, 0), (0x10, 5, 0), (0x20, 5, 0)])
    assert not is_visible_absence(os.fsencode(secret / "x"), OTHER, ())


# --- who could change it ---------------------------------------------------------------------------------------------


def _set_access(path: Path, entries: list[tuple[int, int, int]]) -> None:
    raw = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, permissions, number if tag in (2, 8) else 0xFFFFFFFF) for tag, permissions, number in entries
    )
    os.setxattr(path, "system.posix_acl_access", raw)


def changers(path: bytes, target: int = 0) -> tuple[str, ...]:
    return inspect(path, target).writable_by


def test_what_only_root_can_change_is_nobodys(place: Path) -> None:
    assert changers(tool(place)) == ()
    assert changers(b"/bin/sh") == ()
    assert changers(b"/usr/sbin/../bin/env") == ()


@pytest.mark.parametrize(
    ("owner", "group", "mode", "said"),
    [
        (0, 0, 0o755, []),
        (OTHER, 0, 0o755, ["belongs to uid 1078"]),
        (TARGET, TARGET, 0o755, []),
        (0, OTHER, 0o775, ["may be written by gid 1078"]),
        (0, 0, 0o757, ["may be written by everybody"]),
        (OTHER, OTHER, 0o777, ["belongs to uid 1078", "may be written by gid 1078", "may be written by everybody"]),
    ],
)
@pytest.mark.parametrize("what", ["file", "directory", "directory above"])
def test_owner_and_mode_say_who(place: Path, owner: int, group: int, mode: int, said: list[str], what: str) -> None:
    """THREATS R-07."""
    (place / "a" / "b").mkdir(parents=True)
    path = tool(place / "a" / "b")
    thing = {"file": os.fsdecode(path), "directory": f"{place}/a/b", "directory above": f"{place}/a"}[what]
    os.chown(thing, owner, group)
    os.chmod(thing, mode)
    assert list(changers(path, TARGET)) == [f"{thing} {words}" for words in said]


def test_the_target_may_change_its_own_and_root_runs_only_roots(place: Path) -> None:
    path = tool(place)
    os.chown(path, TARGET, TARGET)
    assert changers(path, TARGET) == ()
    assert changers(path, 0) == (f"{os.fsdecode(path)} belongs to uid {TARGET}",)


def test_a_sticky_directory_keeps_what_is_roots(place: Path) -> None:
    """THREATS R-07."""
    place.chmod(0o1777)
    path = tool(place)
    assert changers(path) == ()
    os.chown(path, OTHER, 0)
    assert changers(path)[0].endswith(f"belongs to uid {OTHER}")
    os.chown(path, 0, 0)
    os.chown(place, OTHER, 0)
    assert f"{place} belongs to uid {OTHER}" in changers(path)
    assert f"{place} may be written by everybody" in changers(path)


def test_a_link_of_somebodys_in_a_sticky_directory_is_theirs(place: Path) -> None:
    place.chmod(0o1777)
    tool(place, "real")
    link = place / "link"
    link.symlink_to("real")
    assert changers(os.fsencode(link)) == ()
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    assert f"{place} may be written by everybody" in changers(os.fsencode(link))


def test_every_directory_that_a_link_leads_through_is_looked_at(place: Path) -> None:
    """THREATS R-07."""
    for name in ("from", "through", "to"):
        (place / name).mkdir()
    tool(place / "to")
    (place / "through" / "link").symlink_to("../to/tool")
    (place / "from" / "link").symlink_to(place / "through" / "link")
    (place / "through").chmod(0o777)
    found = changers(os.fsencode(place / "from" / "link"))
    assert found == (f"{place}/through may be written by gid 0", f"{place}/through may be written by everybody")


def test_an_access_list_counts(place: Path) -> None:
    """THREATS R-07."""
    path = Path(os.fsdecode(tool(place)))
    base = [(0x01, 7, 0), (0x04, 5, 0), (0x20, 5, 0)]

    def with_entries(*entries: tuple[int, int, int]) -> tuple[str, ...]:
        _set_access(path, sorted([*base, *entries]))
        return changers(os.fsencode(path), TARGET)

    assert with_entries((0x02, 7, OTHER), (0x10, 7, 0)) == (f"{path} may be written by uid {OTHER}",)
    assert with_entries((0x02, 7, OTHER), (0x10, 5, 0)) == ()
    assert with_entries((0x02, 7, TARGET), (0x10, 7, 0)) == ()
    assert with_entries((0x08, 6, 4242), (0x10, 7, 0)) == (f"{path} may be written by gid 4242",)
    _set_access(place, sorted([*base, (0x02, 7, OTHER), (0x10, 7, 0)]))
    assert f"{place} may be written by uid {OTHER}" in with_entries((0x10, 7, 0))


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_the_digest_is_of_what_it_leads_to(place: Path) -> None:
    path = tool(place, content="#!/bin/sh\necho\n")
    (place / "link").symlink_to("tool")
    found = inspect(os.fsencode(place / "link"), 0)
    assert found.path == os.fsencode(place / "link")
    assert found.digest == hashlib.sha256(b"#!/bin/sh\necho\n").digest()
    assert (found.size, found.inode) == (15, os.stat(path).st_ino)


def test_interpreters_are_followed(place: Path) -> None:
    """THREATS R-06."""
    inner = tool(place, "inner", "#!/bin/sh\n", 0o777)
    outer = tool(place, "outer", f"#!{os.fsdecode(inner)}\n")
    assert f"{os.fsdecode(inner)} may be written by everybody" in changers(outer)


@pytest.mark.parametrize("line", ["#!sh\n", "#!bin/sh\n", "#!\v/bin/sh\n", "#!", "#!/nowhere/interpreter\n", "#!/bin/sh\r\n"])
def test_an_interpreter_that_cannot_be_known_is_refused(place: Path, line: str) -> None:
    """THREATS X-23."""
    with pytest.raises(Uninspectable):
        inspect(tool(place, content=line), 0)


def test_what_is_no_file_is_not_opened(place: Path) -> None:
    """THREATS S-12."""
    os.mkfifo(place / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "socket"))
    for path in (place / "fifo", place / "socket", place, Path("/dev/zero"), Path("/dev/tty")):
        with pytest.raises(Uninspectable, match="not a regular file"):
            inspect(os.fsencode(path), 0)  # which would wait for ever if it were opened


def test_what_is_too_large_is_refused(place: Path) -> None:
    path = place / "large"
    path.touch()
    os.truncate(path, 1000)
    assert inspect(os.fsencode(path), 0, limit=1000).size == 1000
    with pytest.raises(Uninspectable, match="more than 999 bytes"):
        inspect(os.fsencode(path), 0, limit=999)


def test_what_takes_too_long_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "large"
    path.touch()
    os.truncate(path, 64 * 1024 * 1024)
    monkeypatch.setattr(inspection, "PATIENCE", 0.005)
    with pytest.raises(Uninspectable, match="takes more than"):
        inspect(os.fsencode(path), 0)


def test_what_is_gone_says_that_it_is(place: Path) -> None:
    with pytest.raises(Uninspectable) as fault:
        inspect(os.fsencode(place / "none"), 0)
    assert fault.value.is_absent


def test_a_digest_is_remembered_only_of_what_root_alone_can_change_and_has_settled(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DigestCache()
    path = tool(place)
    monkeypatch.setattr(digests.time, "time", lambda: os.stat(path).st_ctime + 1.0)
    inspect(path, 0, cache=cache)
    assert cache.get(os.stat(path)) is None  # just written: the next write might look the same
    os.utime(path, (1, 1))
    inspect(b"/bin/sh", 0, cache=cache)
    assert cache.get(os.stat("/bin/sh")) == hashlib.sha256(Path("/bin/sh").read_bytes()).digest()
    cache = DigestCache()
    os.chmod(path, 0o777)
    inspect(path, 0, cache=cache)
    assert cache.get(os.stat(path)) is None


def test_the_cache_is_bounded() -> None:
    cache = DigestCache(most=3)
    for name in ("/bin/sh", "/bin/ls", "/bin/cat", "/bin/cp", "/bin/mv"):
        inspect(name.encode(), 0, cache=cache)
    assert sum(cache.get(os.stat(name)) is not None for name in ("/bin/sh", "/bin/ls", "/bin/cat", "/bin/cp", "/bin/mv")) == 3
