# SPDX-License-Identifier: Apache-2.0
"""Account and session of the target through PAM (issue: X-07, X-08): what is set, what refuses, and that it is closed again.

Law: stacks are the lab's own /etc/pam.d/jitd, put back after each test.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Ready, Started
from jitd.monitor.child import Surroundings
from jitd.monitor.holder import Spare
from jitd.monitor.leash import FROM_COMMAND, NotStarted
from jitd.monitor.orders import JOBS, Job
from jitd.monitor.rehearsal import JOB
from tests.marks import direct, full
from tests.monitor.stage import Stage, umask_of
from tests.waiting import handles, status_of

STACK = Path("/etc/pam.d/jitd")
SHIPPED = Path(__file__).parents[2] / "contrib/pam.d/jitd"
ALICE = 4001
PLAIN = "account required pam_permit.so\nsession required pam_permit.so\n"
DIARY = """#!/bin/sh
echo "$PAM_TYPE $PAM_SERVICE $PAM_USER $PAM_RUSER ${PAM_TTY:-none} $(id -u)" >>%s/diary
"""


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    files = (STACK, Path("/etc/shadow"), Path("/etc/passwd"))
    before = {file: file.read_bytes() for file in files}
    yield
    for file, text in before.items():
        if not file.exists() or file.read_bytes() != text:
            file.write_bytes(text)
    Path("/etc/security/limits.d/test.conf").unlink(missing_ok=True)


def for_alice(stage: Stage, *argv: str, **more: Any) -> Job:
    environment = ((b"PATH", b"/usr/sbin:/usr/bin:/sbin:/bin"), (b"SUDO_USER", b"eve"))
    return stage.job(*argv, user="alice", uid=ALICE, gid=ALICE, groups=(ALICE,), **{"environment": environment, **more})


def shell_for_alice(stage: Stage, script: str) -> str:
    return stage.capture(
        "/bin/sh", "-c", script, user="alice", uid=ALICE, gid=ALICE, groups=(ALICE,), environment=((b"PATH", b"/usr/bin:/bin"),)
    ).decode()


def keep_diary(stage: Stage) -> Callable[[], list[str]]:
    """A stack that notes what it is asked."""
    script = stage.directory / "note"
    script.write_text(DIARY % stage.directory)
    script.chmod(0o755)
    STACK.write_text(f"account required pam_exec.so {script}\nsession required pam_exec.so {script}\n")
    diary = stage.directory / "diary"
    return lambda: diary.read_text().splitlines() if diary.exists() else []


def kinds(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


ALL = ["account", "open_session", "close_session"]

# --- what is asked, and when -----------------------------------------------------------------------------------------


def test_one_handle_asks_for_the_target_as_root_before_and_closes_after(stage: Stage) -> None:
    diary = keep_diary(stage)
    job = for_alice(stage, "/bin/sh", "-c", f"cat {stage.directory}/diary")
    reading, writing = os.pipe()
    client = stage.go(job, ("null", "pipe", "null"), [stage.null(), writing, stage.null()])
    os.close(writing)
    assert stage.outcome(job).number == 0, client.end
    with open(reading, encoding="ascii") as file:
        seen = file.read().splitlines()
    assert seen == [f"{kind} jitd alice eve none 0" for kind in ALL[:2]]
    assert diary() == [f"{kind} jitd alice eve none 0" for kind in ALL]
    stage.forget(job)


def test_the_terminal_is_told_where_there_is_one(stage: Stage) -> None:
    diary = keep_diary(stage)
    _, outcome = stage.play(for_alice(stage, "/usr/bin/tty", streams=("terminal",) * 3), ("terminal",) * 3)
    assert outcome.number == 0
    assert diary()[0].split()[4].startswith("/dev/pts/")


STUBBORN = "trap '' TERM HUP; setsid sleep 60 & sleep 60 & while :; do sleep 60; done"
ENDS: dict[str, Callable[[Stage, Job, int], Any]] = {
    "it is stubborn and stopped": lambda stage, job, pid: stage.order(stage.executor.stop, job.run, "enough"),
    "it is stopped": lambda stage, job, pid: stage.order(stage.executor.stop, job.run, "enough"),
    "it is killed": lambda stage, job, pid: os.kill(pid, signal.SIGKILL),
    "its control group is killed": lambda stage, job, pid: kill_group(pid),
    "its monitor is killed": lambda stage, job, pid: os.kill(int(status_of(pid)["PPid"]), signal.SIGKILL),
}


def kill_group(pid: int) -> None:
    own = next(line[3:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::"))
    mount = next(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2")
    Path(mount + own, "cgroup.kill").write_text("1")


@pytest.mark.parametrize(
    ("how", "grouped"),
    [
        *((how, True) for how in ENDS),
        *(pytest.param(how, False, marks=direct) for how in ENDS if "group" not in how),
    ],
)
def test_the_session_is_closed_once_however_it_ends(stage: Stage, how: str, grouped: bool) -> None:
    diary = keep_diary(stage)
    job = for_alice(stage, "/bin/sh", "-c", STUBBORN) if "stubborn" in how else for_alice(stage, "/bin/sleep", "60")
    if not grouped:
        stage.deny_group(job)
    _, pid = stage.started(job)
    assert kinds(diary()) == ALL[:2]
    stage.wait(lambda: "stubborn" not in how or handles(pid, signal.SIGTERM))
    ENDS[how](stage, job, pid)
    stage.outcome(job)
    stage.wait(lambda: kinds(diary()) == ALL)
    stage.sleep(0.2)
    assert kinds(diary()) == ALL
    stage.wait(lambda: not os.path.exists(f"/proc/{pid}"))


def test_a_session_that_was_opened_for_a_monitor_that_is_gone_is_closed_and_nothing_is_made(stage: Stage) -> None:
    """It is opened while the monitor finds out where the command is to live: one that ends before it says so leaves nothing."""
    diary = keep_diary(stage)
    (_, control), (leash, its_leash), (_life, its_life) = (
        socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(3)
    )
    monitor = os.fork()
    if monitor == 0:
        try:
            around = Surroundings(control, its_leash, its_life, None, os.getpid(), str(stage.directory))
            spare, file = Spare(JOB), os.memfd_create("job")
            os.write(file, JOBS.write(for_alice(stage, "/usr/bin/touch", str(stage.directory / "made"))))
            spare.expect(file)
            spare.take(around)
            stage.wait(lambda: kinds(diary()) == ALL[:2])
        finally:
            os._exit(0)
    its_leash.close()
    os.waitpid(monitor, 0)
    stage.wait(lambda: kinds(diary()) == ALL)
    assert FROM_COMMAND.read(leash.recv(1000)) == NotStarted(126, "the monitor is gone")
    assert leash.recv(1000) == b"", "nobody else has its end"
    assert not (stage.directory / "made").exists()


def test_the_client_hears_the_end_before_a_slow_session_is_closed_and_the_daemon_after(stage: Stage) -> None:
    slow, go = stage.directory / "slow", stage.directory / "go"
    slow.write_text(f"#!/bin/sh\n[ $PAM_TYPE != close_session ] || until [ -e {go} ]; do sleep 0.05; done\n")
    slow.chmod(0o755)
    STACK.write_text(f"account required pam_permit.so\nsession required pam_exec.so {slow}\n")
    job = for_alice(stage, "/bin/true")
    client = stage.go(job)
    stage.wait(lambda: client.end)
    assert stage.reported(Ended, job.run) is None
    go.touch()
    assert stage.outcome(job).number == 0


@pytest.mark.parametrize("grouped", [True, pytest.param(False, marks=direct)])
def test_what_closes_the_session_is_not_killed_with_a_stubborn_command(stage: Stage, grouped: bool) -> None:
    diary = stage.directory / "diary"
    slow = stage.directory / "slow"
    slow.write_text(f"#!/bin/sh\n[ $PAM_TYPE != close_session ] || sleep 0.5\necho $PAM_TYPE >>{diary}\n")
    slow.chmod(0o755)
    STACK.write_text(f"account required pam_permit.so\nsession required pam_exec.so {slow}\n")
    job = for_alice(stage, "/bin/sh", "-c", STUBBORN)
    if not grouped:
        stage.deny_group(job)
    _, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGTERM))
    stage.order(stage.executor.stop, job.run, "enough")
    assert stage.outcome(job).number == signal.SIGKILL
    assert diary.read_text().split() == ALL[1:]


def test_a_session_that_cannot_be_closed_does_not_keep_a_run_for_ever(stage: Stage) -> None:
    hangs = stage.directory / "hangs"
    hangs.write_text("#!/bin/sh\n[ $PAM_TYPE != close_session ] || exec sleep 60\n")
    hangs.chmod(0o755)
    STACK.write_text(f"account required pam_permit.so\nsession required pam_exec.so {hangs}\n")
    job = for_alice(stage, "/bin/true")
    stage.go(job)
    assert stage.outcome(job).ending is Ending.EXITED


def test_a_holder_that_is_killed_takes_nothing_with_it(stage: Stage) -> None:
    end = stage.directory / "end"
    job = for_alice(stage, "/bin/sh", "-c", f"until [ -e {end} ]; do sleep 0.05; done; exit 7")
    _, pid = stage.started(job)
    monitor = status_of(pid)["PPid"]
    (holder,) = set(Path(f"/proc/{monitor}/task/{monitor}/children").read_text().split()) - {str(pid)}
    assert status_of(int(holder))["Uid"].split() == ["0"] * 4
    os.kill(int(holder), signal.SIGTERM)
    stage.sleep(0.1)
    assert os.path.exists(f"/proc/{holder}"), "it is told by the monitor alone"
    os.kill(int(holder), signal.SIGKILL)
    end.touch()
    outcome = stage.outcome(job)
    assert (outcome.ending, outcome.number) == (Ending.EXITED, 7)


def test_what_a_module_leaves_behind_does_not_keep_a_run_for_ever(stage: Stage) -> None:
    leaves = stage.directory / "leaves"
    leaves.write_text("#!/bin/sh\n[ $PAM_TYPE != open_session ] || setsid sleep 60 &\n")
    leaves.chmod(0o755)
    STACK.write_text(f"account required pam_permit.so\nsession required pam_exec.so {leaves}\n")
    job = for_alice(stage, "/bin/true")
    stage.go(job)
    assert stage.outcome(job).ending is Ending.EXITED


# --- what a session sets ---------------------------------------------------------------------------------------------


def test_limits_bind_the_command_and_not_the_monitor(stage: Stage) -> None:
    """THREATS X-08."""
    Path("/etc/security/limits.d/test.conf").write_text(
        "alice - nofile 77\nalice - nproc 9999\nalice - core 0\nalice - priority 3\n"
    )
    job = for_alice(stage, "/bin/sleep", "60")
    _, pid = stage.started(job)
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")] == [["77", "77"]]
    assert [line.split()[2:4] for line in limits.splitlines() if line.startswith("Max processes")] == [["9999", "9999"]]
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16] == "3"
    monitor = status_of(pid)["PPid"]
    limits = Path(f"/proc/{monitor}/limits").read_text()
    assert "77" not in [line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")]
    assert os.getpriority(os.PRIO_PROCESS, int(monitor)) == os.getpriority(os.PRIO_PROCESS, stage.launcher)


def test_the_umask_of_the_account_is_taken(stage: Stage) -> None:
    assert shell_for_alice(stage, "umask") == f"{umask_of('alice'):04o}\n"
    text = Path("/etc/passwd").read_text()
    Path("/etc/passwd").write_text(text.replace(":Alice:", ":Alice,umask=027:"))
    assert shell_for_alice(stage, "umask") == "0027\n"


KEYS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
text = ctypes.create_string_buffer(200)
if libc.syscall(number, 6, -3, text, 200) < 0:
    print("none", ctypes.get_errno())
else:
    print(libc.syscall(number, 0, -3, 0), text.value.decode())
"""


def test_the_keyring_is_a_new_one_of_the_targets(stage: Stage) -> None:
    python = ("/usr/bin/python3", "-c", KEYS)
    mine = subprocess.run(python, capture_output=True, text=True, check=True).stdout
    if mine.startswith("none"):
        pytest.skip("no keyrings here")
    theirs = stage.capture(*python, user="alice", uid=ALICE, gid=ALICE, groups=(ALICE,)).decode()
    serial, description = theirs.split(None, 1)
    assert description.startswith(f"keyring;{ALICE};{ALICE};") and description.strip().endswith(";_ses"), theirs
    assert serial != mine.split()[0]
    STACK.write_text(PLAIN)
    plain = stage.capture(*python, user="alice", uid=ALICE, gid=ALICE, groups=(ALICE,)).decode()
    assert plain.startswith("none") or plain.split()[0] not in (serial, mine.split()[0])


# --- what refuses ----------------------------------------------------------------------------------------------------


def refused(stage: Stage, job: Job) -> str:
    mark = stage.directory / "mark"
    stage.directory.chmod(0o777)
    client = stage.go(job)
    outcome = stage.outcome(job)
    assert (outcome.ending, outcome.number) == (Ending.NOT_STARTED, 126), outcome
    assert not mark.exists() and stage.reported(Ready, job.run) is None
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "not started", "status": 126, "because": outcome.because}
    stage.forget(job)
    return outcome.because


def touch(stage: Stage, who: str) -> Job:
    mark = str(stage.directory / "mark")
    return for_alice(stage, "/usr/bin/touch", mark) if who == "alice" else stage.job("/usr/bin/touch", mark)


both = pytest.mark.parametrize("who", ["alice", "root"])
FORKS = """
#include <unistd.h>
int pam_sm_open_session(void *handle, int flags, int n, const char **words) {
    if (fork() == 0) { setsid(); sleep(300); _exit(0); }
    return 0;
}
int pam_sm_close_session(void *handle, int flags, int n, const char **words) { return 0; }
"""


@pytest.mark.parametrize(
    ("script", "number"), [("exit 3", 3), ("kill -STOP $$; exit 4", 4), ("until [ -e {end} ]; do sleep 0.05; done; exit 5", 5)]
)
def test_what_a_module_leaves_behind_hides_no_beginning(stage: Stage, script: str, number: int) -> None:
    """It has all that the holder had, the leash among it, so that the leash does not end when the command is executed."""
    module = stage.directory / "forks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", module], input=FORKS, text=True, check=True)
    STACK.write_text(f"account required pam_permit.so\nsession required {module}\n")
    end = stage.directory / "end"
    job = stage.job("/bin/sh", "-c", script.replace("{end}", str(end)))
    client = stage.go(job, ("terminal",) * 3)
    if "STOP" in script:
        stage.wait(lambda: client.said(b"T"))
        client.send(b"G" + bytes([signal.SIGCONT]))
    stage.wait(lambda: client.said(b"R"))
    end.touch()
    assert stage.outcome(job) == Outcome(Ending.EXITED, number)
    stage.wait(lambda: client.end)
    said = b"".join(packet[:1] for packet in client.packets if packet[:1] != b"O")
    assert said == (b"RTX" if "STOP" in script else b"RX") and stage.reported(Started, job.run)


DENYING = {
    "account denies": "account required pam_deny.so\nsession required pam_permit.so\n",
    "session denies": "account required pam_permit.so\nsession required pam_deny.so\n",
    "account denies after a yes": "account required pam_permit.so\n"
    + "account required pam_deny.so\nsession required pam_permit.so\n",
    "session denies after a yes": PLAIN + "session required pam_deny.so\n",
    "a program denies in account": "account required pam_exec.so /bin/false\nsession required pam_permit.so\n",
    "a program denies in session": "account required pam_permit.so\nsession required pam_exec.so /bin/false\n",
    "a program that is not there": "account required pam_exec.so /nonexistent\nsession required pam_permit.so\n",
    "a module that is not there": "account required pam_nonexistent.so\nsession required pam_permit.so\n",
    "a session module that is not there": "account required pam_permit.so\nsession required pam_nonexistent.so\n",
    "a module without that function": "account required pam_umask.so\nsession required pam_permit.so\n",
    "a line that is no line": "account required\nsession required pam_permit.so\n",
    "a word that is no word": "account perhaps pam_permit.so\nsession required pam_permit.so\n",
    "an include that is not there": "@include nonexistent\nsession required pam_permit.so\n",
    "nobody says anything in account": "account optional pam_deny.so\nsession required pam_permit.so\n",
}


OF_ROOT = ("account denies", "session denies", "nobody says anything in account")


@pytest.mark.parametrize(
    ("who", "stack"),
    [
        *(("alice", stack) for stack in DENYING),
        *(
            ("root", stack)
            if stack in OF_ROOT
            else pytest.param("root", stack, marks=full("every day, alice meets each of these stacks, and root three of them"))
            for stack in DENYING
        ),
    ],
)
def test_whatever_pam_answers_but_success_means_no_exec(stage: Stage, stack: str, who: str) -> None:
    STACK.write_text(DENYING[stack])
    because = refused(stage, touch(stage, who))
    assert because.startswith(("PAM (service jitd) ", "PAM is not set up for jitd: ")), because
    STACK.write_text(PLAIN)
    assert stage.play(touch(stage, who))[1].number == 0


@both
def test_a_stack_that_is_missing_is_said_and_nothing_else_is_taken(stage: Stage, who: str) -> None:
    STACK.unlink()
    assert refused(stage, touch(stage, who)) == "PAM is not set up for jitd: /etc/pam.d/jitd is missing"
    for text in (
        "",
        "account required pam_permit.so\n",
        "session required pam_permit.so\n",
        f"{PLAIN}sesion required pam_deny.so\n",
    ):
        STACK.write_text(text)
        assert refused(stage, touch(stage, who)).startswith("PAM is not set up for jitd: /etc/pam.d/jitd")


@both
def test_an_account_that_has_expired_refuses_with_pams_own_sentence(stage: Stage, who: str) -> None:
    subprocess.run(["usermod", "-e", "1", who], check=True)
    because = refused(stage, touch(stage, who))
    assert because.startswith(f"PAM (service jitd) denies that the account {who} may be used: ") and "expired" in because, because


def test_an_account_that_is_locked_as_the_manual_says_refuses(stage: Stage) -> None:
    subprocess.run(["usermod", "-L", "-e", "1", "alice"], check=True)
    assert "has expired" in refused(stage, touch(stage, "alice"))


def test_an_old_password_refuses_where_the_stack_wants_it_and_nowhere_else(stage: Stage) -> None:
    subprocess.run(["chage", "-d", "2000-01-01", "-M", "30", "alice"], check=True)
    stage.directory.chmod(0o777)
    assert stage.play(touch(stage, "alice"))[1].number == 0
    (stage.directory / "mark").unlink()
    STACK.write_text(SHIPPED.read_text().replace(" no_pass_expiry", ""))
    assert "assword" in refused(stage, touch(stage, "alice"))


def test_an_account_that_pam_does_not_know_refuses(stage: Stage) -> None:
    mark = str(stage.directory / "mark")
    because = refused(stage, stage.job("/usr/bin/touch", mark, user="nosuchuser", uid=4999, gid=4999, groups=(4999,)))
    assert because.startswith("PAM (service jitd) denies that the account nosuchuser may be used: "), because


def test_a_question_is_not_answered_and_what_was_said_is_told(stage: Stage) -> None:
    says = stage.directory / "says"
    says.write_text("#!/bin/sh\necho closed for the night\nexit 1\n")
    says.chmod(0o755)
    STACK.write_text(f"account required pam_exec.so stdout {says}\nsession required pam_permit.so\n")
    assert "closed for the night" in refused(stage, touch(stage, "alice"))


def test_a_stack_that_hangs_can_be_stopped_and_ends_nothing_late(stage: Stage) -> None:
    hangs = stage.directory / "hangs"
    asked = stage.directory / "asked"
    hangs.write_text(f"#!/bin/sh\ntouch {asked}\nexec sleep 3\n")
    hangs.chmod(0o755)
    STACK.write_text(f"account required pam_exec.so {hangs}\nsession required pam_permit.so\n")
    job = touch(stage, "alice")
    client = stage.start(job)
    client.send_streams(("null",) * 3, [stage.null() for _ in range(3)])
    stage.wait(asked.exists)
    stage.order(stage.executor.stop, job.run, "enough")
    stage.wait(lambda: client.end)
    assert client.end == {"outcome": "not started", "status": 126, "because": "enough"}
    assert stage.outcome(job).ending is Ending.NOT_STARTED
    stage.forget(job)
    assert not (stage.directory / "mark").exists()


def test_a_module_that_crashes_means_no_exec(stage: Stage) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no compiler")
    code, module = stage.directory / "m.c", stage.directory / "pam_crash.so"
    code.write_text("int pam_sm_acct_mgmt(void *h, int f, int c, char **v) { *(volatile int *)0 = 1; return 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", module, code], check=True)
    STACK.write_text(f"account required {module}\nsession required pam_permit.so\n")
    assert refused(stage, touch(stage, "alice")) == "it was ended before it began"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module of PAM that answers the number that is its argument."""
    directory = tmp_path_factory.mktemp("module")
    code, module = directory / "m.c", directory / "pam_code.so"
    code.write_text(
        "#include <stdlib.h>\n"
        "int pam_sm_acct_mgmt(void *h, int f, int c, char **v) { return atoi(v[0]); }\n"
        "int pam_sm_open_session(void *h, int f, int c, char **v) { return atoi(v[0]); }\n"
        "int pam_sm_close_session(void *h, int f, int c, char **v) { return 0; }\n"
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", module, code], check=True)
    return module


CODES = [*range(1, 32), 99, -1, 2**31 - 1]
OF_EACH_KIND = {1, 6, 12, 25, 31, 99, -1}
"""An error, a denial, a new password that is due, "ignore", the last of PAM's, and what is nothing of PAM's."""


@pytest.mark.parametrize(
    "code",
    [
        code
        if code in OF_EACH_KIND
        else pytest.param(code, marks=full("every day, the test uses one code of each kind; libpam passes on the others alike"))
        for code in CODES
    ],
)
def test_every_code_of_a_module_but_success_means_no_exec(stage: Stage, answers: Path, code: int) -> None:
    """25 (PAM_IGNORE) of the only line is a denial of the library's own; 12 (a new password is due) passes ``required``."""
    STACK.write_text(f"account required {answers} {code}\nsession required pam_permit.so\n")
    refused(stage, touch(stage, "alice"))
    STACK.write_text(f"account required pam_permit.so\nsession required {answers} {code}\n")
    refused(stage, touch(stage, "alice"))


def test_the_module_of_these_tests_that_answers_success_is_no_obstacle(stage: Stage, answers: Path) -> None:
    STACK.write_text(f"account required {answers} 0\nsession required {answers} 0\n")
    assert stage.play(touch(stage, "root"))[1].number == 0
