# SPDX-License-Identifier: Apache-2.0
"""Tickets of a real MIT KDC at the door of a whole daemon: forwarded, of a trusted realm, and got by a service for somebody else
(S4U2Proxy, which needs a database in a directory).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import gssapi
import pytest

from jitpam.wire import messages
from tests.attacks.at_door import OPEN, AtDoor
from tests.attacks.raw import Raw, initiator, review, uid_of
from tests.krb5.directory import DirectoryRealm
from tests.krb5.driver import TREE
from tests.krb5.proofs import comes, enroll, service
from tests.krb5.realm import Realm
from tests.system.conftest import House

PROXY, TGS = "http/www.example.test", "krbtgt/GATE.TEST@GATE.TEST"
POLICY = """
[[permit]]
name = "any-ticket"
who = ["user:alice"]
commands = [["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:remote"], door = true }]

[[permit]]
name = "own-ticket"
who = ["user:alice"]
commands = [["/usr/bin/whoami", "**"]]
approvals = [{ need = 1, from = ["group:remote"], door = true, forwarded = "refuse" }]
"""
LINES = """
[approvers."zoe@GATE.TEST"]
groups = ["remote"]
[approvers."yan@OTHER.TEST"]
groups = ["remote"]
"""


class Stage:
    """A daemon of GATE.TEST with a door, and tickets for it."""

    def __init__(self, realm: DirectoryRealm, other: Realm, where: Path) -> None:
        self.realm, self.other, self.where = realm, other, where
        for name in ("alice", "zoe"):
            realm.add_person(name)
        for name in ("alice", "yan"):
            other.add_person(name)
        keytab = enroll(realm)
        self.alice = comes(realm, realm.login("alice", where / "alice"))
        self.house = House(POLICY, f'keytab = "{keytab}"\n{OPEN.format(door="")}{LINES}')
        config = self.house.config_file
        config.write_text(config.read_text().replace("EXAMPLE.TEST", "GATE.TEST"))
        self.house.start()

    def waits(self, command: str) -> str:
        """The id of a request of alice, who is on the host."""
        with Raw(self.house, uid_of("alice")) as raw:
            self._proves(raw, self.alice)
            return raw.submit(command, os.urandom(4).hex(), waits=False)

    def visits(self, ticket: gssapi.Credentials) -> AtDoor:
        made = AtDoor(self.house)
        self._proves(made, ticket)
        return made

    def _proves(self, raw: Raw, ticket: gssapi.Credentials) -> None:
        context = initiator(ticket, raw.greet(), service=service(self.realm))
        answer = raw.offer(bytes(context.step() or b""))
        assert isinstance(answer, messages.DaemonToken), answer
        context.step(answer.token)
        raw.context = context
        welcome = raw.hear()
        assert isinstance(welcome, messages.Welcome), welcome

    def is_refused(self, ticket: gssapi.Credentials, because: str) -> None:
        """Nobody comes in with ``ticket``, and nothing is recorded of them."""
        before = self.house.head()
        with pytest.raises(AssertionError, match=because):
            self.visits(ticket)
        assert self.house.head() == before

    def approves(self, ticket: gssapi.Credentials, id: str) -> str:
        """What is answered to an approval."""
        with self.visits(ticket) as raw:
            (row,) = raw.rows(messages.Show(id=id))
            assert isinstance(raw, AtDoor)
            raw.stamp()
            last = raw.ask(review(row))[-1]
            return f"{last.code}: {last.text}" if isinstance(last, messages.Refused) else "done"

    def state_of(self, id: str) -> str:
        return str(self.house.request_of(id).state)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """PROXY may act for others towards jitd, and people of OTHER.TEST may come to GATE.TEST."""
    realm = DirectoryRealm("GATE.TEST", tmp_path_factory.mktemp("directory"), "127.0.3.4")
    other = Realm("OTHER.TEST", tmp_path_factory.mktemp("other"), "127.0.1.5")
    realm.others.append(other)
    other.others.append(realm)
    try:
        realm.create()
        other.create()
        for name in (TGS.replace("@GATE", "@OTHER"), "krbtgt/OTHER.TEST@GATE.TEST"):
            for side in (realm, other):
                side.local(f"addprinc -pw between {name}")
        made = Stage(realm, other, tmp_path_factory.mktemp("tickets"))
        try:
            yield made
            made.house.verify()
        finally:
            made.house.close()
    finally:
        other.stop()
        realm.stop()


def test_who_has_a_ticket_of_a_trusted_realm_is_the_person_of_a_line_or_nobody(stage: Stage) -> None:
    """THREATS F-10: a namesake of somebody on the host, and somebody whom a line names."""
    namesake = comes(stage.other, stage.other.login("alice", stage.where / "namesake"), stage.realm)
    stage.is_refused(namesake, r"no account or line of \[approvers\] is ")
    yan = comes(stage.other, stage.other.login("yan", stage.where / "yan"), stage.realm)
    id, before = stage.waits("id"), stage.house.head().number
    assert stage.approves(yan, id) == "done" and stage.state_of(id) == "approved"
    (record,) = [one for one in stage.house.records(before) if one["event"] == "request.reviewed"]
    assert record["actor"] == "yan@OTHER.TEST" and record["uid"] is None


def test_a_forwarded_ticket_by_the_door_approves_nothing_where_the_rule_refuses_it(stage: Stage) -> None:
    """THREATS F-10."""
    ask, there = stage.where / "ask", f"FILE:{stage.where}/there"
    subprocess.run(["cc", "-o", str(ask), str(TREE / "tests/krb5/ask.c"), "-lkrb5"], check=True)
    own = stage.realm.login("zoe", stage.where / "zoe", "-f")
    stage.realm.run(str(ask), f"{0x20000000:x}", TGS, there, TGS, cache=own)
    forwarded, id = comes(stage.realm, there), stage.waits("whoami")
    said = stage.approves(forwarded, id)
    assert said.startswith("forbidden: ") and "forwarded" in said
    assert stage.state_of(id) == "pending"
    assert stage.approves(comes(stage.realm, own), id) == "done" and stage.state_of(id) == "approved"


def test_a_ticket_that_a_service_got_for_somebody_is_refused_at_the_door(stage: Stage) -> None:
    """THREATS F-10: an MIT KDC says so in the PAC, and no flag of the ticket does. Without PACs, it gives no such ticket."""
    realm, target = stage.realm, service(stage.realm)
    keytab, own, made = f"{realm.where}/proxy.keytab", f"FILE:{stage.where}/proxy", f"FILE:{stage.where}/for-zoe"
    realm.add_service(PROXY)
    realm.local(f"modprinc +ok_to_auth_as_delegate {PROXY}", f"ktadd -norandkey -k {keytab} {PROXY}")
    realm.change(PROXY, "add: krbAllowedToDelegateTo", f"krbAllowedToDelegateTo: {target.partition('@')[0]}")

    def got() -> bool:
        realm.run("kinit", "-k", "-t", keytab, "-c", own, PROXY)
        words = ("kvno", "-k", keytab, "-U", "zoe", "-P", "--out-cache", made, target)
        return realm.attempt(*words, cache=own).returncode == 0

    assert got()
    id = stage.waits("id")
    ticket = gssapi.Credentials(usage="initiate", store={"ccache": made})
    stage.is_refused(ticket, "a service has got this ticket on your behalf")
    assert stage.state_of(id) == "pending"
    assert stage.approves(comes(realm, realm.login("zoe", stage.where / "zoe-own")), id) == "done"
    realm.for_realm += "        disable_pac = true\n"
    realm.write()
    realm.stop_one("krb5kdc")
    realm.start_one("krb5kdc")
    with realm.heard() as lines:
        assert not got()
    assert any("S4U2SELF_NO_PAC" in line for line in lines), lines
