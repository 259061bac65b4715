# SPDX-License-Identifier: Apache-2.0
"""``jitd pam-install``: Debian's own stacks, the gates that are put before them, the real sudo and su behind them, and the way
back.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.law.tree import TREE
from tests.marks import by_day, full
from tests.pam.programs import BY_NAME, GATED, Gated, all_are_kept_out, write

INTERRUPTED = """
import os, sys
call, number = sys.argv[1], int(sys.argv[2])
real, n = getattr(os, call), 0
def interrupted(*words, **more):
    global n
    n += 1
    found = real(*words, **more)
    if n == number:
        raise KeyboardInterrupt
    return found
from jitd_inspection.verbs import stacks
setattr(os, call, interrupted)
stacks.pam_install(["sudo"], standalone_mode=False)
"""
STACKS, KEPT = Path("/etc/pam.d"), ".before-jitd"


@pytest.fixture(scope="module")
def house() -> Iterator[Gated]:
    """A host whose stacks are Debian's."""
    with Gated(stacks=()) as made:
        yield made


@pytest.fixture(autouse=True)
def stacks(house: Gated) -> Iterator[dict[str, bytes]]:
    """The stacks as they were, which are so again afterwards. They are written anew before, too: on the lab's overlay, a file
    gets another inode with its first change.
    """
    before = {service: (STACKS / service).read_bytes() for service in (*GATED, "sshd")}

    def put() -> None:
        for service, content in before.items():
            (STACKS / service).unlink()
            write(str(STACKS / service), content.decode())

    put()
    yield before
    for kept in STACKS.glob(f"*{KEPT}"):
        kept.unlink()
    put()


def typed(*words: str) -> tuple[int, str]:
    """The status of ``jitd pam-install``, and all that it said."""
    done = subprocess.run(["/usr/sbin/jitd", "pam-install", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def there() -> dict[str, tuple[bytes, int, int, int]]:
    """All files of /etc/pam.d: content, mode, inode and owner."""
    found = {file.name: (file.read_bytes(), file.stat()) for file in STACKS.iterdir() if not file.is_symlink()}
    return {name: (content, status.st_mode, status.st_ino, status.st_uid) for name, (content, status) in found.items()}


def test_a_gate_that_is_put_in_holds_and_the_file_of_before_is_back_afterwards(house: Gated, stacks: dict[str, bytes]) -> None:
    """THREATS P-17."""
    files = there()
    status, said = typed("sudo")
    assert status == 0, said
    assert f"/etc/pam.d/sudo: jitd's gate is in; the file of before is /etc/pam.d/sudo{KEPT}" in said
    for service in ("sudo", "sudo-i"):
        assert (STACKS / service).read_bytes().endswith(stacks[service]), "what the host had is there, below the gate"
        assert (STACKS / f"{service}{KEPT}").read_bytes() == stacks[service]
    all_are_kept_out([house.type("eve", BY_NAME[name]) for name in ("sudo", "sudo -i CMD")], "denied")
    house.type("carol", BY_NAME["sudo"]).is_let_in()
    assert subprocess.run(["sudo", "true"], check=False).returncode == 0, "root's own sudo is left alone"
    assert typed("sudo")[0] == 0 and there()["sudo"][0].count(b" pam_jit.so\n") == 1, "a second time changes nothing"
    status, said = typed("--remove", "sudo")
    assert status == 0 and "/etc/pam.d/sudo: the file of before is back" in said
    assert there() == files, "the very files: content, mode, owner and inode"
    house.type("eve", BY_NAME["sudo"]).is_let_in()  # as before there was a gate


def test_su_is_closed_with_su_minus_and_its_gate_asks_once(house: Gated) -> None:
    status, said = typed("su")
    assert status == 0, said
    assert "su-l" not in said.partition("no rule")[0] and not (STACKS / f"su-l{KEPT}").exists()
    all_are_kept_out([house.type("eve", BY_NAME[name]) for name in ("su -c", "su -")], "denied")
    house.type("carol", BY_NAME["su -c"]).is_let_in()
    assert "su-l asks jitd already (/etc/pam.d/su:" in typed("su")[1]
    assert typed("--remove", "su-l")[0] == 0


OTHER_GATES = full("every day, the gates of sudo, su and sshd are put in and taken out")


@pytest.mark.parametrize("service", by_day(["doas", "login", "sshd", "cron"], ["sshd"], OTHER_GATES))
def test_each_gate_that_is_shipped_can_be_put_in_and_taken_out(house: Gated, service: str) -> None:
    files = there()
    status, said = typed(service)
    assert status == 0, said
    done = subprocess.run(["/usr/sbin/jitd", "pam-lint", f"/etc/pam.d/{service}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert typed("--remove", service)[0] == 0 and there() == files


def test_a_trial_prints_the_lines_and_changes_nothing(house: Gated) -> None:
    files = there()
    status, said = typed("--dry-run", "sudo")
    assert status == 0 and "+account requisite pam_deny.so" in said and "nothing was changed" in said
    assert there() == files
    typed("sudo")
    files = there()
    status, said = typed("--dry-run", "--remove", "sudo")
    assert status == 0 and "-account requisite pam_deny.so" in said and there() == files


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("/etc/sudoers", "Defaults !pam_acct_mgmt\nALL ALL=(ALL:ALL) NOPASSWD: ALL\n", "pam_acct_mgmt"),
        ("/etc/sudoers", "Defaults env_reset\nALL ALL=(ALL:ALL) NOPASSWD: ALL\n", "secure_path"),
        (
            "/etc/pam.d/sudo",
            "account requisite pam_deny.so\nsession optional pam_limits.so\n@include common-auth\n",
            "nobody gets in",
        ),
        ("/etc/pam.d/sudo", "@include common-auth\n@include no-such-file\n", "no-such-file"),
    ],
    ids=["switched off", "python of the caller", "nobody gets in, nor root", "refused by libpam"],
)
def test_a_gate_that_would_not_hold_or_would_lock_out_is_not_put_in(house: Gated, file: str, text: str, sentence: str) -> None:
    """THREATS P-17."""
    before = Path(file).read_text()
    write(file, text, 0o440 if file.endswith("sudoers") else 0o644)
    files = there()
    try:
        status, said = typed("sudo")
        assert status == 1 and sentence in said and "so nothing was changed" in said, said
        assert there() == files
    finally:
        write(file, before, 0o440 if file.endswith("sudoers") else 0o644)


OTHER_CHANGES = full("every day, the file is another one; any other change is compared in the same way")


@pytest.mark.parametrize("change", by_day(["a line", "the gate", "the mode", "another file"], ["another file"], OTHER_CHANGES))
def test_a_stack_that_was_changed_since_is_not_put_back_and_the_command_that_is_told_does_it(house: Gated, change: str) -> None:
    """THREATS P-17."""
    file = STACKS / "sudo"
    before = there()["sudo"]
    typed("sudo")
    if change == "a line":
        file.write_bytes(file.read_bytes() + b"session optional pam_umask.so\n")
    elif change == "the gate":
        file.write_bytes(file.read_bytes().replace(b"pam_jit.so\n", b"pam_jit.so wait=120\n"))
    elif change == "the mode":
        file.chmod(0o600)
    else:
        file.unlink()
        write(str(file), "@include common-account\n")
    files = there()
    status, said = typed("--remove", "sudo")
    assert status == 1 and "/etc/pam.d/sudo has changed since the gate was put in" in said and there() == files
    command = said.rpartition(": ")[2].split()
    assert command == ["mv", "-f", f"/etc/pam.d/sudo{KEPT}", "/etc/pam.d/sudo"]
    subprocess.run(command, check=True)
    assert there()["sudo"] == before
    assert typed("--remove", "sudo")[0] == 0, "sudo-i, which was not changed, is put back now"


def test_the_owner_the_mode_and_the_acl_are_those_of_before(house: Gated) -> None:
    file = STACKS / "sudo"
    os.chown(file, 0, 4)
    file.chmod(0o640)
    acl = b"\x02\x00\x00\x00" + b"".join(
        tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, permissions, who in (
            (0x01, 6, 0xFFFFFFFF),
            (0x02, 4, 1001),
            (0x04, 4, 0xFFFFFFFF),
            (0x10, 4, 0xFFFFFFFF),
            (0x20, 0, 0xFFFFFFFF),
        )  # fmt: skip
    )
    os.setxattr(file, "system.posix_acl_access", acl)
    before = file.stat()
    assert typed("sudo")[0] == 0
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, 0, 4) and after.st_ino != before.st_ino
    assert os.getxattr(file, "system.posix_acl_access") == acl
    assert typed("--remove", "sudo")[0] == 0 and file.stat().st_ino == before.st_ino
    file.chmod(0o644)


def test_an_installation_that_was_interrupted_can_be_repeated_or_undone(house: Gated) -> None:
    """The power failed after the old file had got its second name."""
    files = there()
    for words in (("sudo",), ("--remove", "sudo")):
        os.link(STACKS / "sudo", STACKS / f"sudo{KEPT}")
        assert typed(*words)[0] == 0
        if words == ("sudo",):
            assert b"pam_jit.so" in there()["sudo"][0]
            assert typed("--remove", "sudo")[0] == 0
        assert there() == files


AT_FSYNC = full("every day, the interrupt comes after each link and each rename, beside which each fsync stands")


@pytest.mark.parametrize(("call", "times"), [("link", 2), ("rename", 2), pytest.param("fsync", 4, marks=AT_FSYNC)])
def test_ctrl_c_after_any_step_loses_no_stack(house: Gated, stacks: dict[str, bytes], call: str, times: int) -> None:
    """THREATS P-17: the interrupt comes at a call in the process itself, because no signal hits such a moment on demand."""
    for number in range(1, times + 1):
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, call, str(number)], cwd=TREE, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0, "it was interrupted"
        for service in ("sudo", "sudo-i"):
            now, kept = STACKS / service, STACKS / f"{service}{KEPT}"
            assert now.read_bytes().endswith(stacks[service])
            assert now.read_bytes() == stacks[service] or kept.read_bytes() == stacks[service], (call, number)
        if any((STACKS / f"{service}{KEPT}").exists() for service in ("sudo", "sudo-i")):
            assert typed("--remove", "sudo")[0] == 0
        assert {service: (STACKS / service).read_bytes() for service in stacks} == stacks


def test_two_at_a_time_are_one_and_a_refusal(house: Gated) -> None:
    files = there()
    with open("/run/jitd-pam-install.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for words in (["sudo"], ["--remove", "sudo"]):
            status, said = typed(*words)
            assert status == 1 and "another pam-install is at work" in said
        assert typed("--dry-run", "sudo")[0] == 0
    assert there() == files


def test_what_is_no_stack_of_ours_no_regular_file_or_not_roots_to_change_is_refused(house: Gated) -> None:
    status, said = typed("polkit-1")
    assert status == 2 and "no gate for polkit-1 is shipped" in said and "sudo" in said
    status, said = typed("--remove", "doas")
    assert status == 1 and f"there is no /etc/pam.d/doas{KEPT}" in said
    typed("doas")
    (STACKS / f"doas{KEPT}").unlink()
    files = there()
    status, said = typed("--remove", "doas")
    assert status == 1 and f"/etc/pam.d/doas{KEPT} is gone: take the lines of /etc/pam.d/doas down to" in said
    done = house.run("alice", "/usr/sbin/jitd", "pam-install", "sudo")
    assert done.returncode != 0 and "only root can change /etc/pam.d" in done.stderr
    kept = STACKS / f"sudo{KEPT}"
    kept.write_text("of an earlier gate\n")
    status, said = typed("sudo")
    assert status == 1 and "look at it, and move it away" in said
    kept.unlink()
    assert there() == files
    os.rename(STACKS / "sudo", STACKS / "sudo.elsewhere")
    (STACKS / "sudo").symlink_to("sudo.elsewhere")
    try:
        status, said = typed("sudo")
        assert status == 1 and "it is a link" in said
    finally:
        os.rename(STACKS / "sudo.elsewhere", STACKS / "sudo")
    assert there() == files
