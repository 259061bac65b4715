# SPDX-License-Identifier: Apache-2.0
"""The lab that boots a systemd, seen from outside: a lab within the lab, what it is, and how it goes down.

What is tried inside of one is played by a lane of its own: contrib/lanes/run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.marks import full

TREE = Path(__file__).parents[2]
LAB = TREE / "contrib/lab/lab"


def booted(*words: str, within: float = 300) -> subprocess.CompletedProcess[str]:
    """``words`` in a lab with a systemd."""
    return subprocess.run(
        [LAB, "--systemd", *words],
        cwd=TREE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )


def test_it_is_up_with_sshd_the_journal_and_jitd_and_a_ticket_lets_one_in_by_ssh() -> None:
    units = "systemctl is-active jitd.service ssh.service systemd-journald.service dbus.service"
    ssh = "ssh -o StrictHostKeyChecking=accept-new -o PreferredAuthentications=gssapi-with-mic lab.example.test id -un"
    done = booted("sh", "-euc", f"{units}; as alice {ssh}; exit 255")
    assert (done.returncode, done.stdout) == (255, "active\n" * 4 + "alice\n"), done.stderr


@full("every day, the lane db1 has a second host, and another lane has a systemd")
def test_a_second_host_is_a_service_and_its_services_take_tickets() -> None:
    end = "$(($(date +%s) + 600))"
    grant = f'kadmin.local -q "setstr $service/db1.example.test jit_grant:K7QM2XVD \\"1 {end} alice@EXAMPLE.TEST\\""'
    script = f"""
        systemctl is-active db1.service
        for service in postgres host; do {grant} >&2; done
        as alice psql -tA -h db1.example.test shop -c 'SELECT current_user'
        as alice ssh db1.example.test hostname
        exit 7
    """
    done = booted("--db1", "--no-jitd", "sh", "-euc", script)
    assert (done.returncode, done.stdout) == (7, "active\nalice\ndb1.example.test\n"), done.stderr


@full("every day, other tests end such a lab with 7 and 255, and each lane with systemd is one that ends with 0")
@pytest.mark.parametrize("status", [0, 1, 7, 127, 255])
def test_the_commands_status_comes_through(status: int) -> None:
    assert booted("--no-jitd", "sh", "-c", f"exit {status}").returncode == status


@full("every day, each lane in a lab is told by its status whether it could be played")
def test_a_command_that_is_not_there_is_127() -> None:
    assert booted("--no-jitd", "/no/such/command").returncode == 127


# --- the host goes down ----------------------------------------------------------------------------------------------

AT_ONCE = """
cat >/etc/jitd/policy.d/50-at-once.toml <<END
[[permit]]
name = "at-once"
who = ["group:dba"]
commands = [["**"]]
END
jitd reload && echo ready && read go && %s
"""


def process_1_below(lab: int) -> int:
    """The systemd of a lab, by the process that runs the lab."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            fields = dict(line.split(":\t") for line in status.read_text().splitlines() if ":\t" in line)
            pid = above = int(fields["Pid"])
            if fields["Name"] == "systemd" and fields["NSpid"].split()[-1] == "1":
                while above > 1 and above != lab:
                    above = int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
                if above == lab:
                    return pid
    raise AssertionError("no systemd is process 1 there")


ENDS = [
    pytest.param("as alice jitsudo systemctl reboot --force --force", id="at once"),
    *(
        pytest.param(ends, marks=full("every day, the host is rebooted at once; other tests stop jitd in order, or kill it"))
        for ends in ("as alice jitsudo systemctl poweroff; sleep 60", "kill -9 -1")
    ),
]


@pytest.mark.parametrize("command", ENDS)
def test_what_ran_before_the_host_went_down_is_in_the_record(command: str, tmp_path: Path) -> None:
    """THREATS X-14: the record of the command that ends the host was durable before the command ran, and is whole afterwards."""
    lab = subprocess.Popen(
        [LAB, "--systemd", "sh", "-c", AT_ONCE % f"as alice jitsudo true; {command}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert lab.stdout is not None and lab.stdin is not None
    assert lab.stdout.readline() == "ready\n"
    state = os.open(f"/proc/{process_1_below(lab.pid)}/root/var/lib/jitd", os.O_RDONLY | os.O_DIRECTORY)
    lab.stdin.write("go\n")
    lab.stdin.close()
    lab.wait(90)
    lab.stdout.close()
    for name in os.listdir(state):  # what the disk has, and nobody closed
        if name.startswith("jitd.db"):
            shutil.copyfile(f"/proc/self/fd/{state}/{name}", tmp_path / name)
    os.close(state)
    done = subprocess.run(["jitd", "audit", "verify", tmp_path / "jitd.db"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with sqlite3.connect(tmp_path / "jitd.db") as database:
        records = [json.loads(body) for (body,) in database.execute("SELECT body FROM chain ORDER BY number")]
    asked = [record["detail"] for record in records if record["event"] == "request.submitted"]
    starting = [record for record in records if record["event"] == "run.starting"]
    assert len(asked) == len(starting) == (2 if "jitsudo" in command else 1)
