# SPDX-License-Identifier: Apache-2.0
"""The chapter "Active Directory" of docs/first-hour.md, typed line by line on a host of the domain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contrib.scripts import load
from tests.ad.conftest import DOMAIN, HOST, KRB5, PASSWORD, REALM, SERVICE, Member, root

TREE = Path(__file__).parents[2]
NAMES = {"EXAMPLE.ORG": REALM, r"db1\.example\.org": HOST, r"example\.org": DOMAIN, r"\bdb1\b(?!#)": "member"}
"""Names of the page, as regular expressions → those of the lab: the page's own table tells the reader to replace them."""
WAYS = {"With the account of the host": "/etc/krb5.keytab", "With an account for jitd": "/etc/jitd/jitd.keytab"}
"""The heading under which the page sets jitd up → the file that its key is in then."""
RULE = ("--requester", f"dba@{DOMAIN}", "--approver", f"ops@{DOMAIN}", "--tell", "nobody", "id")


def chapter() -> dict[str, str]:
    """Heading → text, of the chapter and the sections in it, with the names of the lab."""
    text = (TREE / "docs/first-hour.md").read_text("utf-8").partition("\n## Active Directory\n")[2]
    text = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0]
    for pattern, name in NAMES.items():
        text = re.sub(pattern, name, text)
    first, *sections = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)
    return {"": first} | dict(zip(sections[::2], sections[1::2], strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_the_chapter_is_typed_as_it_stands(pristine_member: Member, way: str) -> None:
    module = load("first-hour")
    text = "".join(said for heading, said in chapter().items() if heading not in WAYS or heading == way)
    for person in ("alice", "bob"):
        root("member", "mkdir", "-m", "1777", "-p", f"/home/{person}@{DOMAIN}")  # there is no account of theirs yet
    pid = int(Path("/run/lab/ad/member.pid").read_text())
    module.play(module.read_page(text), pid, f"{{}}@{DOMAIN}", PASSWORD)
    assert SERVICE in root("member", "klist", "-k", WAYS[way])
    in_the_ticket = pristine_member.run("alice", "sh", "-c", f"kvno -q {SERVICE} && klist -e").stdout
    assert "arcfour" not in root("member", "klist", "-k", "-e", WAYS[way])
    assert encryption_types(f"servicePrincipalName={SERVICE}") == 24
    assert re.search(rf"{SERVICE}@{REALM}\n.*\(skey, tkt\): aes256-\S+, aes256-\S+", in_the_ticket), in_the_ticket


def test_a_host_that_had_joined_before_loses_its_rc4_key(pristine_member: Member) -> None:
    pristine_member.write("/etc/krb5.conf", KRB5)
    root("member", "realm", "join", "--user=Administrator", DOMAIN, stdin=f"{PASSWORD}\n")
    assert encryption_types("sAMAccountName=MEMBER$") == 28 and "arcfour" in root("member", "klist", "-k", "-e")
    (line,) = re.findall(r"^ +permitted_enctypes = .*\n", chapter()[""], re.MULTILINE)
    told = root("member", "jitd", "setup", "--dry-run", "--no-admin", *RULE)
    assert f"has no permitted_enctypes, and the domain may use RC4. Before you go on, write there: {line.strip()}" in told
    pristine_member.write("/etc/krb5.conf", KRB5.replace("[libdefaults]\n", f"[libdefaults]\n{line}"))
    assert "permitted_enctypes" not in root("member", "jitd", "setup", "--yes", "--no-admin", *RULE)
    assert encryption_types("sAMAccountName=MEMBER$") == 24 and "arcfour" not in root("member", "klist", "-k", "-e")


def encryption_types(whose: str) -> int:
    """Return ``msDS-SupportedEncryptionTypes`` ([MS-KILE] section 2.2.7) of an account in the directory."""
    entry = root("dc", "ldbsearch", "-H", "/var/lib/samba/private/sam.ldb", f"({whose})", "msDS-SupportedEncryptionTypes")
    (found,) = re.findall(r"^msDS-SupportedEncryptionTypes: (\d+)$", entry, re.MULTILINE)
    return int(found)


def test_every_way_to_set_it_up_is_typed() -> None:
    assert [heading for heading, said in chapter().items() if "jitd setup --" in said] == [*WAYS]
