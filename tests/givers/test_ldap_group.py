# SPDX-License-Identifier: Apache-2.0
"""contrib/givers/ldap_group.py against a real directory: OpenLDAP on a socket of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd_things.settings import load_givers, things_of
from tests.waiting import wait_for

PROGRAM = Path(__file__).parents[2] / "contrib/givers/ldap_group.py"
BASE = "dc=example,dc=org"
GROUP, PEOPLE = f"cn=jit-admins,{BASE}", f"ou=people,{BASE}"
SLAPD = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {home}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
authz-regexp gidNumber=.*uidNumber=0.*,cn=peercred,cn=external,cn=auth cn=admin,{base}
database mdb
maxsize 10485760
suffix {base}
rootdn cn=admin,{base}
directory {home}/data
access to * by * read
"""
ENTRIES = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: uid=alice,{PEOPLE}
objectClass: inetOrgPerson
uid: alice
cn: Alice (of databases)
sn: A

dn: cn=B\\C3\\B6b \\2A,{PEOPLE}
objectClass: inetOrgPerson
uid: bob
cn:: {"QsO2YiAq"}
sn: B

dn: uid=twin,{PEOPLE}
objectClass: inetOrgPerson
uid: twin
uid: carol
cn: C
sn: C

dn: uid=carol,{PEOPLE}
objectClass: inetOrgPerson
uid: carol
cn: C
sn: C

dn: {GROUP}
objectClass: groupOfNames
cn: jit-admins
member: cn=nobody,{BASE}
"""


class Server:
    """A server that runs until ``stop``. Root of this host may change all; who else asks reads."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "data").mkdir()
        (home / "slapd.conf").write_text(SLAPD.format(home=home, base=BASE))
        subprocess.run(
            ["/usr/sbin/slapadd", "-f", home / "slapd.conf"], input=ENTRIES, text=True, check=True, capture_output=True
        )
        self.uri = f"ldapi://{urllib.parse.quote(str(home / 'socket'), safe='')}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(["/usr/sbin/slapd", "-f", self.home / "slapd.conf", "-h", self.uri, "-d", "0"])
        wait_for(self._listens, what="the directory")

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.home / "socket"))
            return True
        return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        (self.home / "socket").unlink(missing_ok=True)

    def members(self) -> list[str]:
        line = [
            "/usr/bin/ldapsearch",
            "-Q",
            "-Y",
            "EXTERNAL",
            "-H",
            self.uri,
            "-LLL",
            "-o",
            "ldif-wrap=no",
            "-b",
            GROUP,
            "member",
        ]
        said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        return [one.partition(":")[2].strip() for one in said.splitlines() if one.startswith("member:")]

    def do(self, deed: str, account: str = "alice", **changes: object) -> dict[str, str]:
        asked = {"do": deed, "thing": "program:ipa-admins", "holding": "WNC0-D702", "account": account, "uid": 4001, **changes}
        words = [PROGRAM, deed, "--uri", self.uri, "--group", GROUP, "--people", PEOPLE, "--mechanism", "EXTERNAL"]
        done = subprocess.run(words, input=json.dumps(asked), capture_output=True, text=True, check=True, env={})
        found: dict[str, str] = json.loads(done.stdout)
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("account", ["alice", "bob"])
def test_a_membership_is_given_seen_and_taken(server: Server, account: str) -> None:
    """bob's name has signs that a filter and LDIF write otherwise."""
    before = server.members()
    assert server.do("look", account)["said"] == "gone"
    for _ in range(2):
        assert server.do("give", account)["said"] == "given"
        assert len(server.members()) == len(before) + 1
    assert server.do("look", account) == {"said": "stands"}
    for _ in range(2):
        assert server.do("take", account)["said"] == "taken"
        assert server.members() == before
    assert server.do("look", account)["said"] == "gone"


@pytest.mark.parametrize(
    ("account", "why"),
    [("nobody-here", "nobody with the account"), ("carol", "2 entries"), ("*", "not the name"), ("a)(uid=*", "not the name")],
)
def test_who_is_not_one_person_of_the_directory_gets_nothing(server: Server, account: str, why: str) -> None:
    before = server.members()
    said = server.do("give", account)
    assert said["said"] == "failed" and why in said["because"]
    assert server.members() == before


def test_a_directory_that_is_down_is_neither_given_nor_taken_nor_seen(server: Server) -> None:
    server.do("give")
    there = server.members()
    server.stop()
    for deed in ("give", "take", "look"):
        said = server.do(deed)
        assert said["said"] == "failed" and "does not answer" in said["because"]
    server.start()
    assert server.members() == there
    assert server.do("take")["said"] == "taken"


def test_the_example_is_read_as_part_of_jitd_toml() -> None:
    assert things_of(load_givers(PROGRAM.with_name("groups.toml"), PROGRAM.stat().st_uid)) == {
        "program:ipa-admins",
        "program:ad-operators",
    }
