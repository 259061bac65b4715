# SPDX-License-Identifier: Apache-2.0
"""What an Active Directory says about people when jitd asks it, and what the doctor tells root of a joined host to type.

tests/kerberos/test_liveness.py has the same of MIT, and docs/adr/0075 both tables.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.ad.conftest import PASSWORD, REALM, SERVICE, Member, on, root
from tests.waiting import examined

LDB = "/var/lib/samba/private/sam.ldb"
PROGRAM = """\
import sys
sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
from pathlib import Path
from jitd.deciding.kdc_liveness import Kdc
kdc = Kdc(Path("/etc/krb5.keytab"), sys.argv[1], lambda: False)
for principal in sys.argv[2:]:
    print(kdc.answer(principal))
kdc.close()
"""


def say(*words: str) -> None:
    root("dc", "samba-tool", *words)


def change(person: str, attribute: str, value: str) -> None:
    """Write an attribute of a person in the directory."""
    line = f"dn: CN={person},CN=Users,DC=ad,DC=example,DC=test\nchangetype: modify\nreplace: {attribute}\n{attribute}{value}\n"
    root("dc", "ldbmodify", "-H", LDB, stdin=line)


def lock_out(person: str) -> None:
    say("domain", "passwordsettings", "set", "--account-lockout-threshold=3")
    for _ in range(3):
        on("dc", "kinit", "-c", "MEMORY:", f"{person}@{REALM}", stdin="wrong\n")


PEOPLE = {
    "in-order": ("valid", lambda name: None),
    "disabled": ("refused", lambda name: say("user", "disable", name)),
    "expired": ("refused", lambda name: say("user", "setexpiry", name, "--days=0")),
    "locked": ("refused", lock_out),
    "deleted": ("refused", lambda name: say("user", "delete", name)),
    "must-change": (
        "valid",
        lambda name: say("user", "setpassword", name, f"--newpassword={PASSWORD}2", "--must-change-at-next-login"),
    ),
    "sensitive": ("valid", lambda name: say("user", "sensitive", name, "on")),
    "protected": ("valid", lambda name: say("group", "addmembers", "Protected Users", name)),
    "smart-card": ("valid", lambda name: change(name, "userAccountControl", ": 262656")),
    "no-hours": ("valid", lambda name: change(name, "logonHours", f":: {'A' * 28}")),
}
"""Accounts → the answer about them, and what becomes of them first."""


def answers(*people: str, service: str = f"{SERVICE}@{REALM}") -> list[str]:
    """What jitd learns about people on the member, by the keys in the member's own keytab."""
    names = [name if "@" in name else f"{name}@{REALM}" for name in people]
    return root("member", "/usr/bin/python3", "-I", "-c", PROGRAM, service, *names).split("\n")[:-1]


@pytest.fixture(scope="module")
def people(member: Member) -> Iterator[None]:
    for name, (_, become) in PEOPLE.items():
        say("user", "create", name, PASSWORD)
        become(name)
    yield
    say("domain", "passwordsettings", "set", "--account-lockout-threshold=0")
    for name in PEOPLE.keys() - {"deleted"}:
        say("user", "delete", name)


def test_a_domain_refuses_accounts_that_get_no_tickets_any_more(people: None) -> None:
    """THREATS A-13."""
    assert dict(zip(PEOPLE, answers(*PEOPLE), strict=True)) == {name: said for name, (said, _) in PEOPLE.items()}


def test_who_is_of_another_realm_or_never_was(people: None) -> None:
    assert answers("nobody-of-that-name", "alice@OTHER.TEST") == ["refused", "no answer"]


def test_a_member_whose_own_account_is_disabled_learns_nothing_about_anybody(people: None) -> None:
    """THREATS A-13: the domain then refuses each question, whoever it is about."""
    say("user", "disable", "MEMBER$")
    try:
        assert answers("in-order", "disabled") == ["not asked", "not asked"]
    finally:
        say("user", "enable", "MEMBER$")


def test_the_record_says_that_the_domain_was_asked(member: Member) -> None:
    asked = member.ask("alice", "true")
    member.approved("bob", asked.id)
    assert asked.end() == 0, asked.err
    (review,) = [record for record in member.of(asked.id) if record["event"] == "request.reviewed"]
    assert review["detail"]["kdc"] == "valid"


REMOVAL = f"""set -e
n=$(printf 'rkt /etc/krb5.keytab\\nl\\n' | ktutil | awk '/{SERVICE}/ {{print $2}}' | sort -rn)
{{ echo rkt /etc/krb5.keytab; for i in $n; do echo delent $i; done; echo wkt /root/kept.keytab; }} | ktutil
mv /root/kept.keytab /etc/krb5.keytab
"""
"""Takes jitd's keys out of the member's keytab, if adcli has left them there."""


def doctor() -> dict[str, dict[str, str]]:
    return {row["check"]: row for row in examined(lambda: on("member", "jitd", "doctor", "--json").stdout)}


def keys() -> list[str]:
    """The principals of the member's keytab that are not jitd's, with their versions and types."""
    return sorted(line for line in root("member", "klist", "-ke").splitlines() if "@" in line and SERVICE not in line)


def age_the_password() -> None:
    """Make the password of the member's account 40 days old. The domain itself lets nobody write ``pwdLastSet``."""
    entry = root("dc", "ldbsearch", "-H", LDB, "(sAMAccountName=MEMBER$)", "dn")
    (dn,) = re.findall(r"^dn: (.*)$", entry, re.MULTILINE)
    n_intervals = int((time.time() - 40 * 86400 + 11_644_473_600) * 10**7)  # since 1601 ([MS-ADA3] section 2.175)
    change = f"dn: {dn}\nchangetype: modify\nreplace: pwdLastSet\npwdLastSet: {n_intervals}\n"
    root("dc", "sh", "-c", f"ldbmodify -H {LDB}.d/DC=AD*.ldb", stdin=change)


def test_the_commands_of_the_doctor_leave_the_member_in_its_domain(member: Member) -> None:
    found = doctor()
    assert (found["kdc.liveness"]["level"], found["keytab.version"]["level"]) == ("ok", "ok"), found
    before = keys()
    root("member", "adcli", "update", f"--remove-service-principal={SERVICE}")
    root("member", "sh", "-c", REMOVAL)
    age_the_password()
    found = doctor()
    assert found["keytab.keys"]["level"] == "bad" and "adcli" in found["keytab.keys"]["command"], found["keytab.keys"]
    root("member", "sh", "-c", found["keytab.keys"]["command"])
    found = doctor()
    assert (found["keytab.keys"]["level"], found["keytab.version"]["level"]) == ("ok", "ok"), found
    assert keys() == before, "and the password of its account as it was, though it is old"
    say("user", "disable", "MEMBER$")
    try:
        command = doctor()["keytab.version"]["command"]
        assert on("member", "sh", "-c", command).returncode != 0, "it says that the domain does not have the host"
    finally:
        say("user", "enable", "MEMBER$")
    root("member", "sh", "-c", command)
    assert set(before) <= set(keys())
