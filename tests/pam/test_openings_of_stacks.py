# SPDX-License-Identifier: Apache-2.0
"""Stacks that look closed and are open: what sudo itself makes of an answer, whom a condition exempts, what the modules beside
the gate run and read; and beside each an honest twin that keeps eve out, of which nothing is said.

Law: eve has no right to anything, and carol to everything: what runs of hers beside her command nobody has approved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.hosts.places import Places
from jitd_inspection.pamlint.linting import lint_host
from tests.marks import full
from tests.pam.eves import LEAVES_A_MARK, Eves, Put, said
from tests.pam.programs import PYTHONS, STACKS, SUDOERS

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
SUDO = "/usr/bin/sudo"
SHIPPED = (STACKS / "sudo").read_text() if STACKS.is_dir() else ""
GATE = "pam_jit.so"


def gate(kind: str, *before: str) -> str:
    """The gate's three lines in that kind, with lines before it that root jumps over."""
    root = "pam_succeed_if.so quiet use_uid uid = 0" if kind == "session" else "pam_rootok.so"
    lines = (
        f"{kind} [success={2 + len(before)} default=ignore] {root}",
        *before,
        f"{kind} [success=1 default=ignore] {GATE}",
        f"{kind} requisite pam_deny.so",
    )
    return "".join(f"{line}\n" for line in lines)


REST = "@include common-auth\n@include common-account\n@include common-session-noninteractive\n"


def touches(eves: Eves, who: str = "eve") -> bool:
    """Whether her command runs as root."""
    return eves.has_run(who, SUDO, "/usr/bin/touch", str(eves.mark))


@pytest.fixture
def password_is_over() -> Iterator[None]:
    """Eve's has expired so long ago that nobody may change it any more."""
    shadow = Path("/etc/shadow")
    kept = shadow.read_bytes()
    subprocess.run(["chage", "-d", "2000-01-01", "-M", "10", "-I", "5", "eve"], check=True)
    yield
    shadow.write_bytes(kept)


def test_sudo_goes_on_where_its_session_is_refused(eves: Eves, etc: Put) -> None:
    """THREATS P-15: sudo takes session_err, which is what pam_deny.so says there, for no reason to stop."""
    assert said() == set() and not touches(eves)
    etc("pam.d/sudo", gate("session") + REST)
    etc("pam.d/sudo-i", gate("session") + REST)
    assert touches(eves), "it opens"
    assert said() == {"gate-unheard"}


def test_under_nopasswd_sudo_goes_on_where_a_password_has_expired_for_good(eves: Eves, etc: Put, password_is_over: None) -> None:
    """THREATS P-15: libpam tells the first denial, and that one sudo passes over."""
    assert said() == set() and not touches(eves)
    etc("pam.d/sudo", gate("account", "account required pam_nologin.so") + REST)
    assert said() == set() and not touches(eves)
    etc("pam.d/sudo", gate("account", "account required pam_unix.so") + REST)
    assert touches(eves), "it opens"
    assert said() == {"denial-unheeded"}


def lets_by(condition: str) -> str:
    """The shipped stack, behind whom that exempts."""
    return f"account [success=3 default=ignore] pam_succeed_if.so quiet {condition}\n{SHIPPED}"


@pytest.mark.parametrize(
    "twin",
    [
        *("user = backup", "user ingroup wheel", "uid < 1000"),
        *(
            pytest.param(twin, marks=full("every day, the twins name an account, a group, and numbers"))
            for twin in ("user in backup:news", "shell = /bin/false")
        ),
    ],
)
def test_a_condition_that_holds_for_few_is_nothing_to_tell(eves: Eves, etc: Put, twin: str) -> None:
    """The honest twins of the conditions below."""
    etc("pam.d/sudo", lets_by(twin))
    assert said() == set() and not touches(eves)


@pytest.mark.parametrize(
    "condition",
    [
        *("user != backup", "user notingroup wheel", "uid < 60000", "shell != /bin/false", "service in sudo:su"),
        *(
            pytest.param(
                condition, marks=full("every day, the conditions are of an account, a group, a number, a shell, a service")
            )
            for condition in ("user notin backup:news", "user noglob svc-*", "shell = /bin/bash", "gid >= 1000")
        ),
    ],
)
def test_a_condition_that_holds_for_nearly_everybody(eves: Eves, etc: Put, condition: str) -> None:
    """THREATS P-15: who is meant is one account, and let by are all others."""
    etc("pam.d/sudo", lets_by(condition))
    assert touches(eves), "it opens"
    assert said() == {"jumps-over-gate"}


HOME = Path("/home/carol/.local/lib", PYTHONS.name, "site-packages")


def loading(eves: Eves, name: str) -> tuple[tuple[str, ...], str]:
    """A command, and the value with which that variable has it run what leaves a mark."""
    os.makedirs(HOME, exist_ok=True)
    (HOME / "usercustomize.py").write_text(LEAVES_A_MARK.format(mark=eves.mark))
    hook = eves.place / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {eves.mark}\n")
    hook.chmod(0o755)
    repo = eves.place / "repo"
    if not repo.exists():
        subprocess.run(["git", "init", "-q", str(repo)], check=True)
        (repo / "a").write_text("1\n")
        subprocess.run(["git", "-C", str(repo), "add", "a"], check=True)
        (repo / "a").write_text("2\n")
    (eves.place / "makefile").write_text(f"$(shell touch {eves.mark})\nall:\n")
    (eves.place / "apt.conf").write_text(f'APT::Update::Pre-Invoke {{"touch {eves.mark}";}};\n')
    return {
        "HOME": (("/usr/bin/python3", "-c", "pass"), "/home/carol"),
        "GIT_EXTERNAL_DIFF": (("/usr/bin/git", "-C", str(repo), "diff"), str(hook)),
        "MAKEFILES": (("/usr/bin/make", "-s", "-f", "/dev/null", "-n"), str(eves.place / "makefile")),
        "APT_CONFIG": (("/usr/bin/apt-get", "update"), str(eves.place / "apt.conf")),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        *("HOME", "GIT_EXTERNAL_DIFF", "MAKEFILES"),
        pytest.param("APT_CONFIG", marks=full("apt-get update takes long; every day, the test uses three other variables")),
    ],
)
def test_a_variable_by_which_a_program_finds_what_it_runs(eves: Eves, etc: Put, name: str) -> None:
    """THREATS P-15: what was approved is the command, and not what its caller has put where the variable leads."""
    line, value = loading(eves, name)
    etc("sudoers", f'{SUDOERS}Defaults env_keep += "http_proxy HOSTNAME GIT_AUTHOR_* EDITOR"\n')
    assert said() == set() and not eves.has_run("carol", SUDO, *line, **{name: value})
    etc("sudoers", f"{SUDOERS}Defaults env_keep += {name}\n")
    assert eves.has_run("carol", SUDO, *line, **{name: value}), "it opens"
    assert said() == {"environment-kept"}


def test_a_program_that_a_module_runs(eves: Eves, etc: Put) -> None:
    """THREATS P-15: as root with the word seteuid, and as eve without it."""
    hook = eves.place / "asked"
    hook.write_text(f"#!/bin/sh\n[ $(id -u) != 0 ] || touch {eves.mark}\n")
    hook.chmod(0o755)
    etc("pam.d/sudo", f"account optional pam_exec.so quiet {hook}\n{SHIPPED}")
    assert said() == set() and not touches(eves)
    etc("pam.d/sudo", f"account optional pam_exec.so quiet seteuid {hook}\n{SHIPPED}")
    assert touches(eves), "it opens"
    assert said() == {"file-open"}


def test_a_file_of_variables_that_a_module_reads(eves: Eves, etc: Put) -> None:
    """THREATS P-15: sudo takes them over into what it runs."""
    file, roots = eves.place / "variables", Path("/etc/security/roots.conf")
    file.write_text(f"PYTHONPATH={eves.place}\n")
    line = (SUDO, "/usr/bin/python3", "-c", "pass")
    etc("security/roots.conf", "COLOUR=blue\n")
    etc("pam.d/sudo", f"{SHIPPED}session required pam_env.so readenv=1 envfile={roots}\n")
    assert said() == set() and not eves.has_run("carol", *line)
    etc("pam.d/sudo", f"{SHIPPED}session required pam_env.so readenv=1 envfile={file}\n")
    assert eves.has_run("carol", *line), "it opens"
    assert said() == {"file-open"}


def test_a_file_of_pythons_library(eves: Eves) -> None:
    """THREATS P-15: jitd is started with it."""
    file = PYTHONS / "encodings/__init__.py"
    before = file.read_text()
    eves.mark.unlink(missing_ok=True)
    assert said() == set()
    try:
        file.chmod(0o666)
        file.write_text(before + LEAVES_A_MARK.format(mark=eves.mark))
        subprocess.run(["/usr/sbin/jitd", "--help"], capture_output=True, check=True)
        assert eves.mark.exists(), "it opens"
        assert said() == {"file-open"}
    finally:
        file.write_text(before)
        file.chmod(0o644)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pam_deny.so", "no-deny-behind-gate"),
        ("pam_rootok.so", "jumps-over-gate"),
        ("../../../../opt/pam_rootok.so", "jumps-over-gate"),
        ("pam_jit.so", "other-module"),
    ],
)
def test_a_module_that_is_called_like_another(eves: Eves, etc: Put, name: str, found: str) -> None:
    """THREATS P-15: what lies in another directory is another module."""
    own, other = name.rpartition("/")[2], Path("/opt", name.rpartition("/")[2])
    its_path = next(path for pattern in (f"*-linux-gnu/security/{own}", f"security/{own}") for path in Path("/lib").glob(pattern))
    etc("pam.d/sudo", SHIPPED.replace(own, str(its_path)))
    assert said() == set() and not touches(eves)
    shutil.copy(next(Path("/lib").glob("*-linux-gnu/security/pam_permit.so")), other)
    try:
        etc("pam.d/sudo", SHIPPED.replace(own, name if "/" in name else str(other)))
        assert touches(eves), "it opens"
        assert found in said()
    finally:
        other.unlink()


def test_ksu_asks_nobody(eves: Eves) -> None:
    """THREATS P-15: it comes with Kerberos. Whom root's own list names is let in by what root wrote, so it is told as weak."""
    line = ("/usr/bin/ksu", "root", "-e", "/usr/bin/touch", str(eves.mark))
    listed = Path("/root/.k5login")
    listed.write_text("bob@EXAMPLE.TEST\n")
    try:
        assert not eves.has_run("eve", *line)
        assert eves.has_run("bob", *line), "it opens"
        assert {finding.name for finding in lint_host(Places())} >= {"other-door"}
    finally:
        listed.unlink()
    assert "other-door" not in {finding.name for finding in lint_host(Places())}
    assert not eves.has_run("bob", *line)
