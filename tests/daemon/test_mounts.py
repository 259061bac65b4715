# SPDX-License-Identifier: Apache-2.0
"""Which mounts are believed when they say whose a file is: a table of lines as the kernel writes them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jitd.files import mounts
from jitd.files.glance import Glance
from jitd.files.mounts import EditedMounts, Mounts, Table, read

ROOT = "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"
LINES = {
    "the root file system": (ROOT, True),
    "the root file system, mounted once more": ("40 21 254:0 /srv /mnt rw,nosuid,nodev - ext4 /dev/vda1 rw", True),
    "a local file system": ("40 21 254:1 / /mnt rw,relatime shared:2 master:1 - ext4 /dev/vdb rw", True),
    "an overlay": ("40 21 0:44 / /mnt rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c", True),
    "a file system in memory": ("40 21 0:45 / /mnt rw - tmpfs tmpfs rw,size=1k", True),
    "a stick": ("40 21 8:1 / /mnt rw,nosuid,nodev,relatime - ext4 /dev/sdb1 rw", False),
    "a file system in memory that is for anybody": ("40 21 0:45 / /mnt rw,nosuid - tmpfs tmpfs rw", False),
    "FUSE": ("40 21 0:46 / /mnt rw,relatime - fuse /srv rw,user_id=0,group_id=0,allow_other", False),
    "FUSE with a name": ("40 21 0:46 / /mnt rw,relatime - fuse.sshfs a:b rw,user_id=4001,group_id=4001,allow_other", False),
    "FUSE on a device": ("40 21 8:2 / /mnt rw,relatime - fuseblk /dev/sdb2 rw,user_id=0,group_id=0", False),
    "NFS": ("40 21 0:47 / /mnt rw,relatime - nfs4 nas:/export rw,vers=4.2", False),
    "CIFS": ("40 21 0:48 / /mnt rw,relatime - cifs //nas/export rw", False),
    "9p": ("40 21 0:49 / /mnt rw,relatime - 9p host rw", False),
    "one that nobody knows": ("40 21 0:50 / /mnt rw,relatime - novelfs x rw", False),
    "an idmapped one": ("40 21 254:1 / /mnt rw,relatime,idmapped - ext4 /dev/vdb rw", False),
    "an idmapped one of the root file system": ("40 21 254:0 /srv /mnt rw,relatime,idmapped - ext4 /dev/vda1 rw", False),
}
UNTRUE = [name for name, (_, is_believed) in LINES.items() if not is_believed]


EDITED = {"a file system in memory that is for anybody"}  # believed for the text of a file, although no program is
VAR = "40 21 254:1 / /var rw,nosuid,nodev - ext4 /dev/vdb rw"
FSTAB = {
    "no line": ("", False),
    "a line": ("/dev/vdb /var ext4 nosuid,nodev 0 2", True),
    "a line by its UUID": ("UUID=0a-b1\t/var\text4\tdefaults,nosuid,x-systemd.growfs", True),
    "a line with a slash at the end": ("/dev/vdb /var/ ext4 nosuid 0 2", True),
    "a line that is a comment": ("#/dev/vdb /var ext4 nosuid 0 2", False),
    "a line of half its words": ("/dev/vdb /var ext4", False),
    "a line for another place": ("/dev/vdb /va ext4 nosuid 0 2", False),
    "a line for a place below": ("/dev/vdb /var/log ext4 nosuid 0 2", False),
    "a directory, mounted once more": ("/home/alice/x /var none bind,nosuid 0 0", False),
    "an image": ("/srv/image /var ext4 loop,nosuid 0 0", False),
    "a line, and one by which a person mounts there": ("/dev/vdb /var ext4 nosuid\n/dev/sdb1 /var/ auto noauto,user", False),
    "a line, and one of half its words": ("/dev/vdb /var ext4 nosuid\n/dev/sdb1 /var", False),
    "a line, and one for another place": ("/dev/vdb /var ext4 nosuid\n/dev/sdb1 /mnt auto noauto,user", True),
    **{
        f"a line with {option}": (f"/dev/vdb /var auto nosuid,{option} 0 0", False)
        for option in (
            "noauto",
            "nofail",
            "_netdev",
            "user",
            "users",
            "owner",
            "group",
            "x-systemd.automount",
            "x-systemd.wanted-by=x.target",
            "x-systemd.required-by=x.target",
            "x-udisks-auth",
        )
    },
}


def believed(
    line: str, *trusted: str, monkeypatch: pytest.MonkeyPatch, kind: type[Mounts] = Mounts, number: int | None = None
) -> bool:
    """Whether a file on the mount of that ``line``, or ``number``, is believed to be root's."""
    monkeypatch.setattr(mounts, "_number", lambda file, path: 21)
    looked = kind(tuple(place.encode() for place in trusted))
    looked.__dict__["_others"] = read(f"{ROOT}\n{line}\n".encode())
    return looked.why_not(number or int(line.split()[0])) == ""


@pytest.fixture
def fstab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "fstab"
    monkeypatch.setattr(mounts, "_FSTAB", os.fsencode(made))
    return made


@pytest.mark.parametrize("what", LINES)
def test_a_mount_is_believed_or_not(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-19."""
    line, wanted = LINES[what]
    assert believed(line, monkeypatch=monkeypatch) is wanted


@pytest.mark.parametrize("what", LINES)
def test_for_an_edit_a_file_system_in_memory_is_believed_too(what: str, fstab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-19: what it had before, it lost when it was mounted, and only root mounts one."""
    line, wanted = LINES[what]
    assert believed(line, kind=EditedMounts, monkeypatch=monkeypatch) is (wanted or what in EDITED)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a file of root's")
@pytest.mark.parametrize("what", FSTAB)
def test_for_an_edit_a_disk_is_believed_without_which_the_host_does_not_start(
    what: str, fstab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS X-19: others are like a stick, which anybody brings. What is run from it is believed in no case."""
    line, wanted = FSTAB[what]
    fstab.write_text(f"/dev/vda1 / ext4 defaults 0 1\n{line}\n")
    once_more = f"{VAR}\n41 40 254:1 /lib/jitd /var/lib/jitd rw,nosuid,nodev - ext4 /dev/vdb rw"
    another = f"{VAR}\n41 40 8:1 / /var/stick rw,nosuid,nodev - ext4 /dev/sdb1 rw"
    for lines, number, is_believed in ((VAR, 40, wanted), (once_more, 41, wanted), (another, 41, False)):
        assert believed(lines, kind=EditedMounts, number=number, monkeypatch=monkeypatch) is is_believed
        assert not believed(lines, number=number, monkeypatch=monkeypatch)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a file of root's")
@pytest.mark.parametrize(("uid", "mode"), [(0, 0o664), (0, 0o646), (4001, 0o644)])
def test_a_table_of_disks_that_others_can_write_names_none(
    uid: int, mode: int, fstab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS X-19."""
    fstab.write_text(FSTAB["a line"][0])
    assert believed(VAR, kind=EditedMounts, monkeypatch=monkeypatch)
    fstab.chmod(mode)
    os.chown(fstab, uid, 0)
    assert not believed(VAR, kind=EditedMounts, monkeypatch=monkeypatch)


@pytest.mark.parametrize("what", UNTRUE)
def test_an_administrator_may_believe_it(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-19: the honest twin."""
    line, _ = LINES[what]
    assert believed(line, "/opt", "/mnt", monkeypatch=monkeypatch)
    assert not believed(line, "/mn", "/mnt/below", "/mnt2", monkeypatch=monkeypatch)


def test_what_is_below_a_believed_place_is_believed_unless_a_person_serves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-19: who has a directory of their own there may mount on it what says that all is root's."""
    line = "40 21 0:46 / /opt/tools/x rw,nosuid - fuse.bindfs /srv rw,user_id={},group_id=0,allow_other"
    assert believed(line.format(0), "/opt/tools", monkeypatch=monkeypatch)
    assert not believed(line.format(4001), "/opt/tools", monkeypatch=monkeypatch)
    assert believed(line.format(4001), "/opt/tools/x", monkeypatch=monkeypatch)


def test_a_place_with_a_space_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    line = r"40 21 0:47 / /opt/my\040tools rw,relatime - nfs4 nas:/export rw"
    assert believed(line, "/opt/my tools", monkeypatch=monkeypatch)


def test_a_mount_that_the_kernel_does_not_list_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-19: it was taken away meanwhile, say."""
    monkeypatch.setattr(mounts, "_number", lambda file, path: 21)
    looked = Mounts()
    looked.__dict__["_others"] = read(f"{ROOT}\n".encode())
    with pytest.raises(ValueError, match="does not list"):
        looked.why_not(99)


def test_the_mounts_of_this_host_can_be_read() -> None:
    with Glance() as glance:
        assert Mounts().why_not(glance.mount(b"/")) == "" and Mounts().at(glance.mount(b"/")) is None
        mount = Mounts().at(glance.mount(b"/proc"))
    assert mount is not None and (mount.kind, mount.point) == ("proc", b"/proc")


@pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="it mounts")
def test_the_table_is_read_again_when_something_was_mounted_changed_or_taken_away(tmp_path: Path) -> None:
    """THREATS X-19: what was believed of a place is not believed of what is mounted there later."""
    table = Table()

    def options() -> list[frozenset[bytes]]:
        return [mount.options for mount in read(table()).values() if mount.point == os.fsencode(tmp_path)]

    assert options() == [] and table() is table(), "it is not read again for nothing"
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    try:
        (mounted,) = options()
        assert b"nosuid" not in mounted
        subprocess.run(["mount", "-o", "remount,bind,nosuid", tmp_path], check=True)
        (changed,) = options()
        assert b"nosuid" in changed
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert options() == []
