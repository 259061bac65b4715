# SPDX-License-Identifier: Apache-2.0
"""Each way in that the field notes show to be open in other stacks, shown to be shut in ours (THREATS P-01, P-09).

Law: carol is whom a rule permits: what keeps her out is the stack. eve is whom none permits: what keeps her out is the gate.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.marks import full
from tests.on_terminal import OnTerminal
from tests.pam.programs import (
    BY_NAME,
    CHPASSWD,
    PASSWORD,
    PEOPLE,
    POLICY,
    PROGRAMS,
    SERVICES,
    STACKS,
    SUDOERS,
    Gated,
    Program,
    all_are_kept_out,
    answers_unseen,
    leaves_a_mark,
    module,
    module_of,
    write,
)  # fmt: skip
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
ONE_OF_EACH = tuple(BY_NAME[name] for name in ("sudo", "sudo -i CMD", "su -c", "su -", "doas", "login"))
NEW = "staple battery"
WITHOUT_PASSWORD = "ALL ALL=(ALL:ALL) NOPASSWD: ALL\n"
BODIES = {
    "6": "return 6;",
    "12, a new password is wanted": "return 12;",
    "25, ignore me": "return 25;",
    "99, which is nothing": "return 99;",
    "-1": "return -1;",
    "the end of the process": "_exit(0);",
    "a signal": "kill(getpid(), SIGKILL);",
}


def answering(name: str) -> bytes:
    """A module that answers so."""
    if name in BODIES:
        return module_of(BODIES[name])
    return {"no function": module_of("return 0;").replace(b"pam_sm_", b"xam_sm_"), "no sense": b"no module\n", "nothing": b""}[
        name
    ]


MODULES = (*BODIES, "no function", "no sense", "nothing")


@contextmanager
def sudoers(text: str) -> Iterator[None]:
    write("/etc/sudoers", text, 0o440)
    subprocess.run(["visudo", "-cq"], check=True)
    try:
        yield
    finally:
        write("/etc/sudoers", SUDOERS, 0o440)


def all_are_refused(gated: Gated, who: str, sentence: str, programs: tuple[Program, ...] = ONE_OF_EACH) -> None:
    all_are_kept_out([gated.type(who, program) for program in programs], sentence)


# --- what the module answers ---------------------------------------------------------------------------------------------


PLAIN = ("6", "12, a new password is wanted")
"""The denial, and what other stacks take for a way in: each stack meets both."""
ACCOUNT_AND_SESSION = tuple(BY_NAME[name] for name in ("su -c", "login"))
REST = tuple(one for one in ONE_OF_EACH if one not in ACCOUNT_AND_SESSION)
ANSWERS = [
    *(pytest.param(answer, ONE_OF_EACH if answer in PLAIN else ACCOUNT_AND_SESSION, id=answer) for answer in MODULES),
    *(
        pytest.param(
            answer,
            REST,
            id=f"{answer}, the rest",
            marks=full("every day, each answer meets a gate in account and one in session; the other stacks have the same lines"),
        )
        for answer in MODULES
        if answer not in PLAIN
    ),
]


@pytest.mark.parametrize(("answer", "programs"), ANSWERS)
def test_nothing_that_the_module_answers_by_mistake_lets_anybody_in(
    gated: Gated, answer: str, programs: tuple[Program, ...]
) -> None:
    """THREATS P-09."""
    before = gated.events()
    with module(answering(answer)):
        all_are_refused(gated, "carol", "", programs)
    assert gated.events() == before


@pytest.mark.parametrize(
    "line", [("login", "nosuch"), ("login", "carol"), ("su", "nosuch"), ("su", "bob"), ("su", "-", "nosuch")], ids=" ".join
)
def test_who_has_not_shown_yet_who_they_are_never_reaches_the_gate(gated: Gated, line: tuple[str, ...]) -> None:
    """THREATS P-13: it can tell nobody by text or time which accounts there are, since it is not asked about them."""
    mark = gated.root / "ran/asked"
    with module(leaves_a_mark(mark)):
        become = [] if line[0] == "login" else ["setpriv", "--reuid=eve", "--regid=eve", "--init-groups"]
        first, *rest = (*become, *line)
        terminal = OnTerminal(first, rest, timeout=PATIENCE)
        if terminal.expect(["(?=Password: )", "does not exist"]) == 0:
            answers_unseen(terminal, "Password: ", "not the password")
            terminal.expect(["Login incorrect", "Authentication failure"])
        terminal.close(force=True)
        assert not mark.exists()
        all_are_refused(gated, "carol", "", (BY_NAME["login"],))  # and who has shown it does
        assert mark.exists()
    mark.unlink()


# --- what stands around it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["sudo", "sudo-i", "su", "doas", "login", "sshd"])
def test_a_stack_is_what_debian_ships_with_the_gate_before_all_else(service: str) -> None:
    lines = re.sub(r"[ \t]+", " ", (STACKS / service).read_text()).splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    stage = "session" if service in ("login", "sshd") else "account"
    lets_root = "pam_succeed_if.so quiet uid = 0" if service in ("login", "sshd") else "pam_rootok.so"
    expected = [
        f"{stage} [success=2 default=ignore] {lets_root}",
        f"{stage} [success=1 default=ignore] pam_jit.so",
        f"{stage} requisite pam_deny.so",
    ]
    assert lines[: len(expected)] == expected
    assert not any("pam_jit" in line for line in lines[len(expected) :])


def test_a_password_that_has_expired_does_not_end_the_stack_before_the_gate(gated: Gated) -> None:
    """THREATS P-09: nor does it lead past it: a login asks for a new one first."""
    at_login = BY_NAME["login"]
    for name in ("eve", "bob"):  # bob is whom su is for
        subprocess.run(["chage", "-d", "2000-01-01", "-M", "30", name], check=True)
    try:
        all_are_refused(
            gated, "eve", "jitd: denied: no rule permits this", tuple(one for one in ONE_OF_EACH if one is not at_login)
        )
        typed = gated.type("eve", at_login)
        for question, answer in (("Current password: ", PASSWORD), ("New password: ", NEW), ("Retype new password: ", NEW)):
            typed.answers(question, answer)
        typed.is_kept_out("jitd: denied: no rule permits this")
    finally:
        subprocess.run([*CHPASSWD], input=f"eve:{PASSWORD}\n", text=True, check=True)
        for name in ("eve", "bob"):
            subprocess.run(["chage", "-d", "2026-01-01", "-M", "99999", name], check=True)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_no_form_of_a_program_goes_by_another_stack(gated: Gated, program: Program) -> None:
    all_are_refused(gated, "eve", "jitd: denied: no rule permits this", (program,))


@pytest.mark.parametrize(
    "words", ["-l", "-v", "-e /etc/hosts", "-A touch {mark}", "-k touch {mark}", "-b touch {mark}", "-l touch"]
)
def test_no_option_of_sudo_goes_past_the_gate(gated: Gated, words: str) -> None:
    program = Program("", "sudo", ("env", "SUDO_ASKPASS=/bin/true", "EDITOR=/bin/true", "sudo", *words.split()), ())
    all_are_refused(gated, "eve", "jitd: denied: no rule permits this", (program,))


# --- what sudoers says ---------------------------------------------------------------------------------------------------


ANOTHERS_PASSWORD = ("targetpw", "rootpw", "runaspw")
SETTINGS = ("!authenticate", *ANOTHERS_PASSWORD, "!pam_session", "!pam_setcred", "!env_reset", "setenv", "!use_pty")
AS_CAROL = Program("", "sudo", ("sudo", "-u", "carol", "/usr/bin/touch", "{mark}"), ())


@pytest.mark.parametrize(
    ("setting", "programs", "somebody_waits"),
    [
        *(pytest.param(each, (BY_NAME["sudo"], AS_CAROL), each in ANOTHERS_PASSWORD, id=each) for each in SETTINGS),
        *(
            pytest.param(
                each,
                (BY_NAME["sudo"], BY_NAME["sudo -i CMD"], AS_CAROL),
                True,
                id=f"{each}, all of it",
                marks=full(
                    "every day, each setting meets two forms of sudo, and somebody waits where another's password is asked for"
                ),
            )
            for each in SETTINGS
        ),
    ],
)
def test_no_ordinary_setting_of_sudoers_goes_past_the_gate(
    gated: Gated, setting: str, programs: tuple[Program, ...], somebody_waits: bool
) -> None:
    with sudoers(f"{SUDOERS}Defaults {setting}\n"):
        all_are_refused(gated, "eve", "jitd: denied: no rule permits this", programs)
        if not somebody_waits:
            return
        typed = gated.type("alice", AS_CAROL)
        assert gated.show(typed.id)["requester"] == "alice@EXAMPLE.TEST", "whoever PAM_USER is"
        typed.terminal.sendintr()
        typed.is_kept_out("withdrawn")


@pytest.mark.parametrize("setting", ["!pam_acct_mgmt", "pam_service=other"])
def test_two_settings_of_sudoers_switch_the_gate_off_as_the_manual_says(gated: Gated, setting: str) -> None:
    assert f"`{setting}`" in (Path(__file__).parents[2] / "docs/pam.md").read_text()
    with sudoers(f"{SUDOERS}Defaults {setting}\n"):
        gated.type("eve", BY_NAME["sudo"]).is_let_in()


def test_a_fresh_timestamp_does_not_skip_the_gate(gated: Gated) -> None:
    with sudoers(SUDOERS.replace(WITHOUT_PASSWORD, "ALL ALL=(ALL:ALL) ALL\nDefaults timestamp_type=global\n")):
        typed = gated.type("carol", BY_NAME["sudo"])
        typed.answers("password for carol: ", PASSWORD)
        typed.is_let_in()
        gated.type("carol", BY_NAME["sudo"]).is_let_in()  # which asked for no password
        gated.set_policy(POLICY.replace("user:carol", "user:nobody"))
        assert gated.reload().returncode == 0
        try:
            all_are_refused(gated, "carol", "jitd: denied: no rule permits this", (BY_NAME["sudo"], BY_NAME["sudo -i CMD"]))
        finally:
            gated.set_policy(POLICY)
            assert gated.reload().returncode == 0


def test_persist_of_doas_does_not_skip_the_gate(gated: Gated) -> None:
    write("/etc/doas.conf", "permit persist carol\n", 0o600)
    shell = OnTerminal("as", ["carol", "bash", "--norc"], encoding="utf-8", timeout=PATIENCE, cwd="/")
    try:
        marks = [gated.mark(), gated.mark()]
        shell.sendline(f"doas touch {marks[0]}")
        answers_unseen(shell, "assword: ", PASSWORD)
        wait_for(marks[0].exists)  # doas is through, which throws away what is typed while it asks
        shell.sendline("echo first $?")
        shell.expect(r"first (\d+)\r")
        gated.set_policy(POLICY.replace("user:carol", "user:nobody"))
        assert gated.reload().returncode == 0
        shell.sendline(f"doas -n touch {marks[1]}; echo second $?")
        shell.expect(r"second (\d+)\r")
        assert marks[0].exists() and not marks[1].exists()
        assert "no rule permits this" in shell.before
    finally:
        shell.close(force=True)
        gated.set_policy(POLICY)
        assert gated.reload().returncode == 0
        write("/etc/doas.conf", "".join(f"permit nopass keepenv {name}\n" for name in (*PEOPLE, "root")), 0o600)


def test_a_rule_without_a_ticket_is_a_way_in_while_the_kdc_is_away(gated: Gated) -> None:
    """THREATS P-10: break-glass, as the manual has it."""
    rule = f'[[permit]]\nname = "glass"\nwho = ["user:bob"]\nservices = {SERVICES}\nrun_as = ["*"]\ncommands = [["**"]]\n'
    approved_by_root = 'ticket = "optional"\napprovals = [{ need = 1, from = ["group:ops"] }]\n'
    gated.set_policy(rule + approved_by_root, "60-glass.toml")
    assert gated.reload().returncode == 0
    try:
        typed = gated.type("bob", BY_NAME["sudo"], cache=None)
        row = gated.show(typed.id)
        assert (row["requester"], row["account"]) == ("local:bob", "bob")
        gated.approved(row["id"], "carol")
        typed.is_let_in()
    finally:
        (gated.root / "policy.d/60-glass.toml").unlink()
        assert gated.reload().returncode == 0
