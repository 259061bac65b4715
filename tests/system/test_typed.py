# SPDX-License-Identifier: Apache-2.0
"""Commands that messages give to root, typed: what they promise happens, and nothing else (tests/law/test_commands.py)."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.hosts.places import Places
from jitd.verbs import status
from jitd_inspection.doctor import pam
from jitd_inspection.pamlint import loading
from jitd_inspection.pamlint.gates import INITIATOR
from tests.pamlint.host import GATE, SHAPE
from tests.system.breakages import TABLE, written
from tests.system.conftest import House
from tests.waiting import PATIENCE, examined, wait_for


def typed(command: str) -> subprocess.CompletedProcess[str]:
    """As root types it. It succeeds."""
    done = subprocess.run(
        ["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, (command, done.stderr)
    return done


def doctor(house: House, check: str) -> dict[str, Any]:
    """The finding of ``check``; nothing if there is none."""
    line = ("jitd", "doctor", "--json", "--config", str(house.config_file))
    rows = examined(lambda: house.run("root", *line, timeout=2 * PATIENCE).stdout)
    return next((row for row in rows if row["check"] == check), {"level": "", "mend": "", "command": ""})


def lint(*files: str) -> list[dict[str, Any]]:
    done = subprocess.run(["jitd", "pam-lint", "--json", *files], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def part_of(mend: str, first: str) -> str:
    """The command in ``mend`` that begins with ``first``."""
    return re.split(r"; |, and |, or |\)", mend[mend.index(first) :])[0]


# --- pam-lint ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path: str) -> Iterator[None]:
    before = os.stat(path)
    os.chown(path, 4001, -1)
    os.chmod(path, 0o666)
    yield
    os.chown(path, before.st_uid, before.st_gid)
    os.chmod(path, before.st_mode & 0o7777)


@contextlib.contextmanager
def ksu() -> Iterator[None]:
    Path("/usr/bin/ksu").chmod(0o4755)
    Path("/root/.k5login").write_text("mallory@EXAMPLE.TEST\n")
    yield
    Path("/root/.k5login").unlink()


LINTED: dict[str, tuple[str, str, Callable[[], contextlib.AbstractContextManager[None]]]] = {
    "the module of the gate": ("file-open", "chown root:root", lambda: opened(Places().module(GATE))),
    "the initiator of the gate": ("file-open", "chown root:root", lambda: opened(INITIATOR)),
    "another module": ("file-open", "chown root:root", lambda: opened(Places().module("pam_unix.so"))),
    "who becomes root by ksu": ("other-door", "chmod u-s", ksu),
}


@pytest.mark.parametrize("what", LINTED)
def test_what_pam_lint_tells_root_to_type_takes_the_finding_away(what: str) -> None:
    name, first, broken = LINTED[what]
    stack = Path("/etc/pam.d/su")
    kept = stack.read_text()
    stack.write_text(SHAPE + kept)
    try:
        files = [] if name == "other-door" else [str(stack)]
        before = {json.dumps(row) for row in lint(*files)}
        with broken():
            found = [row for row in lint(*files) if json.dumps(row) not in before and first in row["mend"]]
            assert found and {row["name"] for row in found} == {name}, lint(*files)
            typed(part_of(found[0]["mend"], first))
            assert {json.dumps(row) for row in lint(*files)} <= before
    finally:
        stack.write_text(kept)
    settings = Path("/etc/sysctl.d/60-links.conf")
    for finding in loading.links(lambda name: "0"):
        typed(finding.mend)
    assert settings.read_text() == "".join(f"fs.{name} = 1\n" for name in loading.LINKS), "one does not undo the other"
    assert [Path(f"/proc/sys/fs/{name}").read_text() for name in loading.LINKS] == ["1\n"] * len(loading.LINKS)
    settings.unlink()


# --- the doctor ----------------------------------------------------------------------------------------------------------


def broken(name: str) -> Any:
    return next(breakage for breakage in TABLE if breakage.name == name)


def test_another_daemon_is_ended_by_the_command(house: House) -> None:
    with broken("another daemon").broken(house):
        mine = house.process.pid
        typed(part_of(doctor(house, "daemon.alone")["mend"], "kill "))
        wait_for(lambda: doctor(house, "daemon.alone")["level"] == "ok", what="the end of the other")
        os.kill(mine, 0)


def test_a_monitor_of_no_run_is_ended_by_the_command(house: House) -> None:
    with broken("a monitor of no run").broken(house):
        typed(part_of(doctor(house, "runs.unknown")["mend"], "kill "))
        wait_for(lambda: doctor(house, "runs.unknown")["level"] == "", what="its end")


def test_a_group_without_members_is_filled_by_the_command(house: House) -> None:
    typed("groupadd nobodies")
    try:
        with written(lambda house: house.config_file, lambda text: text.replace("group:security", "group:nobodies"))(house):
            row = doctor(house, "operators")
            assert row["level"] == "weak"
            typed(part_of(row["mend"], "gpasswd").replace("NAME", "bob"))
            assert grp.getgrnam("nobodies").gr_mem == ["bob"]
            assert doctor(house, "operators")["level"] == "ok"
    finally:
        typed("groupdel nobodies")


def test_a_mount_that_does_not_answer_is_gone_after_its_command(house: House) -> None:
    place = house.root / "silent"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "silent", place], check=True)
    holder = subprocess.Popen(["sleep", "600"], cwd=place)  # as whoever waits for it does, and so it is busy
    try:
        (line,) = status.threads([], [str(place)])
        typed(part_of(line.says, "umount"))
        assert not place.is_mount()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        place.rmdir()


def test_pamtester_is_installed_by_the_command() -> None:
    """In the lab it is installed: apt finds nothing to do."""
    for finding in (pam.tried_session("sshd", None), pam.knocked("sudo", None, None)):
        assert "pamtester is already the newest version" in typed(part_of(finding.mend, "apt install")).stdout
