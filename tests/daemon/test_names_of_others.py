# SPDX-License-Identifier: Apache-2.0
"""Each source in which an account chooses a name and root's code reads fields: what one name looks like changes nothing of the
others.
"""

from __future__ import annotations

import ctypes
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from jitd.beside.processes import OUTSIDE, Helper
from jitd.deciding import accounts
from jitd.deciding.subordinates import Subordinates
from jitd.executor.unit import is_in
from jitd.facts.caller import cgroup_of
from jitd.files import processes
from jitd.files.mounts import read
from jitd.files.silence import Silence
from jitd.monitor import held, housing
from jitd_inspection.doctor import host
from jitd_things.givers import account_lock, account_processes, sudo_processes
from tests.table import each_row

LONG = b"x" * (64 << 10)
NAMES = {
    "plain": b"name",
    "CR": b"a\rb",
    "CR and a field": b"x\rUid:\t4001",
    "LF": b"a\nb",
    "LF and a field": b"x\nUid:\t4001",
    "U+2028": "a\u2028b".encode(),
    "U+0085": "a\u0085b".encode(),
    "VT, FF and FS": b"a\v\f\x1cb",
    "not UTF-8": b"a\xff\xfeb",
    "separators": b"a - b:c d\te",
    "a backslash": b"a\\012b\\",
    "64 KiB": LONG,
}
each_name = each_row("name", NAMES.values(), ids=NAMES.keys())


# --- mountinfo: any account names a mount point of FUSE, and what it serves ----------------------------------------------

ROOT = b"21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
AFTER = b"60 21 0:47 / /net rw,relatime - nfs4 nas:/export rw\n"
SERVED = b"40 21 0:46 / /home/alice/%s rw,nosuid,nodev - fuse.bindfs %s rw,user_id=4001,group_id=4001\n"


def mangled(name: bytes) -> bytes:
    """As the kernel writes it (seq_path, mangle_path)."""
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes([byte]) for byte in name)


@each_name
def test_a_mount_of_any_name_is_one_mount_and_all_others_are_read(name: bytes) -> None:
    """THREATS R-42."""
    found = read(ROOT + SERVED % (mangled(name), mangled(name)) + AFTER)
    assert {number: mount.point for number, mount in found.items()} == {21: b"/", 40: b"/home/alice/" + name, 60: b"/net"}
    assert (found[40].kind, found[40].server, found[40].is_kept) == ("fuse.bindfs", 4001, True)


@each_name
def test_what_is_looked_up_elsewhere_does_not_meet_a_mount_of_any_name(name: bytes) -> None:
    """THREATS R-42."""
    silence = Silence(lambda: ROOT + SERVED % (mangled(name), mangled(name)) + AFTER)
    silence.approach([b"/usr/bin/true"])
    assert silence.silent == ()


@pytest.mark.parametrize(
    "line",
    [
        b"40 21 nonsense\n",
        b"forty 21 0:46 / /mnt rw - tmpfs tmpfs rw\n",
        b"40 21 0:46 / /mnt rw - tmpfs\n",
        b"40 21 0:46 / /mnt rw - fuse x rw,group_id=0\n",
        b"40 21 0:46 / /mnt rw - fuse x rw,user_id=0,user_id=4001\n",
        b"\n",
    ],
)
def test_a_mount_that_cannot_be_read_is_missing_alone(line: bytes) -> None:
    """THREATS R-42."""
    assert set(read(ROOT + line + AFTER)) == {21, 60}
    Silence(lambda: ROOT + line + AFTER).approach([b"/usr/bin/true"])


# --- /proc/PID/status and /proc/PID/cgroup: an account names its processes, and control groups below its own ---------------


@contextmanager
def named(name: bytes) -> Iterator[int]:
    """A child of this process that has this name, as far as the kernel keeps it."""
    ready, is_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(15, name, 0, 0, 0)  # PR_SET_NAME
        os.write(is_ready, b".")
        while True:
            os.read(ready, 0)
            os.kill(os.getpid(), 19)
    os.read(ready, 1)
    try:
        yield pid
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(is_ready)


@each_name
def test_a_process_of_any_name_is_read_as_the_kernel_says(name: bytes) -> None:
    """THREATS R-42."""
    own = (os.getuid(), os.geteuid(), *os.getresuid()[2:], os.geteuid())
    with named(name) as pid:
        assert processes.uids_of(pid) == own
        assert sudo_processes._read(str(pid), 4001).parent == os.getpid()
        assert any(one.pid == pid for one in account_processes.of(os.getuid()))
        assert account_lock._runs_for(pid, [os.getuid()]) and not account_lock._runs_for(pid, [4001])
        assert [status[b"Tgid"] for _, status in held._threads(pid)] == [[b"%d" % pid]]
        assert account_lock._told(pid).endswith("of root" if os.getuid() == 0 else ")") or os.getuid() != 0


STATUS = (
    b"Name:\t%s\nState:\tS (sleeping)\nTgid:\t7\nPPid:\t1\nUid:\t4001\t4001\t4001\t4001\nGroups:\t%s\nSigIgn:\t0000000000001000\n"
)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc with the process 7."""
    (tmp_path / "7").mkdir()
    monkeypatch.setattr(processes, "PROC", str(tmp_path))
    return tmp_path / "7"


def test_a_status_with_sixty_thousand_groups_is_read_to_its_end(proc: Path) -> None:
    """THREATS R-42."""
    (proc / "status").write_bytes(STATUS % (b"x", b" ".join(b"%d" % gid for gid in range(65536))))
    assert processes.status(7)[b"SigIgn"] == [b"0000000000001000"] and processes.uids_of(7) == (4001,) * 4


@pytest.mark.parametrize(
    "text", [b"", b"Uid:\t0\t0\t0\t0\n", b"Name:\tx\nUid:\t0\t0\t0\t0\nUid:\t1\t1\t1\t1\n", b"Name:\tx\nUid:\t0\n"]
)
def test_a_status_that_cannot_be_read_is_a_fault_of_this_process(proc: Path, text: bytes) -> None:
    """THREATS R-42: Of two fields neither is believed, and the name is no field."""
    (proc / "status").write_bytes(text)
    with pytest.raises(processes.Unread):
        processes.uids_of(7)


def test_a_process_that_cannot_be_read_is_not_taken_for_one_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-42: And nobody else is missed for its sake."""
    read_status = sudo_processes.status

    def unreadable(process: str) -> Mapping[bytes, list[bytes]]:
        if int(process) == os.getpid():
            raise processes.Unread("/proc/x/status")
        return read_status(process)

    monkeypatch.setattr(sudo_processes, "status", unreadable)
    with named(b"sudo") as pid:
        monkeypatch.setattr(
            sudo_processes,
            "_read",
            lambda name, uid, plain=sudo_processes._read: (
                sudo_processes._Process(1, is_sudo=True, is_stopped=False) if name == str(pid) else plain(name, uid)
            ),
        )
        unread: set[int] = set()
        assert sudo_processes._look(4001, (), unread) == {pid: True} and os.getpid() in unread


@each_name
def test_a_control_group_of_any_name_is_read(name: bytes, proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-42: But LF, which no control group has in its name."""
    group = b"/user.slice/user-4001.slice/user@4001.service/" + name.replace(b"\n", b"")
    (proc / "cgroup").write_bytes(b"1:name=systemd:/\n0::%s\n" % group)
    monkeypatch.setattr(housing, "hierarchy", lambda: ("/sys/fs/cgroup", "/"))
    assert cgroup_of(7).startswith("/user.slice/user-4001.slice/")
    assert is_in(7, "user@4001.service") and not is_in(7, "jitd-run-x.scope")
    assert housing.group_of("7") == "/sys/fs/cgroup" + os.fsdecode(group)
    assert not host._is_of_unit("7")


def test_a_control_group_that_is_named_like_another_persons_slice_is_not_theirs(proc: Path) -> None:
    """THREATS R-42: A process does not end with somebody else's account because of where it stands."""
    (proc / "status").write_bytes(STATUS % (b"x", b""))
    for group, uids in ((b"/user.slice/user-4001.slice/x/user.slice/user-4002.slice", [4001]), (b"/user-4002.slice/x", [])):
        (proc / "cgroup").write_bytes(b"0::%s\n" % group)
        (proc / "status").write_bytes((STATUS % (b"x", b"")).replace(b"4001", b"0"))
        assert [uid for uid in (4001, 4002) if account_lock._runs_for(7, [uid])] == uids


# --- /etc/passwd and /etc/subuid: people choose their names (chfn) ---------------------------------------------------------


@each_name
def test_the_full_name_of_an_account_hides_no_home_and_makes_none(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-42: But LF and the colon, which chfn(1) refuses."""
    gecos = name.replace(b"\n", b"").replace(b":", b"")
    line = b"backup:x:34:34:%s,,,:/var/backups:/bin/sh\n" % gecos
    (tmp_path / "passwd").write_bytes(b"alice:x:4001:4001::/home/alice:/bin/sh\n" + line + b"toor:x:0:0::/toor:/bin/sh\n")
    monkeypatch.setattr(accounts, "PASSWD", tmp_path / "passwd")
    assert accounts.homes() == {"/var/backups": "backup", "/toor": "root"}


@each_name
def test_a_line_of_subuid_with_any_owner_is_one_line(name: bytes, tmp_path: Path) -> None:
    """THREATS R-42."""
    owner = name.replace(b"\n", b"").replace(b":", b"")
    (tmp_path / "subuid").write_bytes(b"%s:200000:65536\n4002:300000:65536\n" % owner)
    found = Subordinates(tmp_path / "subuid", uid_of=lambda name: None)
    found.read()
    assert found.owner_of(300001) == 4002 and found.owner_of(200001) == 200000


# --- /proc/net/unix: anybody names a socket ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_a_helper_that_is_down_does_not_listen_whatever_others_call_their_sockets(
    kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS R-42."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="") as place:
        at = Path(place, "x.sock")
        monkeypatch.setattr(Helper, "socket", at)
        assert not OUTSIDE.listens
        with socket.socket(socket.AF_UNIX, kind) as listener, socket.socket(socket.AF_UNIX, kind) as forged:
            forged.bind(b"\0x\n0: 2 0 00010000 1 1 1 " + bytes(at))
            forged.listen()
            assert not OUTSIDE.listens
            listener.bind(bytes(at))
            listener.listen()
            listener.settimeout(0)
            assert OUTSIDE.listens
            with pytest.raises(BlockingIOError):
                listener.accept()  # and nobody has connected, so systemd starts no helper
        assert at.exists() and not OUTSIDE.listens
