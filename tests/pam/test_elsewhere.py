# SPDX-License-Identifier: Apache-2.0
"""What a program at a gate runs is not always what jitd finds first: another root directory, a PATH that is named twice, a file
that the account may not execute, a mount that a person can exchange.

Law: in an attack something of carol's says HERS if it runs; beside each attack stands its honest twin.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.pam.homes import Home
from tests.pam.other_sudo import made_other_sudo
from tests.pam.programs import SUDOERS, Gated, write
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
POLICY = """
[[permit]]
name = "some"
who = ["user:carol"]
services = ["sudo", "sudo-i", "su", "su-l", "doas"]
run_as = ["*"]
commands = [["/usr/bin/id", "**"], ["/usr/sbin/tool", "**"], ["/usr/local/sbin/tool", "**"]]
run = { options = "allow" }
"""
SAYS_HERS = '#include <unistd.h>\nint main(void) { return write(1, "HERS\\n", 5) < 0; }\n'
HONEST = "#!/bin/sh\necho honest\n"


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    made = Gated(POLICY)
    before = os.getcwd()
    os.chdir("/")
    try:
        made.start()
        yield made
        made.verify()
    finally:
        os.chdir(before)
        made.close()


@pytest.fixture
def carol(gated: Gated) -> Iterator[Home]:
    """Her directory, with a program of hers in ``place/bin/tool``."""
    made = Home(gated, "carol")
    write("/etc/sudoers", SUDOERS.replace("NOPASSWD", "CWD=* CHROOT=* NOPASSWD"), 0o440)
    made.own.chmod(0o755)
    made.script(made.place / "bin/tool").write_text("#!/bin/sh\necho HERS\n")
    yield made
    made.close()


def said(carol: Home, line: str) -> list[str]:
    """What comes of the line, word by word."""
    typed = carol.types(line)
    typed.ends()
    return typed.text.split()


@pytest.mark.parametrize("where", ["-R {own}/place", "--chroot={own}/place -D /"])
def test_what_is_run_in_another_root_directory_is_not_what_is_here(carol: Home, where: str) -> None:
    """THREATS P-14: a rule lets options in for ``sudo -E``; the file that is shown would not be the one that runs."""
    source = carol.own / "hers.c"
    source.write_text(SAYS_HERS)
    subprocess.run(["cc", "-static", "-o", carol.place / "usr/bin/id", source], check=True)
    heard = said(carol, f"sudo {where} /usr/bin/id -u")
    assert "HERS" not in heard and "denied:" in heard, heard
    assert said(carol, "sudo -E /usr/bin/id -u") == ["0"]


@pytest.fixture
def without_secure_path() -> None:
    write("/etc/sudoers", "\n".join(line for line in SUDOERS.splitlines() if "secure_path" not in line) + "\n", 0o440)


TWICE = """
import ctypes, os, sys
program, name, *values = map(os.fsencode, sys.argv[1:])
def listed(words):
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)
ctypes.CDLL(None).execve(program, listed([program, b"tool"]), listed([name + b"=" + value for value in values]))
"""


@contextmanager
def program_at(path: str) -> Iterator[Path]:
    """An honest one of root's."""
    write(path, HONEST, 0o755)
    try:
        yield Path(path)
    finally:
        os.unlink(path)


@pytest.mark.parametrize("is_hers_first", [True, False])
@pytest.mark.parametrize("program", ["/usr/bin/sudo", "/usr/bin/doas"])
def test_a_search_path_that_is_named_twice_is_none(
    carol: Home, without_secure_path: None, program: str, is_hers_first: bool
) -> None:
    """THREATS P-14: sudo takes the last one, and the module in it has read the first."""
    twice = carol.own / "twice.py"
    twice.write_text(TWICE)
    paths = ["/usr/bin:/usr/sbin", f"/usr/bin:{carol.place}/bin:/usr/sbin"]
    with program_at("/usr/sbin/tool"):
        heard = said(carol, shlex.join(["python3", str(twice), program, "PATH", *(paths[::-1] if is_hers_first else paths)]))
        assert "HERS" not in heard and "PATH is set twice" in " ".join(heard), heard
        assert said(carol, f"PATH={paths[0]} {program} tool") == ["honest"]


@contextmanager
def closed_directory(file: Path) -> Iterator[None]:
    file.parent.chmod(0o700)
    try:
        yield
    finally:
        file.parent.chmod(0o755)


@contextmanager
def closed_by_list(file: Path) -> Iterator[None]:
    """Everybody may execute it but dave (acl(5))."""
    dave, nobody = pwd.getpwnam("dave").pw_uid, 0xFFFFFFFF
    entries = [(0x01, 7, nobody), (0x02, 0, dave), (0x04, 5, nobody), (0x10, 5, nobody), (0x20, 5, nobody)]
    text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(file, "system.posix_acl_access", text)
    yield


@contextmanager
def closed_mount(file: Path) -> Iterator[None]:
    """To everybody."""
    subprocess.run(["mount", "--bind", file.parent, file.parent], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,noexec", file.parent], check=True)
        yield
    finally:
        subprocess.run(["umount", file.parent], check=True)


@pytest.mark.parametrize("closed", [closed_directory, closed_by_list, closed_mount])
def test_what_the_account_may_not_execute_is_not_what_doas_runs(
    carol: Home, closed: Callable[[Path], AbstractContextManager[None]]
) -> None:
    """THREATS P-14: execvp(3) goes on along PATH, to a directory of the person's, where it may not execute what it has found."""
    line = f"PATH=/usr/local/sbin:/usr/bin:{carol.place}/bin doas -u dave tool"
    with program_at("/usr/local/sbin/tool") as file:
        assert said(carol, line) == ["honest"]
        with closed(file):
            heard = said(carol, line)
            assert "HERS" not in heard and "denied:" in heard, heard


SAYS_OTHER = "#!/bin/sh\necho OTHER\n"


def test_what_the_account_may_not_see_is_not_what_sudo_runs(carol: Home) -> None:
    """THREATS P-14: sudo looks with the rights of the account, and goes on along secure_path."""
    write("/etc/sudoers", SUDOERS.replace('"/usr/sbin:/usr/bin', '"/usr/local/sbin:/usr/bin'), 0o440)
    with program_at("/usr/local/sbin/tool") as file, program_at("/usr/bin/tool") as other:
        other.write_text(SAYS_OTHER)
        assert said(carol, "sudo -u dave tool") == ["honest"]
        with closed_directory(file):
            heard = said(carol, "sudo -u dave tool")
            assert "OTHER" not in heard and "denied:" in heard, heard
            assert said(carol, "sudo tool") == ["honest"]


@pytest.mark.parametrize(("option", "setting"), [("-P", ""), ("", "Defaults preserve_groups\n")])
def test_what_the_groups_of_a_caller_may_not_see_is_not_what_sudo_runs(carol: Home, option: str, setting: str) -> None:
    """THREATS P-14: the account keeps the caller's groups, and sudo looks with these."""
    plain = SUDOERS.replace('"/usr/sbin:/usr/bin', '"/usr/local/sbin:/usr/bin')
    with program_at("/usr/local/sbin/tool") as file, program_at("/usr/bin/tool") as other:
        other.write_text(SAYS_OTHER)
        os.chown(file.parent, 0, pwd.getpwnam("dave").pw_gid)
        file.parent.chmod(0o750)
        try:
            write("/etc/sudoers", plain, 0o440)
            assert said(carol, "sudo -u dave tool") == ["honest"]
            write("/etc/sudoers", plain + setting, 0o440)
            heard = said(carol, f"sudo {option} -u dave tool")
            assert "OTHER" not in heard and "denied:" in heard, heard
        finally:
            os.chown(file.parent, 0, 0)
            file.parent.chmod(0o755)


def test_a_bare_name_of_sudo_is_looked_for_in_secure_path_alone(carol: Home) -> None:
    with program_at("/usr/sbin/tool"):
        assert said(carol, "PATH={own}/place/bin:/usr/bin sudo tool") == ["honest"]
        assert said(carol, "PATH=/usr/bin sudo tool") == ["honest"]


def test_a_secure_path_for_some_is_one_that_counts(carol: Home) -> None:
    """THREATS P-16."""
    write("/etc/sudoers", f"{SUDOERS}Defaults:carol secure_path={carol.place}/bin:/usr/bin\n", 0o440)
    with program_at("/usr/sbin/tool"):
        heard = said(carol, "sudo tool")
        assert "HERS" not in heard and "denied:" in heard, heard
        assert said(carol, "sudo /usr/sbin/tool") == ["honest"]


OTHERS = ("/usr/local/lib/other/sudo", *(("/usr/bin/sudo-rs",) if shutil.which("sudo-rs") else ()))


@pytest.mark.parametrize("program", OTHERS)
def test_a_bare_name_of_another_sudo_is_looked_for_in_the_callers_path_too(carol: Home, program: str) -> None:
    """THREATS P-16: secure_path of sudoers counts for nothing there. sudo-rs skips that line: it does not know insults."""
    write("/etc/sudoers", SUDOERS.replace("Defaults secure_path", "Defaults !insults, secure_path"), 0o440)
    with made_other_sudo(), program_at("/usr/sbin/tool"):
        for path in (
            f"/usr/bin:{carol.place}/bin",
            f"/usr/bin:{carol.place}/bin:/usr/sbin",
            "/usr/bin:/usr/sbin:$(printf '\\377')",
        ):
            heard = said(carol, f"PATH={path} {program} tool")
            assert "HERS" not in heard and "denied:" in heard, heard
        assert said(carol, f"PATH=/usr/bin:/usr/sbin {program} tool")[-1:] == ["honest"]
        assert said(carol, f"PATH=/usr/bin:{carol.place}/bin {program} /usr/sbin/tool")[-1:] == ["honest"]


@pytest.mark.parametrize("options, is_run", [("nosuid,nodev", False), ("nodev", True)])
def test_a_link_on_a_disk_that_a_person_may_have_brought_is_one_that_others_can_turn(
    carol: Home, options: str, is_run: bool
) -> None:
    """THREATS P-14: what udisks mounts, or fstab's ``user``, is ``nosuid``, and root's only by what is written on it."""
    place = Path("/srv/disk")
    disk, more = place / "disk", place / "more"
    place.mkdir()
    try:  # read as an overlay: in the lab there are no disks. It lies on memory, since the lab may be as deep as overlays can lie
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", place], check=True)
        disk.mkdir()
        more.mkdir()
        (disk / "d").symlink_to("/usr/bin")
        subprocess.run(["mount", "-t", "overlay", "-o", f"{options},lowerdir={disk}:{more}", "none", place], check=True)
        heard = said(carol, f"sudo {place}/d/id -u")
        assert heard == ["0"] if is_run else "denied:" in heard, heard
        assert said(carol, f"cd {place} && sudo /usr/bin/id -u") == ["0"]
    finally:
        while os.path.ismount(place):  # the daemon had the directory, too, and closes it after its answer (ADR 0134)
            wait_for(lambda: subprocess.run(["umount", place], check=False).returncode == 0, what="an unmount")
        place.rmdir()
