# SPDX-License-Identifier: Apache-2.0
"""Somebody who has a live lease and a valid ticket, and whom the directory shuts out meanwhile."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest

from tests.ad.conftest import DOMAIN, LAB, PASSWORD, Done, Member, on, root
from tests.ad.test_people_of_a_domain import LDB, doctor, lock_out, say
from tests.waiting import wait_for

BASE = "DC=ad,DC=example,DC=test"
NO_TICKETS = "the KDC issues no tickets for alice@AD.EXAMPLE.TEST any more: the account is disabled, locked, expired or deleted"


def unlock(person: str) -> None:
    line = f"dn: CN={person},CN=Users,DC=ad,DC=example,DC=test\nchangetype: modify\nreplace: lockoutTime\nlockoutTime: 0\n"
    root("dc", "ldbmodify", "-H", LDB, stdin=line)
    say("domain", "passwordsettings", "set", "--account-lockout-threshold=0")


SHUT_OUT: dict[str, tuple[Callable[[str], object], Callable[[str], object]]] = {
    "disabled": (lambda name: say("user", "disable", name), lambda name: say("user", "enable", name)),
    "locked": (lock_out, unlock),
    "expired": (
        lambda name: say("user", "setexpiry", name, "--days=0"),
        lambda name: say("user", "setexpiry", name, "--noexpiry"),
    ),
}
"""How a directory shuts somebody out, and lets them in again."""


def again(*words: str) -> Done:
    """Have alice do something with the tickets that she has."""
    return on("member", "as", "--no-ticket", "alice", *words)


@pytest.fixture(autouse=True)
def no_lease_is_left() -> Iterator[None]:
    """The next file has the same member, on which it would answer for a request of alice's."""
    yield
    assert again("jitsudo", "-K").returncode == 0


def n_used(member: Member) -> int:
    return sum(record["event"] == "grant.used" for record in member.records())


@pytest.mark.parametrize("how", SHUT_OUT)
def test_who_is_shut_out_uses_a_live_lease_no_more_until_let_in_again(member: Member, how: str) -> None:
    """THREATS K-26."""
    shut, let_in = SHUT_OUT[how]
    first = member.ask("alice", "--for", "10m", "--uses", "100", "true")
    member.approved("bob", first.id)
    assert first.end() == 0, first.err
    assert again("jitsudo", "true").returncode == 0
    shut("alice")
    try:
        wait_for(lambda: again("jitsudo", "true").returncode == 121, what="a refusal")
        before = n_used(member)
        refused = again("jitsudo", "true")
        assert refused.returncode == 121 and NO_TICKETS in refused.stderr, refused.stderr
        by_sudo = again("sudo", "-n", "true")
        assert by_sudo.returncode == 1 and NO_TICKETS in by_sudo.stderr, by_sudo.stderr
        assert n_used(member) == before
        assert member.run("JSmith", "jitsudo", "--no-wait", "true").returncode == 0, "and the others go on"
    finally:
        let_in("alice")
    done = wait_for(lambda: (done := again("jitsudo", "true")).returncode == 0 and done, what="a use")
    assert n_used(member) > before, done.stderr


# --- the rules of the domain about who may use this host, which PAM asks ---------------------------------------------------


@pytest.fixture
def usual(member: Member) -> Iterator[Member]:
    """The settings of SSSD and jitd are put back afterwards."""
    conf = root("member", "cat", "/etc/sssd/sssd.conf")
    yield member
    member.write("/etc/sssd/sssd.conf", conf, 0o600)
    root("member", "systemctl", "restart", "sssd")
    member.write("/etc/jitd/jitd.toml", (LAB / "ad.toml").read_text())
    member.restart()


def test_the_lines_that_doctor_and_setup_tell_let_the_rights_to_log_on_decide(usual: Member) -> None:
    """THREATS K-27: one of the lines alone denies everybody, and doctor says so."""
    told = doctor()["pam.requester"]
    assert told["level"] == "weak", told
    assert told["mend"] in root("member", "jitd", "setup", "--dry-run", "--no-admin")
    first, second = re.findall(r"under (\[.*?\]): (.*?); then (systemctl restart \S+?)(?:;|$)", told["mend"])
    assert (first[0], second[0]) == (f"[domain/{DOMAIN}]", "[pam]")
    write(usual, "/etc/jitd/jitd.toml", second, 0o644)
    denied = usual.run("alice", "jitsudo", "true")
    assert denied.returncode == 121 and "the account policy of this host denies your account" in denied.stderr, denied.stderr
    found = doctor()["pam.requester"]
    assert found["level"] == "bad" and "SSSD denies all" in found["sentence"] and first[1] in found["mend"], found
    write(usual, "/etc/sssd/sssd.conf", first, 0o600)
    assert doctor()["pam.requester"]["level"] == "ok"
    asked = usual.ask("alice", "--for", "10m", "--uses", "100", "id", "-u")
    usual.approved("bob", asked.id)
    assert asked.end() == 0 and asked.out == "0\n", asked.err
    assert again("jitsudo", "id", "-u").returncode == 0
    with denied_to_log_on("alice"):
        wait_for(lambda: again("jitsudo", "id", "-u").returncode == 121, what="a denial by the domain's rule")
        refused = again("jitsudo", "id", "-u")
        assert "the account policy of this host denies your account (jitd-account)" in refused.stderr, refused.stderr
    wait_for(lambda: again("jitsudo", "id", "-u").returncode == 0, what="a use")


@contextlib.contextmanager
def denied_to_log_on(person: str) -> Iterator[None]:
    """A group policy of the domain denies a person meanwhile to log on locally ([MS-GPSB] section 2.2.4)."""
    admin = f"--username=Administrator%{PASSWORD}"
    made = root("dc", "samba-tool", "gpo", "create", "denied", admin)
    (guid,) = re.findall(r"\{[0-9A-F-]+\}", made)
    sid = root("dc", "wbinfo", "--name-to-sid", person).split()[0]
    below = f"/var/lib/samba/sysvol/{DOMAIN}/Policies/{guid}/MACHINE/Microsoft/Windows NT/SecEdit"
    text = f'[Version]\nsignature="$CHICAGO$"\nRevision=1\n[Privilege Rights]\nSeDenyInteractiveLogonRight = *{sid}\n'
    root("dc", "install", "-D", "-m", "644", "/dev/stdin", f"{below}/GptTmpl.inf", stdin=text)
    change = f"dn: CN={guid},CN=Policies,CN=System,{BASE}\nchangetype: modify\nreplace: gPCMachineExtensionNames\n"
    change += "gPCMachineExtensionNames: [{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]\n"
    root("dc", "ldbmodify", "-H", LDB, stdin=change)
    root("dc", "samba-tool", "gpo", "setlink", BASE, guid, admin)
    try:
        yield
    finally:
        root("dc", "samba-tool", "gpo", "del", guid, admin)


def write(member: Member, path: str, told: tuple[str, str, str], mode: int) -> None:
    """Do what was told: write a line under a section of a file, then type the command."""
    section, line, command = told
    before = root("member", "cat", path)
    at = before.find(f"{section}\n")
    after = f"{before}\n{section}\n{line}\n" if at < 0 else before.replace(f"{section}\n", f"{section}\n{line}\n", 1)
    member.write(path, after, mode)
    root("member", "sh", "-c", command)
