# SPDX-License-Identifier: Apache-2.0
"""A whole daemon whose people have tickets of a real KDC: what rules demand of how requester and approver authenticated.

Law: each no says what to type, and leaves nothing changed. What was accepted is on the page and in the record.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gssapi
import pytest

from jitpam.wire import messages
from tests.attacks.raw import Raw, initiator, review, submission, uid_of
from tests.krb5.driver import TREE
from tests.krb5.proofs import build_shim, comes, enroll, service, token_with_tgt, with_clock, with_spake
from tests.krb5.realm import Realm
from tests.system.conftest import House
from tests.tracing import traced
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "fresh"
who = ["user:alice"]
commands = [["/usr/bin/true"]]
ticket_age = "1h"

[[permit]]
name = "strong"
who = ["user:alice"]
commands = [["/usr/bin/id"]]
indicators = ["otp", "spake"]

[[permit]]
name = "here"
who = ["user:alice"]
commands = [["/usr/bin/whoami"]]
forwarded = "refuse"

[[permit]]
name = "at-once"
who = ["user:alice"]
commands = [["/usr/bin/uname", "**"]]
indicators = ["pkinit"]

[[permit]]
name = "approved"
who = ["user:alice"]
commands = [["/usr/bin/uname", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "watched"
who = ["user:alice"]
commands = [["/usr/bin/date", "**"]]
indicators = ["spake"]
approvals = [{ need = 1, from = ["group:ops"], indicators = ["spake"], ticket_age = "1h", forwarded = "refuse" }]
grant = { lasts = "1h", uses = 3 }
"""
TGS = "krbtgt/GATE.TEST@GATE.TEST"


@dataclass
class Stage:
    """The realm, the daemon, and one ticket of each kind for alice and for bob, who is in ops."""

    realm: Realm
    house: House
    where: Path
    """The caches are here: WHO-KIND."""
    tickets: dict[tuple[str, str], gssapi.Credentials] = field(default_factory=dict)

    def signed_in(self, who: str, kind: str = "good") -> Raw:
        """A connection of ``who`` with their ticket of a kind."""
        made = Raw(self.house, uid_of(who))
        context = initiator(self.tickets[who, kind], made.greet(), service=service(self.realm))
        answer = made.offer(bytes(context.step() or b""))
        assert isinstance(answer, messages.DaemonToken), answer
        context.step(answer.token)
        made.context = context
        assert isinstance(made.hear(), messages.Welcome)
        return made

    def asked(self, kind: str, *argv: str) -> tuple[str, str]:
        """What alice is told, asking with a ticket of that kind: a refusal's code and text, or ``permitted`` and the id."""
        with self.signed_in("alice", kind) as raw:
            first, *_ = raw.ask(submission(*argv, waits=False))
            if isinstance(first, messages.Refused):
                return first.code, first.text
            return "permitted", str(first.id)

    def reviewed(self, kind: str, id: str, verdict: str = "approve") -> tuple[str, str]:
        """What bob is told who reviews with a ticket of that kind."""
        with self.signed_in("bob", kind) as raw:
            (row,) = raw.rows(messages.Show(id=id))
            last = raw.ask(review(row, verdict))[-1]
            return (last.code, last.text) if isinstance(last, messages.Refused) else ("done", last.text)


@pytest.fixture(scope="module")
def stage(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    where = tmp_path_factory.mktemp("tickets")
    ask, shim = where / "ask", build_shim(where / "skew.so")
    subprocess.run(["cc", "-o", str(ask), str(TREE / "tests/krb5/ask.c"), "-lkrb5"], check=True)
    with_spake(realm)
    keytab = enroll(realm)
    house = House(POLICY, f'keytab = "{keytab}"')
    house.config_file.write_text(house.config_file.read_text().replace("EXAMPLE.TEST", "GATE.TEST"))
    made = Stage(realm, house.start(), where)
    for who in ("alice", "bob"):
        realm.add_person(who)
        made.tickets[who, "plain"] = comes(realm, realm.login(who, where / f"{who}-plain"))  # no proof, so no indicator
        realm.local(f"modprinc +requires_preauth {who}")
        good = realm.login(who, where / f"{who}-good")
        made.tickets[who, "good"] = comes(realm, good)
        there = f"FILE:{where}/{who}-forwarded"
        realm.run(str(ask), f"{0x20000000:x}", TGS, there, TGS, cache=good)
        made.tickets[who, "forwarded"] = comes(realm, there)
    with_clock(realm, shim, -7200)
    for who in ("alice", "bob"):
        made.tickets[who, "stale"] = comes(realm, realm.login(who, where / f"{who}-stale"))
    with_clock(realm, shim, 0)
    yield made
    house.verify()
    house.close()


REFUSED = [
    ("stale", "true", "rule fresh wants an authentication at most 1 hour old, and yours is 2 hours", ": kinit -l 1h"),
    (
        "plain",
        "id",
        "rule strong wants the authentication indicator otp or spake, and your ticket has none: kinit",
        "otp or spake",
    ),
    (
        "forwarded",
        "whoami",
        "rule here refuses tickets that were forwarded from another host, and your ticket was forwarded",
        "kinit on this host",
    ),
]


@pytest.mark.parametrize(("kind", "command", "because", "advice"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_requester_is_refused_by_what_the_ticket_lacks_and_told_what_to_type(
    stage: Stage, kind: str, command: str, because: str, advice: str
) -> None:
    """THREATS K-13, K-20."""
    assert stage.asked("good", command)[0] == "permitted"
    before = [grant.id for grant in stage.house.kept("grants", ended=True)]
    code, text = stage.asked(kind, command)
    assert code == "denied" and because in text and advice in text, (code, text)
    assert [grant.id for grant in stage.house.kept("grants", ended=True)] == before


def test_what_no_rule_demands_is_no_hindrance(stage: Stage) -> None:
    """A forwarded ticket of an old password, without a proof to the KDC, is a ticket."""
    assert stage.asked("stale", "id")[0] == stage.asked("plain", "true")[0] == stage.asked("forwarded", "true")[0] == "permitted"


def test_a_rule_that_demands_less_is_asked_next(stage: Stage) -> None:
    """Without the indicator that permits at once, somebody else has to approve."""
    code, id = stage.asked("good", "uname")
    row = stage.house.show(id)
    assert (code, row["rule"], row["state"]) == ("permitted", "approved", "pending")


@pytest.mark.parametrize(
    ("kind", "because"),
    [
        ("plain", "its rule wants the authentication indicator spake, and your ticket has none: kinit"),
        ("stale", "its rule wants an authentication at most 1 hour old, and yours is 2 hours"),
        (
            "forwarded",
            "its rule refuses tickets that were forwarded from another host, and your ticket was forwarded: kinit on this host",
        ),
    ],
)
def test_an_approver_who_lacks_what_the_approval_demands_sees_the_request_and_may_only_deny_it(
    stage: Stage, kind: str, because: str
) -> None:
    """THREATS K-13, K-20."""
    _, id = stage.asked("good", "date", f"+{kind}")
    before = stage.house.at_rest().head()
    code, text = stage.reviewed(kind, id)
    assert code == "forbidden" and because in text, (code, text)
    with stage.signed_in("bob", kind) as raw:
        (row,) = raw.rows(messages.Show(id=id))
        assert because.removeprefix("its rule ") in row["lacks"] and row["may_review"] and row["owed"] == 1
    assert stage.house.head() == before
    assert stage.reviewed("good", id)[0] == "done"
    assert stage.house.show(id)["state"] == "approved"
    _, other = stage.asked("good", "date", f"+no-{kind}")
    assert stage.reviewed(kind, other, "deny")[0] == "done"
    assert stage.house.show(other)["state"] == "denied"


def test_an_approval_counts_as_its_author_had_authenticated_when_they_gave_it(stage: Stage) -> None:
    """A use of the lease is decided by the approver's ticket at the review."""
    with stage.signed_in("alice") as raw:
        id = raw.submit("date", "+lease", waits=False, lasts_for=3600, uses=3)
    assert stage.reviewed("good", id)[0] == "done"
    given = stage.house.request_of(id).reviews[0].by.authentication
    assert given is not None and given.indicators == ("spake",) and 0 <= given.age_at(given.looked_at) < 3600
    code, again = stage.asked("good", "date", "+lease")
    assert code == "permitted" and stage.house.show(again)["lease"] == id


def test_the_page_and_the_record_say_how_requester_and_approver_authenticated(stage: Stage) -> None:
    """THREATS K-20."""
    _, id = stage.asked("forwarded", "uname", "-a")
    assert stage.reviewed("forwarded", id)[0] == "done"
    page = stage.house.jitd("show", id).stdout
    assert "forwarded    YES: the ticket was handed over from another host" in page, page
    assert "how          by spake; after a proof that the KDC asked for" in page, page
    assert "aes256-cts-hmac-sha1-96" in page
    assert any(
        "approved by bob@GATE.TEST (authenticated " in line and "by spake, FORWARDED)" in line for line in page.splitlines()
    )
    said: dict[str, Any] = {
        record["event"]: record["detail"]["authentication"]
        for record in stage.house.records()
        if record.get("id") == id and "authentication" in record["detail"]
    }
    assert set(said) == {"request.submitted", "request.reviewed"}
    assert all(one["indicators"] == ["spake"] and "forwarded" in one["flags"] for one in said.values())
    assert all(one["realms"] == ["GATE.TEST"] and one["at"] for one in said.values())


# --- who is who --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    """OTHER.TEST, with an alice and a bob of its own, whose people may come to GATE.TEST."""
    one = Realm("OTHER.TEST", tmp_path_factory.mktemp("other"), "127.0.1.5")
    one.others.append(stage.realm)
    one.create()
    try:
        for name in ("krbtgt/GATE.TEST@OTHER.TEST", "krbtgt/OTHER.TEST@GATE.TEST"):
            for side in (stage.realm, one):
                side.local(f"addprinc -pw between {name}")
        for who in ("alice", "bob"):
            one.add_person(who)
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_namesake_of_another_realm_is_neither_requester_nor_approver(
    stage: Stage, other: Realm, tmp_path: Path, who: str
) -> None:
    """THREATS K-07: they are proved, by a path that the KDC has checked, and they are nobody here."""
    ticket = comes(other, other.login(who, tmp_path / who), stage.realm)
    before = stage.house.at_rest().head()
    with Raw(stage.house, uid_of(who)) as raw:
        context = initiator(ticket, raw.greet(), service=service(stage.realm))
        answer = raw.offer(bytes(context.step() or b""))
        assert isinstance(answer, messages.DaemonToken)
        context.step(answer.token)
        raw.context = context
        refused = raw.hear()
        assert isinstance(refused, messages.Refused) and refused.code == "unauthenticated"
    assert stage.house.head() == before
    stage.signed_in(who).close()


def test_nobodys_home_is_read_and_nothing_is_kept_of_what_is_handed_over(stage: Stage, tmp_path: Path) -> None:
    """THREATS K-09, K-15: alice's .k5login names bob, and bob is refused; she delegates, and only replays are noted."""
    login = Path("/home/alice/.k5login")
    login.write_text("alice@GATE.TEST\nbob@GATE.TEST\n")
    shutil.chown(login, "alice", "alice")
    seen = tmp_path / "seen"
    assert stage.house.process is not None
    try:
        with traced([stage.house.process.pid], "-y", "-e", "trace=%file,bind", "-o", seen):
            with Raw(stage.house, uid_of("alice")) as raw:
                context = initiator(stage.tickets["bob", "good"], raw.greet(), service=service(stage.realm))
                answer = raw.offer(bytes(context.step() or b""))
                assert isinstance(answer, messages.DaemonToken)
                context.step(answer.token)
                raw.context = context
                refused = raw.hear()
                assert isinstance(refused, messages.Refused) and refused.code == "unauthenticated"
            with Raw(stage.house, uid_of("alice")) as raw:
                offered = token_with_tgt(f"FILE:{stage.where}/alice-good", stage.realm, raw.greet())
                assert isinstance(raw.offer(offered), messages.DaemonToken)
    finally:
        login.unlink()
    calls = seen.read_text().splitlines()
    assert any("jitd.keytab" in call for call in calls), "the trace has the handshakes"
    assert [call for call in calls if '"/home' in call or "k5login" in call] == []
    own = ("/journal.new", "/signing-head", "/jitd.db-wal", "/jitd.db-shm")  # of the daemon, a second after any record
    made = [call for call in calls if "O_CREAT" in call and "ENOENT" not in call and not any(one in call for one in own)]
    assert all("rcache" in call or "replay" in call for call in made), made


def test_the_service_is_named_by_this_host_and_by_no_name_service(tmp_path: Path) -> None:
    """THREATS K-18: /etc/hosts lies about the host's name and address, and krb5.conf lets libkrb5 ask it."""
    house = House('[[permit]]\nname = "free"\nwho = ["user:alice"]\ncommands = [["/usr/bin/true"]]\n').start()
    hosts, settings = Path("/etc/hosts"), Path("/etc/krb5.conf")
    names, plain = hosts.read_text(), settings.read_text()
    log = Path("/var/log/krb5kdc.log")
    try:
        hosts.write_text("127.0.0.1 localhost\n127.0.1.1 evil.example.test lab.example.test lab\n")
        lax = plain.replace("dns_canonicalize_hostname = false", "dns_canonicalize_hostname = true")
        settings.write_text(lax.replace("rdns = false", "rdns = true"))
        before = log.stat().st_size
        for cache in Path("/tmp").glob(f"krb5cc_{uid_of('alice')}*"):
            cache.unlink()
        done = house.sudo("alice", "true")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: b"jitd/lab.example.test" in log.read_bytes()[before:], what="what the KDC was asked")
        assert b"evil" not in log.read_bytes()[before:]
    finally:
        hosts.write_text(names)
        settings.write_text(plain)
        house.close()
