# SPDX-License-Identifier: Apache-2.0
"""sudo, su, doas and login behind the shipped stacks, each with each outcome. Law: whoever was not let in has run nothing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

from jitpam.wire.messages import Done, Revoke, Show
from tests.attacks.raw import connected, review
from tests.marks import full
from tests.news import without_news
from tests.pam.programs import (
    BY_NAME,
    COLUMNS,
    GATE_OF_CRON,
    PASSWORD,
    PROGRAMS,
    Gated,
    Program,
    all_are_kept_out,
    edit_stacks,
    write,
)
from tests.pam.sshd_stage import children_of
from tests.system.conftest import ID, REALM
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
one_of_each = pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=program.name)
        if program in COLUMNS
        else pytest.param(
            program,
            id=program.name,
            marks=full("every day, the test uses one form of sudo, su, doas and login; each form waits and is let in every day"),
        )
        for program in PROGRAMS
    ],
)
some_programs = pytest.mark.parametrize(
    "programs",
    [
        pytest.param(COLUMNS, id="one of each"),
        pytest.param(
            PROGRAMS,
            id="all",
            marks=full("every day, the test uses one form of sudo, su, doas and login; each form waits and is let in every day"),
        ),
    ],
)

RULE_OF_JOBS = """
[[permit]]
name = "jobs"
who = ["user:alice"]
services = ["cron"]
run_as = ["*"]
commands = [["**"]]
ticket = "optional"
"""


@one_of_each
def test_who_is_permitted_at_once_is_let_in_without_a_question(gated: Gated, program: Program) -> None:
    typed = gated.type("carol", program)
    typed.is_let_in()
    assert "jitd:" not in typed.text


@one_of_each
def test_a_lease_lets_in_without_a_question(gated: Gated, program: Program) -> None:
    mark = gated.mark()
    id = gated.ask_beforehand("alice", program, mark, "--for", "1h")
    gated.approved(id)
    assert not mark.exists()
    typed = gated.type("alice", program, mark=mark)
    typed.is_let_in()
    assert "jitd:" not in typed.text
    gated.asked(Revoke(id=id, of=None, reason="over"))


@every_program
def test_who_waits_is_let_in_by_an_approval(gated: Gated, program: Program) -> None:
    typed = gated.type("alice", program)
    id = typed.id
    row = gated.show(id)
    requester = "local:alice" if program.service == "login" else "alice@EXAMPLE.TEST"
    assert (row["state"], row["service"], row["requester"]) == ("pending", program.service, requester), row
    assert not typed.has_run
    gated.approved(id)
    typed.is_let_in()


@one_of_each
def test_who_waits_is_kept_out_by_a_denial(gated: Gated, program: Program) -> None:
    typed = gated.type("alice", program)
    with connected(gated, "bob") as raw:
        (row,) = raw.rows(Show(id=typed.id))
        assert isinstance(raw.ask(review(row, "deny", "not today"))[-1], Done)
    typed.is_kept_out('jitd: denied by bob@EXAMPLE.TEST: "not today"')


@pytest.mark.parametrize("line", [("sudo", "id", "-u"), ("su", "-c", "id -u"), ("doas", "id", "-u")], ids=lambda line: line[0])
def test_what_jitd_says_is_not_in_the_output_of_the_command(gated: Gated, line: tuple[str, ...]) -> None:
    """CONTRACT section 2: standard output belongs to the command; a script that takes it has nothing of ours in it."""
    said = gated.mark()
    with said.open("wb") as err:
        typed = subprocess.Popen(
            ["as", "alice", *line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True
        )
    assert typed.stdin is not None
    typed.stdin.write(f"{PASSWORD}\n")
    typed.stdin.flush()
    id = wait_for(lambda: ID.search(said.read_text()))[1]
    gated.approved(id)
    assert (typed.communicate(timeout=PATIENCE)[0], typed.returncode) == ("0\n", 0)
    assert f"jitd: approved by bob@{REALM}" in said.read_text()


@one_of_each
def test_ctrl_c_withdraws(gated: Gated, program: Program) -> None:
    typed = gated.type("alice", program)
    id = typed.id
    typed.terminal.sendintr()
    typed.is_kept_out("jitd: withdrawn" if program.service.startswith("sudo") else "")  # the others are gone at once
    gated.until(id, "withdrawn")


def test_an_approval_lets_in_nobody_whose_ticket_has_ended_meanwhile(gated: Gated) -> None:
    programs = (BY_NAME["sudo"], BY_NAME["su -c"], BY_NAME["doas"])
    for seconds in (10, 40):  # on a busy host a ticket may have ended before it is shown
        typed = [gated.type("alice", program, cache=gated.ticket_of("alice", "-l", f"{seconds}s")) for program in programs]
        ids: list[str] = []
        with contextlib.suppress(pexpect.EOF):
            ids += [each.id for each in typed]
            break
    assert len(ids) == len(typed), [each.text for each in typed]
    time.sleep(max(0.0, typed[-1].began_at + seconds + 0.5 - time.monotonic()))
    for id in ids:
        gated.approved(id)
    all_are_kept_out(typed, "your ticket expired while the request waited: kinit, and do it again")


def test_a_revocation_of_all_that_somebody_has_reaches_who_came_without_a_ticket(gated: Gated) -> None:
    """Known by their account alone, they are the same person to who revokes."""
    typed = gated.type("alice", BY_NAME["login"])
    gated.approve(typed.id)
    (held,) = wait_for(lambda: [row for row in gated.rows("grants") if row["requester"] == "local:alice"])
    assert held["runs"]
    assert gated.jitd("revoke", "--of", f"alice@{REALM}", "--reason", "over").returncode == 0
    assert not [row for row in gated.rows("grants") if row["requester"] == "local:alice"]
    typed.ends()


@some_programs
def test_nobody_decides_in_time(gated: Gated, programs: tuple[Program, ...]) -> None:
    for typed in [gated.type("dave", program) for program in programs]:
        id = typed.id
        typed.is_kept_out("has expired: nobody decided in time")
        gated.until(id, "expired")


def test_a_login_that_getty_started_is_let_in(gated: Gated) -> None:
    login = next(program for program in PROGRAMS if program.service == "login")
    subprocess.run(["as", "carol", "true"], check=True)
    mark = gated.mark()
    gated.drive(["login", "carol"], login, mark, cwd="/").is_let_in()


@pytest.mark.parametrize("words", [("sudo", "-n"), ("sudo", "-nu", "bob"), ("doas", "-n")], ids=" ".join)
def test_who_says_n_ends_at_once_where_somebody_would_have_to_approve(gated: Gated, words: tuple[str, ...]) -> None:
    mark, before = gated.mark(), gated.records()
    line = [*gated.become("alice"), *words, "/usr/bin/touch", str(mark)]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, mark.exists()) == (1, False)
    assert "jitd: an approval is required, and nobody is asked for it with -n" in done.stderr, done.stderr
    assert gated.records() == before


@some_programs
def test_a_stack_that_waits_two_seconds_waits_no_longer(gated: Gated, programs: tuple[Program, ...]) -> None:
    edit_stacks("pam_jit.so", "pam_jit.so wait=2")
    typed = []
    try:
        typed = [gated.type("alice", program) for program in programs]
        ids = [each.id for each in typed]
        all_are_kept_out(typed, "nobody decided in the time that this program may wait")
        assert {gated.until(id, "withdrawn")["state"] for id in ids} == {"withdrawn"}
    finally:
        edit_stacks(" wait=2", "")
        for each in typed:
            each.close()


# --- without a terminal, and without anybody ------------------------------------------------------------------------------


def sudo(gated: Gated, who: str, *words: str) -> tuple[subprocess.Popen[str], Path]:
    """``who`` types sudo where there is no terminal."""
    mark = gated.mark()
    line = ["setsid", "as", who, "sudo", *words, "/usr/bin/touch", str(mark)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(line, cwd="/", text=True, **streams), mark  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("words", [(), ("-n",)], ids=["sudo", "sudo -n"])
def test_sudo_without_a_terminal_is_let_in_kept_out_and_waits_as_with_one(gated: Gated, words: tuple[str, ...]) -> None:
    at_once, mark = sudo(gated, "carol", *words)
    assert (without_news(at_once.communicate(timeout=PATIENCE)[0]), at_once.returncode, mark.exists()) == ("", 0, True)
    refused, mark = sudo(gated, "eve", *words)
    said = refused.communicate(timeout=PATIENCE)[0]
    assert refused.returncode == 1 and "jitd: denied: no rule permits this" in said and not mark.exists()
    waiting, mark = sudo(gated, "alice", *words)
    if "-n" in words:
        said = waiting.communicate(timeout=PATIENCE)[0]
        assert waiting.returncode == 1 and "an approval is required, and nobody is asked for it with -n" in said
        assert not mark.exists()
        assert not [row for row in gated.rows("requests") if row["argv"][-1] == str(mark)]
        return
    (row,) = wait_for(lambda: [row for row in gated.rows("requests") if row["argv"][-1] == str(mark)])
    assert not mark.exists()
    gated.approve(row["id"])
    said = waiting.communicate(timeout=PATIENCE)[0]
    assert waiting.returncode == 0 and f"jitd: request {row['id']}: " in said and mark.exists()


def cron_runs_a_job(gated: Gated) -> bool:
    """Whether a job of alice's begins."""
    mark = gated.mark()
    subprocess.run(["crontab", "-u", "alice", "-"], input=f"@reboot touch {mark}\n", text=True, check=True)
    Path("/run/crond.reboot").unlink(missing_ok=True)
    trace = gated.mark()
    daemon = subprocess.Popen(["strace", "-f", "-o", str(trace), "-e", "trace=process", "cron", "-f"], cwd="/")
    try:
        wait_for(lambda: is_over(trace.read_text() if trace.exists() else ""), what="the end of the job, or of what would run it")
    finally:
        for cron in children_of(daemon.pid):
            os.kill(cron, signal.SIGTERM)
        daemon.wait()
        subprocess.run(["crontab", "-u", "alice", "-r"], check=True)
    return mark.exists()


def is_over(trace: str) -> bool:
    """Whether the process that cron has started for its job has ended. It may have done something before the call that starts it
    has returned, which strace then tells as resumed.
    """
    cron = trace.partition(" ")[0]
    started = re.search(rf"^{cron} +(?:clone3?\(|v?fork\(|<\.\.\. (?:clone3?|v?fork) resumed).* = (\d+)$", trace, re.MULTILINE)
    return started is not None and re.search(rf"^{started[1]} +\+\+\+ ", trace, re.MULTILINE) is not None


def test_jobs_run_ungated_though_nobody_may_anything(gated: Gated) -> None:
    before = gated.events()
    assert cron_runs_a_job(gated)
    assert gated.events() == before


def test_the_gate_that_is_commented_out_in_cron_lets_in_whom_a_rule_names_and_nobody_else(gated: Gated) -> None:
    stack = Path("/etc/pam.d/cron").read_text()
    assert stack.count(GATE_OF_CRON) == 1
    write("/etc/pam.d/cron", stack.replace(GATE_OF_CRON, GATE_OF_CRON.replace("#", "")))
    try:
        Path("/tmp/krb5cc_4001").unlink(missing_ok=True)  # else it would be proved that it is her, denied, and on record
        before = gated.events()
        assert not cron_runs_a_job(gated), "no rule"
        assert gated.events() == before
        gated.set_policy(RULE_OF_JOBS, "60-jobs.toml")
        assert gated.reload().returncode == 0
        assert cron_runs_a_job(gated)
        gated.kill()
        assert not cron_runs_a_job(gated), "no daemon"
        gated.start()
    finally:
        (gated.root / "policy.d/60-jobs.toml").unlink(missing_ok=True)
        write("/etc/pam.d/cron", stack)
        assert gated.reload().returncode == 0


@pytest.mark.parametrize("program", COLUMNS, ids=lambda program: program.name)
def test_the_record_says_from_which_terminal_and_session_it_was_asked_and_approved(gated: Gated, program: Program) -> None:
    """The kernel's word, beside what the program claims."""
    typed = gated.type("alice", program)
    id = typed.id
    terminal = os.path.relpath(os.readlink(f"/proc/{typed.terminal.pid}/fd/0"), "/dev")
    gated.approved(id)
    typed.is_let_in()
    of = {record["event"]: record for record in gated.records() if record.get("id") == id and "peer" in record}
    assert set(of) == {"request.submitted", "request.reviewed"}
    asked, approved = of["request.submitted"], of["request.reviewed"]
    assert asked["uid"] == 4001 and (asked["peer"]["uid"], asked["peer"]["tty"]) == (0, terminal)
    assert approved["peer"]["uid"] == approved["uid"] == 4002
    session = int(Path("/proc/self/sessionid").read_text())
    assert {each["peer"]["audit_session"] for each in of.values()} == {None if session == 2**32 - 1 else session}
