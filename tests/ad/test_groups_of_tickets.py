# SPDX-License-Identifier: Apache-2.0
"""People of a domain who approve by the door of a member on which they have no account, by the groups in their tickets.

The member has an account of its own for alice alone: no principal of the domain maps to the accounts that SSSD gives.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import pytest

from tests.ad.conftest import HOST, LAB, PASSWORD, REALM, SERVICE, Done, Member, disabled, on, principal, root
from tests.ad.test_people_of_a_domain import LDB, change, doctor, say
from tests.system.conftest import Asking
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "by-door"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/true", "**"]]
approvals = [{ need = 1, from = ["group:on-call"], door = true }]
grant = { lasts = "1h", uses = 100 }
"""
SETTINGS = """
realms = ["{realm}"]
host = "{host}"
keytab = "/etc/krb5.keytab"
operators = ["user:alice"]
[accounts."{realm}"]
fold = true
[approvers.sids]
"{ops}" = "on-call"
"{team}" = "on-call"
"""
NO_AUTH_DATA = 0x2000000  # of userAccountControl: the account's tickets have no PAC
AS_CARRIER = ("setpriv", "--reuid=nobody", "--regid=jitd-door", "--clear-groups", "--")
FORGER = """
import ctypes, sys
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_uint16, c_uint32, c_void_p

lib = ctypes.CDLL("libkrb5.so.3")
P = c_void_p


class Data(Structure):
    _fields_ = [("magic", c_int32), ("length", c_uint32), ("data", c_void_p)]

    def content(self):
        return ctypes.string_at(self.data, self.length)


class Key(Structure):
    _fields_ = [("magic", c_int32), ("enctype", c_int32), ("length", c_uint32), ("contents", c_void_p)]


class Creds(Structure):
    _fields_ = [("magic", c_int32), ("client", P), ("server", P), ("key", Key), ("times", c_int32 * 4), ("is_skey", c_uint32),
                ("flags", c_int32), ("addresses", P), ("ticket", Data), ("second", Data), ("authdata", P)]


class Sealed(Structure):
    _fields_ = [("magic", c_int32), ("enctype", c_int32), ("kvno", c_uint32), ("ciphertext", Data)]


class Ticket(Structure):
    _fields_ = [("magic", c_int32), ("server", P), ("sealed", Sealed), ("opened", P)]


class Entry(Structure):
    _fields_ = [("magic", c_int32), ("principal", P), ("timestamp", c_uint32), ("vno", c_uint32), ("key", Key)]


def call(name, *given):
    code = getattr(lib, name)(*given)
    assert code == 0, (name, code)


old, new, service, source, target = (bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2]), *(a.encode() for a in sys.argv[3:]))
context, cache, made, keytab, server = P(), P(), P(), P(), P()
call("krb5_init_context", byref(context))
call("krb5_cc_resolve", context, source, byref(cache))
call("krb5_parse_name", context, service, byref(server))
asked = Creds(server=server)
client = P()
call("krb5_cc_get_principal", context, cache, byref(client))
asked.client = client
found = POINTER(Creds)()
call("krb5_get_credentials", context, c_uint32(0), cache, byref(asked), byref(found))
creds = found.contents
ticket = POINTER(Ticket)()
call("krb5_decode_ticket", byref(creds.ticket), byref(ticket))
sealed = ticket.contents.sealed
entry = Entry()
call("krb5_kt_resolve", context, b"FILE:/etc/krb5.keytab", byref(keytab))
call("krb5_kt_get_entry", context, keytab, server, c_uint32(sealed.kvno), c_int32(sealed.enctype), byref(entry))
room = ctypes.create_string_buffer(sealed.ciphertext.length)
opened = Data(0, sealed.ciphertext.length, ctypes.cast(room, c_void_p))
call("krb5_c_decrypt", context, byref(entry.key), c_int32(2), None, byref(sealed), byref(opened))
plain = opened.content()
assert plain.count(old) == 1, plain.count(old)
forged = ctypes.create_string_buffer(plain.replace(old, new), len(plain))
before = sealed.ciphertext.content()
space = ctypes.create_string_buffer(len(before))
again = Sealed(0, sealed.enctype, sealed.kvno, Data(0, len(before), ctypes.cast(space, c_void_p)))
call("krb5_c_encrypt", context, byref(entry.key), c_int32(2), None, byref(Data(0, len(plain), ctypes.cast(forged, c_void_p))),
     byref(again))
whole = creds.ticket.content().replace(before, again.ciphertext.content())
kept = ctypes.create_string_buffer(whole, len(whole))
creds.ticket = Data(0, len(whole), ctypes.cast(kept, c_void_p))
call("krb5_cc_resolve", context, target, byref(made))
call("krb5_cc_initialize", context, made, client)
call("krb5_cc_store_cred", context, made, byref(creds))
"""
"""Writes a ticket with other bytes, sealed with the host's key, into another cache: OLD NEW SERVICE SOURCE TARGET."""


def sid_of(group: str) -> str:
    (found,) = re.findall(
        r"^objectSid: (\S+)$", root("dc", "ldbsearch", "-H", LDB, f"(sAMAccountName={group})", "objectSid"), re.M
    )
    return str(found)


def cache(name: str) -> str:
    return f"FILE:/run/visitors/{name}"


def kinit(person: str, at: str = "", *options: str) -> str:
    """Get a ticket for a person, as the account that carriers have. Return the name of its cache."""
    at = cache(at or person)
    typed = ("env", f"KRB5CCNAME={at}", "kinit", *options, f"{person}@{REALM}")
    root("member", *AS_CARRIER, *typed, stdin=f"{PASSWORD}\n")
    return at


def visits(at: str, *words: str) -> Done:
    """Run ``jitd`` by the door with the ticket in the cache ``at``."""
    there = ("jitd", "--host", HOST, "--via", "/usr/bin/jitd-door stdio")
    return on("member", *AS_CARRIER, "env", f"KRB5CCNAME={at}", "HOME=/run/visitors", *there, *words)


def approves(at: str, id: str) -> Done:
    return visits(at, "approve", id, "--yes", "--comment", "go ahead")


class Alice:
    """alice, who has an account of the member."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.words = ("runuser", "-u", "alice", "--", "env", "KRB5CCNAME=FILE:/home/alice/cache")

    def asks(self, *words: str) -> Asking:
        root("member", *self.words, "kinit", principal("alice"), stdin=f"{PASSWORD}\n")
        return self.member.begin(*self.words, "jitsudo", *words)

    def again(self, *words: str) -> Done:
        return on("member", *self.words, "jitsudo", *words)


@pytest.fixture(scope="module")
def alice(member: Member) -> Iterator[Alice]:
    sockets = ("jitd.socket", "jitd-door.socket", "jitd.service")
    root("member", "systemctl", "stop", *sockets)
    root("member", "sh", "-c", "getent group jitd-door || groupadd --system jitd-door")
    root("member", "sh", "-c", "id alice || useradd --create-home alice; rm -f /etc/jitd/policy.d/ad.toml")
    root("member", "install", "-d", "-o", "nobody", "-m", "700", "/run/visitors")
    member.write("/etc/jitd/policy.d/door.toml", POLICY)
    member.write("/etc/jitd/jitd.toml", SETTINGS.format(realm=REALM, host=HOST, ops=sid_of("ops"), team=sid_of("Ops Team")))
    root("member", "systemctl", "start", *sockets)
    yield Alice(member)
    root("member", "systemctl", "stop", *sockets)
    root("member", "userdel", "--force", "--remove", "alice")  # who may still wait for something
    root("member", "rm", "/etc/jitd/policy.d/door.toml")
    member.write("/etc/jitd/jitd.toml", (LAB / "ad.toml").read_text())
    member.write("/etc/jitd/policy.d/ad.toml", (LAB / "ad-policy.toml").read_text())
    root("member", "systemctl", "start", "jitd.socket", "jitd.service")


def is_refused(done: Done, why: str) -> bool:
    assert done.returncode != 0 and why in done.stderr, done
    return True


@pytest.mark.parametrize("typed", ["carol", "CAROL", "erin"], ids=["a member", "in capitals", "a member of a group in the group"])
def test_who_is_in_the_group_approves_without_an_account_and_without_a_line(alice: Alice, typed: str) -> None:
    """THREATS F-19: in capitals, carol is the same person."""
    asked = alice.asks("true", typed)
    done = approves(kinit(typed), asked.id)
    assert done.returncode == 0, (done.stderr, alice.member.log())
    assert asked.end() == 0, asked.err
    (review,) = [one for one in alice.member.of(asked.id) if one["event"] == "request.reviewed"]
    assert (review["actor"], review["uid"]) == (principal(typed.lower()), None)
    assert review["detail"]["groups"] == ["on-call"]
    assert review["detail"]["authentication"]["sid"] == sid_of(typed) and review["detail"]["kdc"] == "valid"


def test_who_is_in_no_group_of_the_table_or_brings_no_pac_is_nobody(alice: Alice) -> None:
    """THREATS F-18."""
    assert is_refused(visits(kinit("mallory"), "requests"), "none of the groups in it counts here")
    assert is_refused(visits(kinit("carol", "bare", "--no-request-pac"), "requests"), "it has no PAC")


def test_a_pac_that_the_domain_did_not_sign_is_none(alice: Alice) -> None:
    """THREATS F-18: whoever made it even has the key of the host, and changes the ticket of mallory, who is in no group."""
    at = kinit("mallory")
    ops = int(sid_of("ops").rpartition("-")[2])
    users, on_call = (struct.pack("<III", 1, group, 7).hex() for group in (513, ops))
    for new, why in ((users, "none of the groups"), (on_call, "it has no PAC")):
        made = cache(f"made-{new}")
        given = (f"{SERVICE}@{REALM}", at, made)
        root("member", "/usr/bin/python3", "-I", "-c", FORGER, users, new, *given)
        root("member", "chown", "nobody", made.removeprefix("FILE:"))
        assert is_refused(visits(made, "requests"), why)


def test_the_requester_is_nobody_else_by_another_name_of_hers(alice: Alice) -> None:
    """THREATS F-19: alice is in the group for a moment, with another name beside her own."""
    say("group", "addmembers", "ops", "alice")
    change("alice", "userPrincipalName", ": ally@ad.example.test")
    try:
        asked = alice.asks("true", "own")
        for typed in ("alice", "ALICE"):
            assert is_refused(approves(kinit(typed), asked.id), "your own")
        assert is_refused(approves(kinit("ally"), asked.id), "your account is called alice: kinit alice")
        assert [one for one in alice.member.of(asked.id) if one["event"] == "request.reviewed"] == []
    finally:
        change("alice", "userPrincipalName", ": alice@ad.example.test")
        say("group", "removemembers", "ops", "alice")
    asked.process.terminate()


def test_who_has_left_the_group_approves_with_the_old_ticket_alone(alice: Alice) -> None:
    """THREATS F-18: what the page says of it is measured here."""
    old = kinit("carol", "old")
    say("group", "removemembers", "ops", "carol")
    try:
        asked = alice.asks("true", "left")
        assert is_refused(approves(kinit("carol", "new"), asked.id), "none of the groups in it counts here")
        done = approves(old, asked.id)
        assert done.returncode == 0 and asked.end() == 0, (done.stderr, asked.err)
    finally:
        say("group", "addmembers", "ops", "carol")


def test_who_is_disabled_counts_no_more_whatever_the_ticket_says(alice: Alice) -> None:
    """THREATS F-18."""
    at = kinit("carol")
    asked = alice.asks("--for", "10m", "--uses", "100", "true", "lease")
    assert approves(at, asked.id).returncode == 0 and asked.end() == 0, asked.err
    assert alice.again("true", "lease").returncode == 0
    with disabled("carol"):
        another = alice.asks("true", "another")
        assert approves(at, another.id).returncode != 0
        wait_for(lambda: alice.again("-n", "true", "lease").returncode != 0, what="the domain's new answer about carol")
        another.process.terminate()
    after = alice.asks("true", "after")
    wait_for(lambda: approves(at, after.id).returncode == 0, what="an enabled account that counts again")
    assert after.end() == 0, after.err


def test_who_is_locked_before_they_ever_came_approves_nothing(alice: Alice) -> None:
    asked = alice.asks("true", "locked")
    root("member", "jitd", "lock", "--principal", principal("Carol"), "--reason", "moved")
    try:
        done = approves(kinit("carol"), asked.id)
        assert is_refused(done, "locked"), done
    finally:
        root("member", "jitd", "unlock", "--principal", principal("carol"))
    assert approves(cache("carol"), asked.id).returncode == 0 and asked.end() == 0, asked.err


def test_a_ticket_that_a_service_got_for_somebody_is_refused(alice: Alice) -> None:
    """THREATS F-18: the domain trusts a service to act for carol (S4U2Proxy)."""
    say("user", "create", "svc-web", PASSWORD)
    try:
        say("spn", "add", "HTTP/web.ad.example.test", "svc-web")
        say("delegation", "for-any-protocol", "svc-web", "on")
        say("delegation", "add-service", "svc-web", SERVICE)
        own, made = kinit("svc-web", "web", "-f"), cache("for-carol")
        words = ("kvno", "-U", principal("carol"), "-P", "--out-cache", made, f"{SERVICE}@{REALM}")
        root("member", *AS_CARRIER, "env", f"KRB5CCNAME={own}", *words)
        assert is_refused(visits(made, "requests"), "a service has got this ticket on your behalf")
    finally:
        say("user", "delete", "svc-web")


def test_the_doctor_says_whether_the_domain_puts_a_pac_into_tickets(alice: Alice) -> None:
    assert doctor()["kdc.pac"]["level"] == "ok"
    dn = "dn: CN=MEMBER,CN=Computers,DC=ad,DC=example,DC=test"
    for flags, level in ((NO_AUTH_DATA | 4096, "bad"), (4096, "ok")):
        line = f"{dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {flags}\n"
        root("dc", "ldbmodify", "-H", LDB, stdin=line)
        assert doctor()["kdc.pac"]["level"] == level
        if level == "bad":
            assert is_refused(visits(kinit("carol"), "requests"), "it has no PAC")
