# SPDX-License-Identifier: Apache-2.0
"""The program of contrib/givers that makes people members of a group of a directory, with a domain."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.ad.conftest import DOMAIN, PASSWORD, account, root

TREE = Path(__file__).parents[2]
PROGRAM = TREE / "contrib/givers/ldap_group.py"
BASE = ",".join(f"DC={part}" for part in DOMAIN.split("."))
GROUP = f"CN=jit-operators,CN=Users,{BASE}"
KEYTAB = "/etc/jit-ldap.keytab"
OF_MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2"  # the attribute `member` ([MS-ADA2]): its GUID in rights


@pytest.fixture(scope="module", autouse=True)
def group() -> None:
    """A group that is jitd's alone, and an account whose one right is to change its members."""
    root("dc", "samba-tool", "group", "add", "jit-operators")
    root("dc", "samba-tool", "user", "create", "svc-jit-ldap", PASSWORD)
    entry = root("dc", "samba-tool", "user", "show", "svc-jit-ldap", "--attributes=objectSid")
    sid = next(line.split()[1] for line in entry.splitlines() if line.startswith("objectSid:"))
    rights = f"(OA;;WP;{OF_MEMBER};;{sid})"
    root("dc", "samba-tool", "dsacl", "set", f"--objectdn={GROUP}", f"--sddl={rights}")
    root("dc", "samba-tool", "domain", "exportkeytab", "/root/jit-ldap.keytab", "--principal=svc-jit-ldap")
    pack = root("dc", "base64", "/root/jit-ldap.keytab")
    root("member", "sh", "-c", f"base64 -d >{KEYTAB}", stdin=pack)


def ask(deed: str, whose: str) -> str:
    """Return what the program says, called as the table of groups.toml has it."""
    table = tomllib.loads((TREE / "contrib/givers/groups.toml").read_text("utf-8"))["givers"]["ad-operators"]
    names = {
        "/usr/local/libexec/ldap_group.py": str(PROGRAM),
        "ldap://dc1.corp.example.org": f"ldap://dc.{DOMAIN}",
        "CN=jit-operators,OU=jit,DC=corp,DC=example,DC=org": GROUP,
        "DC=corp,DC=example,DC=org": BASE,
    }
    line = [names.get(word, word) for word in table[deed]]
    said = json.loads(root("member", *line, stdin=json.dumps({"account": whose})))
    return str(said.get("because", said["said"]) if said["said"] == "failed" else said["said"])


@pytest.mark.parametrize("person", ["alice", "JSmith", "Dave.Smith"])
def test_a_person_of_a_domain_becomes_a_member_and_is_none_any_more(person: str) -> None:
    whose = account(person)
    assert ask("look", whose) == "gone"
    assert ask("give", whose) == "given"
    assert ask("look", whose) == "stands"
    assert person in root("dc", "samba-tool", "group", "listmembers", "jit-operators").split()
    assert ask("take", whose) == "taken"
    assert root("dc", "samba-tool", "group", "listmembers", "jit-operators").split() == []


@pytest.mark.parametrize("whose", ["nobody@ad.example.test", "alice@example.org", "al*@ad.example.test", "@"])
def test_who_is_nobody_of_the_domain_is_given_nothing(whose: str) -> None:
    assert "account" in ask("give", whose)
    assert root("dc", "samba-tool", "group", "listmembers", "jit-operators").split() == []
