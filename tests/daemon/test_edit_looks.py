# SPDX-License-Identifier: Apache-2.0
"""The look at the file of an edit: what it binds is one file, and its requester learns nothing of what they cannot read."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import pwd
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.cli import as_recorded
from jitd.core.command import Command, RunAs
from jitd.core.edit import SUDOEDIT, Edit, NewFile, Undone
from jitd.core.script import LARGEST
from jitd.core.subject import Subject
from jitd.deciding import accounts, edits
from jitd.deciding.edits import CannotEdit
from jitd.files import mounts, path_lookup
from jitd.files.reading_as import Rights, may_make_files, read_as
from jitd.settings.config import Config
from jitd.verbs import rows, sentences
from jitd.verbs.requests import Requests
from jitd.workers import Workers
from tests import scene
from tests.waiting import wait_for

NOBODY = pwd.getpwnam("nobody")
SECRET = b"password = hunter2\n"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of nobody's, on a way that only root can change."""
    made = Path("/etc/edit-looks")
    made.mkdir()
    os.chown(made, NOBODY.pw_uid, NOBODY.pw_gid)
    yield made
    shutil.rmtree(made)


WHO = Subject("nobody@EXAMPLE.ORG", "nobody", NOBODY.pw_uid, NOBODY.pw_gid, frozenset(), "nobody", None)


def asked(file: Path, new: bytes, account: str) -> Command:
    entry, path = pwd.getpwnam(account), os.fsencode(file)
    return Command(
        argv=(SUDOEDIT, path),
        path=SUDOEDIT,
        digest=b"",
        run_as=RunAs(account, entry.pw_uid, "", entry.pw_gid),
        cwd=b"/",
        cwd_device=0,
        cwd_inode=0,
        variables=(),
        locale=(),
        streams=(),
        edit=Edit(0, 0, 0, 0, 0, b"", hashlib.sha256(new).digest()),
    )


def look(file: Path, new: bytes = b"new\n", account: str = "nobody") -> edits.Looked:
    """What nobody is answered, who wants ``new`` written by ``account``."""
    command = asked(file, new, account)
    with path_lookup.Look() as glance:
        found = edits.look(command, WHO, (), glance)
    edits.scripts_of(command, new, found.before)
    return found


def owned(file: Path, text: bytes, account: str) -> Path:
    file.write_bytes(text)
    file.chmod(0o600)
    entry = pwd.getpwnam(account)
    os.chown(file, entry.pw_uid, entry.pw_gid)
    return file


def test_an_account_that_exchanges_the_file_during_the_look_is_shown_no_file_of_roots(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-32: The account may rename what root has put into its directory, at any moment of the look."""
    n_calls, found = 0, set()
    while "over" not in found:
        n_calls += 1
        mine, roots = owned(place / "x.conf", b"mine\n", "nobody"), owned(place / "y", SECRET, "root")
        with monkeypatch.context() as patch:
            found.add(_looked(patch, n_calls, mine, roots))
        for one in place.iterdir():
            one.unlink()
    assert found == {"looked", "refused", "over"} and n_calls > 5


def _looked(patch: pytest.MonkeyPatch, number: int, mine: Path, roots: Path) -> str:
    """Look at ``mine``, whose place ``roots`` takes before the system call ``number``."""
    n_calls = 0

    def swapping(call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*words: Any, **more: Any) -> Any:
            nonlocal n_calls
            n_calls += 1
            if n_calls == number:
                mine.rename(mine.with_name("z"))
                roots.rename(mine)
            return call(*words, **more)

        return made

    for name in ("open", "fstat", "stat", "pread"):
        patch.setattr(os, name, swapping(getattr(os, name)))
    try:
        looked = look(mine)
    except CannotEdit as fault:
        assert "hunter2" not in str(fault)
        return "refused"
    assert looked.before == b"mine\n" and looked.edit.uid == NOBODY.pw_uid
    return "looked" if n_calls >= number else "over"


def test_who_reads_another_text_than_the_look_is_told_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-32."""
    os.chown(place, 0, 0)
    file = owned(place / "x.conf", b"mine\n", "nobody")
    assert look(file, account="root").edit.is_told
    assert not look(owned(place / "y.conf", SECRET, "root"), account="root").edit.is_told

    def meddle(*words: Any) -> list[Any]:
        file.write_bytes(b"not what jitd has read\n")
        return kept(*words)

    kept = read_as
    monkeypatch.setattr("jitd.deciding.edits.read_as", meddle)
    assert not look(file, account="root").edit.is_told


@pytest.mark.parametrize("text", [SECRET, b"a" * (LARGEST + 1), b"\0"])
@pytest.mark.parametrize("n_names", [1, 2])
def test_of_a_file_of_roots_nothing_but_its_owner_is_told_to_who_edits_as_another_account(
    place: Path, text: bytes, n_names: int
) -> None:
    """THREATS R-32."""
    file = owned(place / "x.conf", text, "root")
    for number in range(1, n_names):
        os.link(file, place / f"{number}")
    with pytest.raises(
        CannotEdit, match="^/etc/edit-looks/x.conf does not belong to nobody, who could not give it back its owner$"
    ):
        look(file)


def test_no_size_of_a_new_text_tells_the_size_of_the_old_one(place: Path) -> None:
    """THREATS R-32: The new text that is just too long is the same one beside any old text."""
    os.chown(place, 0, 0)
    refused = set()
    for before in (b"a" * LARGEST, b"\n" * 30_000, "\u0436".encode() * 32_000, b"a\n"):
        file, sizes = owned(place / "x.conf", before, "root"), []
        for size in range(0, LARGEST, 4_000):
            try:
                look(file, b"\n" * size, account="root")
            except CannotEdit as fault:
                assert "the new text" in str(fault)
                sizes.append(size)
        refused.add(tuple(sizes))
    assert len(refused) == 1 and refused != {()}


def refused_link(typed: Path, account: str = "root", meddle: Callable[[], object] = lambda: None) -> str:
    """Why nobody may not name the file by the path ``typed``, or "". ``meddle`` is called when jitd has found the file."""
    glance = path_lookup.Look()
    real = path_lookup.resolve(os.fsencode(typed), b"/", b"", glance)
    meddle()
    try:
        edits.refuse_links(os.fsencode(typed), asked(Path(os.fsdecode(real)), b"new\n", account), WHO, (), glance)
    except CannotEdit as fault:
        return str(fault)
    return ""


def by_mode(place: Path) -> None:
    place.chmod(0o777)


def by_group(place: Path) -> None:
    os.chown(place, 0, NOBODY.pw_gid)
    place.chmod(0o775)


def by_list(place: Path) -> None:
    entries = ((1, 7, 2**32 - 1), (2, 7, NOBODY.pw_uid), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1), (32, 5, 2**32 - 1))
    os.setxattr(place, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries))


def by_sticky(place: Path) -> None:
    place.chmod(0o1777)
    os.chown(place / "way", NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)


def by_owner(place: Path) -> None:
    os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)


def by_directory_above(place: Path) -> None:
    by_owner(place)
    (place / "way").unlink()
    (place / "way").mkdir()
    (place / "way/to").symlink_to("/etc")


@pytest.mark.parametrize("right", [by_owner, by_mode, by_group, by_list, by_sticky, by_directory_above])
def test_a_link_that_the_requester_can_change_is_not_followed(place: Path, right: Callable[[Path], None]) -> None:
    """THREATS R-34."""
    os.chown(place, 0, 0)
    (place / "way").symlink_to("/etc")
    typed = place / ("way/to/hostname" if right is by_directory_above else "way/hostname")
    assert refused_link(place / "way/hostname") == ""
    right(place)
    told = refused_link(typed)
    assert told.startswith(f"{typed} leads through a link, or by .. out of a directory, that others can change: {place} "), told
    assert told.endswith("; name the file by its real path, /etc/hostname"), told


def test_a_link_of_the_account_that_writes_is_not_followed_for_itself(place: Path) -> None:
    """THREATS R-34: For another requester, it is the account's own, as its directories are."""
    (place / "way").symlink_to("/etc")
    assert refused_link(place / "way/hostname", account="nobody")
    os.chown(place, pwd.getpwnam("daemon").pw_uid, 0)
    assert refused_link(place / "way/hostname", account="daemon") == ""
    assert refused_link(place / "way/hostname")


def test_a_link_that_only_root_can_change_is_followed(place: Path) -> None:
    """Whoever owns the link itself, and also in a sticky directory; and so is a way through a directory without a link."""
    mine = place / "mine"
    mine.mkdir()
    os.chown(mine, NOBODY.pw_uid, NOBODY.pw_gid)
    os.chown(place, 0, 0)
    (place / "way").symlink_to("/etc")
    os.chown(place / "way", NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)
    assert refused_link(place / "way/hostname") == "" == refused_link(mine / "../way/hostname")
    os.chown(place / "way", 0, 0, follow_symlinks=False)
    place.chmod(0o1777)
    assert refused_link(place / "way/hostname") == ""


@pytest.mark.parametrize("way", ["mine/a/../../../hostname", "mine/a/b/../../../../hostname", "roots/../../../hostname"])
def test_a_directory_that_others_can_replace_is_not_left_by_dots(place: Path, way: str) -> None:
    """THREATS R-34: A link in its place would have led the editor to another file a moment ago. One that is root's to replace is
    left, whoever owns it.
    """
    (place / "roots").symlink_to("mine/a")
    (place / "mine/a/b").mkdir(parents=True)
    for one in (place / "mine", place / "mine/a"):
        os.chown(one, NOBODY.pw_uid, NOBODY.pw_gid)
    os.chown(place, 0, 0)
    assert refused_link(place / "mine/../../hostname") == ""
    told = refused_link(place / way)
    assert f"by .. out of a directory, that others can change: {place}/mine" in told, told
    assert told.endswith("; name the file by its real path, /etc/hostname"), told
    os.chown(place / "mine", 0, 0)
    os.chown(place / "mine/a", 0, 0)
    assert refused_link(place / way) == ""


def test_the_links_that_are_judged_are_those_that_were_followed(place: Path) -> None:
    """THREATS R-34: Whoever takes the link away afterwards has gained nothing."""
    (place / "way").symlink_to("/etc")

    def hide() -> None:
        (place / "way").unlink()
        (place / "way").mkdir()
        os.chown(place, 0, 0)

    assert f"{place} belongs to uid" in refused_link(place / "way/hostname", meddle=hide)


@contextmanager
def in_mounts_of_its_own(script: str, *words: str | Path, by: Sequence[str] = ("unshare", "--mount")) -> Iterator[int]:
    """A process of cat, which ``script`` becomes in mounts of its own."""
    command = [*by, "sh", "-c", f"{script} && exec cat", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdin is not None and held.stdout is not None
        held.stdin.write(b"mounted\n")
        held.stdin.flush()
        assert held.stdout.readline() == b"mounted\n"  # said by cat
        yield held.pid
        held.stdin.close()


@pytest.mark.parametrize("name", ["x y.conf", "a#b.conf", "a\\b.conf", "a\tb.conf", "a\nb.conf"])
@pytest.mark.parametrize(
    "script",
    [
        'mount --bind "$1" "$0"',
        'mount --bind "$1" "$0" && mount --bind "$1" "$0"',
        'mount -t tmpfs x /mnt && mkdir /mnt/d && mount --bind "$2" /mnt/d && mount --bind "$1" "/mnt/d/${0##*/}"',
        'mount --bind "$0" "$2/into" && mount --bind "$1" "$2/into"',
    ],
)
def test_who_has_something_mounted_over_the_file_is_named_and_loses_it(place: Path, script: str, name: str) -> None:
    """THREATS R-38."""
    os.chown(place, 0, 0)
    file = owned(place / name, b"old\n", "root")
    for other in ("into", "over", "beside"):
        owned(place / other, b"other\n", "root")
    with in_mounts_of_its_own(script, file, place / "over", place) as process:
        assert look(file, account="root").edit.covered == f"cat ({process})"
        assert look(place / "beside", account="root").edit.covered == ""
        assert file.read_bytes() == b"old\n"
        text = place / "text"
        text.write_bytes(b"new\n")
        text.rename(file)  # as the exchange does: the kernel refuses it for no mounts but those of the process itself
        assert b"other\n" not in Path(f"/proc/{process}/root{file}").read_bytes()
    assert look(file, account="root").edit.covered == ""


HERS = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "--mount")


def test_what_is_mounted_in_a_user_namespace_that_anybody_can_make_is_not_told_and_not_even_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-38: she could have the page warn of each edit, or with many mounts have each edit take too long."""
    os.chown(place, 0, 0)
    file = owned(place / "x.conf", b"old\n", "root")
    into = owned(place / "into", b"", "root")
    script = 'mount --bind "$0" "$1" && mount --bind /etc/hostname "$0"'
    texts = read_texts(monkeypatch)
    with in_mounts_of_its_own(script, file, into, by=HERS) as process, in_mounts_of_its_own("true") as another:
        hers, of_another = (Path(f"/proc/{one}/mountinfo").read_bytes() for one in (process, another))
        assert f" {file} ".encode() in hers
        edit = look(file, account="root").edit
        assert (edit.mounted, edit.covered) == ("", "")
        assert of_another in texts and hers not in texts


def read_texts(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Each text of mountinfo that is read from now on."""
    texts, plain = list[bytes](), mounts.read.__wrapped__

    def noted(text: bytes) -> Any:
        texts.append(text)
        return plain(text)

    monkeypatch.setattr(mounts.read, "__wrapped__", noted)
    return texts


@pytest.mark.parametrize("by", [("unshare", "--mount"), ("unshare", "--mount", "--user", "--map-root-user")])
def test_who_holds_the_file_is_told_without_the_right_to_trace_processes(place: Path, by: Sequence[str]) -> None:
    """THREATS R-38: the unit has no CAP_SYS_PTRACE, without which root does not read /proc/PID/ns of root's processes."""
    os.chown(place, 0, 0)
    file, into = owned(place / "x.conf", b"old\n", "root"), owned(place / "into", b"", "root")
    lines = (
        "from jitd.files import glance, mounts, path_lookup; import sys; path = sys.argv[1].encode(); look = path_lookup.Look(); "
    )
    lines += "print(mounts.Mounts().around(path, look.mount(path)))"
    without = ("setpriv", "--bounding-set=-all,+dac_read_search,+setgid,+setuid", "--inh-caps=-all")
    script = 'mount --bind "$0" "$1" && mount --bind /etc/hostname "$0"'
    with in_mounts_of_its_own(script, file, into, by=by) as process:
        done = subprocess.run([*without, sys.executable, "-c", lines, file], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode() == f"(((b'cat', {process}),), ((b'cat', {process}),))\n"


def test_the_mounts_that_many_processes_have_in_common_are_read_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-38."""
    os.chown(place, 0, 0)
    file = owned(place / "x.conf", b"old\n", "root")
    texts = read_texts(monkeypatch)
    look(file, account="root")
    before = len(texts)
    with in_mounts_of_its_own('sleep 60 & sleep 60 & trap "" HUP; true') as process:
        texts.clear()
        look(file, account="root")
        assert len(texts) == before + 1
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            os.kill(int(child), 9)


def test_a_service_is_not_hidden_behind_processes_that_began_later_with_lower_pids(place: Path) -> None:
    """THREATS R-38."""
    os.chown(place, 0, 0)
    file, into = owned(place / "x.conf", b"old\n", "root"), owned(place / "into", b"", "root")
    last = Path("/proc/sys/kernel/ns_last_pid")
    with ExitStack() as stack:
        last.write_text("30000")
        process = stack.enter_context(in_mounts_of_its_own('mount --bind "$0" "$1"', file, into))
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        wait_for(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > began + 0.02, what="the tick in which later ones begin")
        last.write_text("20000")
        later = [stack.enter_context(in_mounts_of_its_own('mount --bind "$0" "$1"', file, into)) for _ in range(4)]
        assert all(one < process for one in later)
        told = look(file, account="root").edit.mounted
    assert told.startswith(f"cat ({process}), ") and told.endswith(" and 2 more"), told


@pytest.mark.parametrize(
    ("name", "told"),
    [(b"a'b", r"'a\x27b'"), (b"a\\b", r"'a\\b'"), (b"a\xff", r"'a\xff'"), (b"a\nb", r"'a\x0ab'"), (b"(1), x", "'(1), x'")],
)
def test_the_name_of_a_process_is_escaped_once(place: Path, name: bytes, told: str) -> None:
    os.chown(place, 0, 0)
    file, into = owned(place / "x.conf", b"old\n", "root"), owned(place / "into", b"", "root")
    tool = place / os.fsdecode(name)
    tool.symlink_to("/bin/cat")
    with in_mounts_of_its_own('mount --bind "$0" "$1" && exec "$2"', file, into, tool) as process:
        edit = look(file, account="root").edit
        assert edit.mounted == f"{told} ({process})" == rows._edit(edit, is_own=True).mounted
        assert as_recorded._sentences([edit.mounted]) == (edit.mounted,)  # what approvers read is what was recorded
        command = scene.command("sudoedit", str(file), path=SUDOEDIT, edit=edit)
        assert f"is mounted in {told} ({process})," in sentences.mounted(replace(scene.asked(), command=command))[0]


def test_who_has_the_file_itself_mounted_keeps_the_old_text_and_is_named(place: Path) -> None:
    os.chown(place, 0, 0)
    file = owned(place / "x y.conf", b"old\n", "root")
    assert look(file, account="root").edit.mounted == ""
    (place / "into").touch()
    words = 'mount --bind "$0" "$1" && mount --bind "$2" "$2"'
    with in_mounts_of_its_own(words, file, place / "into", place) as process:
        assert look(file, account="root").edit.mounted == f"cat ({process})"
        assert look(owned(place / "other", b"old\n", "root"), account="root").edit.mounted == ""  # only its directory is mounted
    assert look(file, account="root").edit.mounted == ""


def stick(place: Path) -> None:
    """Mount at ``place`` a disk as somebody's stick is mounted: they are root on it, at home."""
    for name, kind, *numbers in (("loop-control", "c", 10, 237), *((f"loop{each}", "b", 7, each) for each in range(16))):
        if not Path(f"/dev/{name}").exists():
            subprocess.run(["mknod", f"/dev/{name}", kind, *map(str, numbers)], check=True)
    image = Path("/etc/edit-looks.image")
    image.touch()
    os.truncate(image, 4 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop,nosuid,nodev", image, place], check=True)
    image.unlink()


def in_memory(place: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,mode=755", "none", place], check=True)


def served(place: Path) -> None:
    if not Path("/dev/fuse").exists():
        subprocess.run(["mknod", "/dev/fuse", "c", "10", "229"], check=True)
    subprocess.run(["bindfs", "-o", "nonempty,allow_other", "--force-user=root", "--force-group=root", place, place], check=True)


@pytest.mark.parametrize(
    ("mount", "fstab", "why_not"),
    [
        (stick, "", "is nosuid: what is on it may come from elsewhere"),
        (
            stick,
            "/dev/disk/by-label/x /etc/edit-looks auto nosuid,nofail 0 0",
            "is nosuid: what is on it may come from elsewhere",
        ),
        (stick, "/dev/disk/by-label/x /etc/edit-looks auto nosuid,nodev 0 2", ""),
        (in_memory, "", ""),
        (served, "/dev/disk/by-label/x /etc/edit-looks auto nosuid,nodev 0 2", "is fuse: its server decides whose a file is"),
    ],
    ids=["a stick", "a stick that fstab has", "a disk of the host", "memory", "FUSE"],
)
def test_a_file_is_edited_where_the_owners_of_the_mount_can_be_believed(
    place: Path, monkeypatch: pytest.MonkeyPatch, mount: Callable[[Path], None], fstab: str, why_not: str
) -> None:
    """THREATS X-19: And a refusal names the setting that trusts the mount."""
    os.chown(place, 0, 0)
    table = Path("/etc/edit-looks.fstab")
    table.write_text(f"{fstab}\n")
    monkeypatch.setattr(mounts, "_FSTAB", os.fsencode(table))
    mount(place)
    try:
        file = owned(place / "x.conf", b"old\n", "root")
        told = rf"its mount {why_not}; an administrator who trusts the mount names it in trusted_mounts, jitd.toml\(5\)$"
        with pytest.raises(CannotEdit, match=told) if why_not else nullcontext():
            assert look(file, account="root").before == b"old\n"
        os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)
        with pytest.raises(CannotEdit) if mount is served else pytest.raises(CannotEdit, match=r"belongs to uid \d+$"):
            look(file, account="root")  # that is what is wrong with it, wherever it is
    finally:
        subprocess.run(["umount", place], check=True)
        table.unlink()


@pytest.mark.parametrize("attribute", ["trusted.note", "security.note", "security.selinux", "user.note"])
def test_an_attribute_that_only_root_can_give_is_not_lost_by_the_edit_of_another_account(
    place: Path, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    """THREATS R-33: And one that its owner can give is kept. A name that others cannot see is not told."""
    file = owned(place / "x.conf", b"mine\n", "nobody")
    os.setxattr(file, attribute, b"kept")
    monkeypatch.setattr(edits, "_CONTEXT", "/no/such/file")
    if attribute.startswith("user."):
        assert look(file).before == b"mine\n"
    else:
        with pytest.raises(
            CannotEdit, match="x.conf has an attribute that nobody cannot give to the new file, as only root can$"
        ):
            look(file)
        os.chown(place, 0, 0)
        assert look(file, account="root").before == b"mine\n"


@pytest.mark.parametrize(
    ("context", "is_on"),
    [
        (b"system_u:system_r:init_t:s0\0", True),
        (b"system_u:system_r:container_t:s0:c1,c2\0", True),
        (b"unconfined\n", False),  # AppArmor
        (b"", False),
    ],
)
def test_a_label_is_left_to_the_policy_of_a_host_that_has_one(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: bytes, is_on: bool
) -> None:
    """THREATS R-33: Where SELinux was turned off, files keep labels that nobody but root can give."""
    file = owned(place / "x.conf", b"mine\n", "nobody")
    os.setxattr(file, "security.selinux", b"system_u:object_r:etc_t:s0\0")
    (tmp_path / "current").write_bytes(context)
    monkeypatch.setattr(edits, "_CONTEXT", str(tmp_path / "current"))
    if is_on:
        assert look(file).before == b"mine\n"
    else:
        with pytest.raises(CannotEdit, match="as only root can$"):
            look(file)


@pytest.mark.parametrize(("fault", "is_refused"), [(errno.EIO, True), (errno.ENOENT, True), (errno.EOPNOTSUPP, False)])
def test_a_file_whose_attributes_cannot_be_listed_is_not_taken_for_one_without(
    place: Path, monkeypatch: pytest.MonkeyPatch, fault: int, is_refused: bool
) -> None:
    """THREATS R-33: And a file system that has none is no reason to refuse."""
    file = owned(place / "x.conf", b"mine\n", "nobody")

    def fails(*_: object, **__: object) -> list[str]:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(edits.os, "listxattr", fails)
    if is_refused:
        with pytest.raises(CannotEdit, match=os.strerror(fault)):
            look(file)
    else:
        assert look(file).before == b"mine\n"


@pytest.mark.parametrize("could", [False, True])
@pytest.mark.parametrize("can", [False, True])
def test_an_old_text_is_told_to_nobody_who_could_not_read_it_then_or_cannot_now(place: Path, could: bool, can: bool) -> None:
    """THREATS R-37."""
    file = owned(place / "x", SECRET, "nobody" if can else "root")
    os.chown(place, 0, 0)
    looked = look(file, account="root")
    written = replace(looked.edit, before=bytes(32), after=looked.edit.before)
    undone = Undone("K7QM-2XVD", os.fsencode(file), written, b"old\n", "root", None, is_told=could)
    found = edits.undoing(looked.edit, undone.path, undone)
    assert (looked.edit.is_told, found.is_told, found.undoes) == (can, can and could, "K7QM-2XVD")
    gone = edits.removing(looked.edit, undone.path, undone)
    assert (gone.is_told, gone.undoes, gone.before) == (can and could, "K7QM-2XVD", looked.edit.before)
    new = NewFile(1, 2, gone.uid, gone.gid, gone.mode, gone.before)
    assert edits.making_again(new, undone.path, replace(undone, did=gone)).is_told == could


@pytest.mark.parametrize("what", ["before", "uid", "gid", "mode"])
def test_a_file_that_was_changed_in_any_way_that_its_readers_depend_on_is_not_given_an_old_text(place: Path, what: str) -> None:
    """THREATS R-37, R-41: Nor is it removed, or made again for others."""
    file = owned(place / "x", SECRET, "nobody")
    looked = look(file)
    undone = Undone(
        "K7QM-2XVD", os.fsencode(file), replace(looked.edit, after=looked.edit.before), b"old\n", "nobody", None, True
    )
    edits.undoing(looked.edit, undone.path, undone)
    gone = edits.removing(looked.edit, undone.path, undone)
    new = NewFile(1, 2, gone.uid, gone.gid, gone.mode, gone.before)
    value = bytes(32) if what == "before" else getattr(looked.edit, what) + 1
    for take_back in (edits.undoing, edits.removing):
        with pytest.raises(CannotEdit, match="has another text|no longer has the owner"):
            take_back(replace(looked.edit, **{what: value}), undone.path, undone)
    if what != "before":
        with pytest.raises(CannotEdit, match="would not have the owner, the group and the mode"):
            edits.making_again(replace(new, **{what: value}), undone.path, replace(undone, did=gone))


@pytest.mark.parametrize("base", [b"", hashlib.sha256(SECRET).digest(), bytes(32)])
@pytest.mark.parametrize("can_read", [False, True])
def test_a_text_made_from_another_than_that_of_the_file_is_refused_to_who_can_read_it_and_told_to_nobody_else(
    place: Path, base: bytes, can_read: bool
) -> None:
    """THREATS R-38."""
    file = owned(place / "x", SECRET, "nobody" if can_read else "root")
    os.chown(place, 0, 0)
    command = asked(file, b"new\n", "root")
    assert command.edit is not None
    command = replace(command, edit=replace(command.edit, base=base))
    with path_lookup.Look() as glance:
        looked = edits.look(command, WHO, (), glance)
    assert looked.edit.is_changed is (base == bytes(32))
    if looked.edit.is_changed and can_read:
        with pytest.raises(CannotEdit, match="was changed after your text was made from it: nothing was requested"):
            edits.refuse_changed(looked, os.fsencode(file))
    else:
        edits.refuse_changed(looked, os.fsencode(file))


@pytest.mark.parametrize("account", ["nobody", "daemon"])
def test_that_the_daemon_sees_read_only_mounts_says_nothing_of_the_rights_of_an_account(place: Path, account: str) -> None:
    """ProtectSystem= of the unit. Runs have the mounts of the host."""
    entry = pwd.getpwnam(account)
    rights = Rights(entry.pw_uid, entry.pw_gid, (entry.pw_gid,))
    before = may_make_files(rights, os.fsencode(place))
    for words in (["mount", "--bind", place, place], ["mount", "-o", "remount,bind,ro", place]):
        subprocess.run(words, check=True)
    try:
        assert may_make_files(rights, os.fsencode(place)) is before is (account == "nobody")
    finally:
        subprocess.run(["umount", place], check=True)


def test_who_takes_an_edit_back_lets_nobody_else_wait_for_the_directory_of_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = list[bool]()

    def look_up(run_as: RunAs) -> bool:
        looked.append(threading.current_thread() is threading.main_thread())
        return False

    edit = Edit(1, 2, 0, 4, 0o640, bytes(32), bytes(32), is_told=True)
    found = replace(scene.asked(), command=scene.command("sudoedit", "/etc/x", path=SUDOEDIT, edit=edit))
    access: Any = SimpleNamespace(request=lambda act, who, typed: found, may=lambda act, who, asked: False)
    store: Any = SimpleNamespace(last_runs=lambda id, n: [SimpleNamespace(outcome=None)], text=lambda digest: b"old\n")
    none: Any = None
    requests = Requests(Config(frozenset(), "h"), access, none, none, none, store, none, Workers(), scene.moment)
    monkeypatch.setattr(accounts, "is_own_group", look_up)
    (undone,) = asyncio.run(requests.undones(found.requester, found.id))
    assert looked == [False] and (undone.group, undone.text, undone.path) == ("root", b"old\n", b"/etc/x")
