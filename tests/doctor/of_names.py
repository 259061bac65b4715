# SPDX-License-Identifier: Apache-2.0
"""Rows about the key, the KDC, names and realms; about operators, requesters and approvers."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace

from jitd.core.authentication import Demand
from jitd.core.decision import Approval
from jitd.core.policy import Rule
from jitd.settings.config import Config
from jitd_inspection.checking.known import Known
from jitd_inspection.doctor import kdc, kerberos, people
from jitd_inspection.doctor.files import Seen
from jitd_inspection.doctor.finding import Result
from jitd_inspection.doctor.kdc import BASE, Exchange
from tests.doctor.rows import Row

TAB, HOSTS, OWN = "/etc/jitd/jitd.keytab", "/etc/krb5.keytab", "jitd/h.example.org@R"


def keytab(*entries: tuple[str, int, int], long_version: bool = True) -> bytes:
    """A keytab as kadmin writes it: (principal, version, encryption type), the key being nothing but zeros."""
    content = b"\x05\x02"
    for principal, version, enctype in entries:
        name, _, realm = principal.rpartition("@")
        parts = name.split("/")
        words = [realm, *parts]
        entry = struct.pack(">H", len(parts)) + b"".join(struct.pack(">H", len(word)) + word.encode() for word in words)
        entry += struct.pack(">IIBHH", 1, 0, version & 0xFF, enctype, 16) + bytes(16)
        entry += struct.pack(">I", version) if long_version else b""
        content += struct.pack(">i", len(entry)) + entry
    return content


GOOD = keytab((OWN, 2, 18), (OWN, 2, 17))
SHORT = keytab((OWN, 2, 18), (OWN, 1, 18), long_version=False)
MIXED = keytab((OWN, 2, 18), (OWN, 2, 23))
HOLE = GOOD + struct.pack(">i", -9) + bytes(9) + keytab((OWN, 300, 18))[2:]


def exchanged(code: int, ahead: float | None = None, asked: int = 0, **more: bool) -> Iterator[Result]:
    return kdc.exchange(TAB, OWN, Exchange(code, "said so", "asking the KDC", ahead, "H$@R", asked), **more)


def named(host: str = "h.example.org", own: str = "h.example.org", realm: str | None = "R") -> Iterator[Result]:
    return kerberos.names(host, own, ["R"], realm, "jitd.toml")


GROUPS: Mapping[str, tuple[str, ...] | None] = {
    "dba": ("alice", "amy"), "ops": ("bob", "carol"), "one": ("bob",), "none": (), "system": ("daemon",), "absent": None,
    "mixed": ("alice", "bob"), "twins": ("bob", "bob-adm"), "sole": ("alice",),
}  # fmt: skip
USERS = {"alice": 1001, "amy": 1005, "bob": 1002, "carol": 1003, "bob-adm": 1004, "daemon": 2, "root": 0}
CONFIG = Config(frozenset({"R"}), "h", min_uid=1000)
KNOWN = Known(GROUPS, USERS, CONFIG)


def rule(
    *approvals: tuple[int, str], who: str = "group:dba", verdict: str = "permit", known: Known = KNOWN, signed: str = ""
) -> list[Result]:
    asked = tuple(Approval(need, (whom,), Demand(signed=signed)) for need, whom in approvals)
    made = Rule(verdict, "r", who=(who,), approvals=asked)  # type: ignore[arg-type]
    return people.rules([made], known)


def ops(*words: str, known: Known = KNOWN) -> Iterator[Result]:
    return people.operators(words, known, "jitd.toml")


TWINS = replace(KNOWN, config=replace(CONFIG, people={"bob": frozenset({"bob", "bob-adm"})}))
ELSEWHERE = replace(KNOWN, elsewhere=frozenset({"none", "one"}))
NAMED = replace(KNOWN, config=replace(CONFIG, principals={"soar/ops@R": "daemon", "x/y@R": "gone"}))

ROWS = [
    Row("keytab.file", "ok", "nobody else can read it", lambda: kerberos.closed(TAB, OWN, Seen(TAB, 0, 0o100600))),
    Row("keytab.file", "bad", "chmod 600", lambda: kerberos.closed(TAB, OWN, Seen(TAB, 0, 0o100640))),
    Row("keytab.file", "bad", "a keytab of its own", lambda: kerberos.closed(HOSTS, OWN, Seen(HOSTS, 0, 0o100640))),
    Row("keytab.file", "bad", "a keytab of its own", lambda: kerberos.closed(HOSTS, OWN, Seen(HOSTS, 7, 0o100600))),
    Row("keytab.file", "bad", "addprinc -randkey jitd/h", lambda: kerberos.closed(TAB, OWN, Seen(TAB, is_missing=True))),
    Row("keytab.keys", "ok", "2 keys", lambda: kerberos.keys(TAB, OWN, GOOD)),
    Row("keytab.keys", "ok", "version 2", lambda: kerberos.keys(TAB, OWN, SHORT)),
    Row("keytab.keys", "ok", "1 key of jitd/h.example.org@R, version 300", lambda: kerberos.keys(TAB, OWN, HOLE)),
    Row("keytab.keys", "bad", "it holds host/h@R", lambda: kerberos.keys(TAB, OWN, keytab(("host/h@R", 2, 18)))),
    Row("keytab.keys", "bad", "addprinc -randkey jitd/h", lambda: kerberos.keys(TAB, OWN, b"\x05\x02")),
    Row("keytab.keys", "bad", "does not begin", lambda: kerberos.keys(TAB, OWN, b"")),
    Row("keytab.keys", "bad", "cut short", lambda: kerberos.keys(TAB, OWN, GOOD[:20])),
    Row("keytab.keys", "bad", "cut short", lambda: kerberos.keys(TAB, OWN, GOOD + b"\x00\x00")),
    Row("keytab.keys", "unknown", "EIO", lambda: kerberos.keys(TAB, OWN, None, "EIO")),
    Row("keytab.file", "bad", "adcli update", lambda: kerberos.closed(TAB, OWN, Seen(TAB, is_missing=True), is_joined=True)),
    Row("keytab.keys", "bad", "adcli update", lambda: kerberos.keys(HOSTS, OWN, keytab(("H$@R", 2, 18)), is_joined=True)),
    Row("keytab.file", "bad", "msktutil makes", lambda: kerberos.closed(TAB, OWN, Seen(TAB, is_missing=True), is_joined=True)),
    Row("keytab.file", "bad", "realm join", lambda: kerberos.closed(HOSTS, OWN, Seen(HOSTS, is_missing=True), is_joined=True)),
    Row("keytab.keys", "bad", "(ktpass)", lambda: kerberos.keys(TAB, OWN, keytab(("H$@R", 2, 18)), is_joined=True)),
    Row("keytab.keys", "bad", "leave it as it is", lambda: kerberos.keys(HOSTS, OWN, b"\x05\x01")),
    Row("keytab.keys", "bad", "leave it as it is", lambda: kerberos.keys(TAB, OWN, b"", is_joined=True)),
    Row("keytab.enctypes", "weak", "msDS-Supp", lambda: kerberos.keys(TAB, OWN, MIXED, is_joined=True)),
    Row("keytab.enctypes", "ok", "aes256", lambda: kerberos.keys(TAB, OWN, GOOD)),
    Row("keytab.enctypes", "weak", "also weak encryption types: arcfour", lambda: kerberos.keys(TAB, OWN, MIXED)),
    Row("keytab.enctypes", "bad", "only weak encryption types: des3", lambda: kerberos.keys(TAB, OWN, keytab((OWN, 2, 16)))),
    Row("keytab.enctypes", "ok", "aes128", lambda: kerberos.keys(TAB, OWN, keytab((OWN, 1, 23), (OWN, 2, 17)))),
    Row("kdc.reachable", "ok", "answers", lambda: exchanged(0, 0.0)),
    Row("kdc.reachable", "ok", "answers", lambda: exchanged(BASE + 24)),
    Row("kdc.reachable", "unknown", "make the keytab first", lambda: kdc.exchange(TAB, OWN, None)),
    Row("kdc.reachable", "bad", "no KDC answers", lambda: exchanged(BASE + 156)),
    Row("kdc.reachable", "bad", "name no KDC", lambda: exchanged(BASE + 154)),
    Row("keytab.version", "ok", "accepted", lambda: exchanged(0, 0.0)),
    Row("keytab.version", "bad", "ktadd -k", lambda: exchanged(BASE + 24)),
    Row("keytab.version", "bad", "ktadd -k", lambda: exchanged(-1765328154)),
    Row("keytab.version", "bad", "does not know", lambda: exchanged(BASE + 6)),
    Row("keytab.version", "bad", "does not know", lambda: exchanged(BASE + 7)),
    Row("keytab.version", "bad", "+allow_tix", lambda: exchanged(BASE + 18)),
    Row("keytab.version", "bad", "-expire never", lambda: exchanged(BASE + 1)),
    Row("keytab.version", "bad", "in common", lambda: exchanged(BASE + 14)),
    Row("keytab.version", "bad", "said so", lambda: exchanged(1)),
    Row("keytab.version", "bad", "adcli testjoin", lambda: exchanged(BASE + 24, is_joined=True)),
    Row("keytab.version", "bad", "adcli update --add", lambda: exchanged(BASE + 7, is_joined=True)),
    Row("kdc.liveness", "ok", "as H$@R", lambda: exchanged(0, 0.0)),
    Row("kdc.liveness", "bad", "error 12", lambda: exchanged(0, 0.0, BASE + 12)),
    Row("kdc.pac", "ok", "it is verified", lambda: kdc.pac(Exchange(client="H$@R", has_pac=True))),
    Row("kdc.pac", "bad", "NO_AUTH_DATA_REQUIRED", lambda: kdc.pac(Exchange(client="H$@R"))),
    Row("kdc.liveness", "bad", "userPrincipalName", lambda: exchanged(BASE + 6, is_joined=True)),
    Row("clock.kdc", "ok", "agrees", lambda: exchanged(0, 0.4)),
    Row("clock.kdc", "ok", "30 s behind", lambda: exchanged(0, -30.0)),
    Row("clock.kdc", "weak", "120 s ahead of", lambda: exchanged(0, 120.0)),
    Row("clock.kdc", "bad", "400 s", lambda: exchanged(0, -400.0)),
    Row("clock.kdc", "bad", "set-ntp", lambda: exchanged(BASE + 37)),
    Row("clock.kdc", "bad", "set-ntp", lambda: exchanged(BASE + 148)),
    Row("host.name", "ok", "h.example.org", lambda: named()),
    Row("host.name", "bad", 'host = "h.example.org"', lambda: named(host="h", own="h")),
    Row("host.service", "ok", "jitd/h.example.org", lambda: named()),
    Row("host.service", "bad", 'host = "g.example.org"', lambda: named(own="g.example.org")),
    Row("realm.default", "ok", "R", lambda: named()),
    Row("realm.default", "weak", "default_realm = R", lambda: named(realm=None)),
    Row("realm.default", "weak", 'realms = ["S"', lambda: named(realm="S")),
    Row("realm.S", "ok", "trust", lambda: kdc.crossing("S", "R", 0, "")),
    Row("realm.S", "weak", "krbtgt/S@R", lambda: kdc.crossing("S", "R", BASE + 7, "no such")),
    # people
    Row("operators", "ok", "bob", lambda: ops("group:ops")),
    Row("operators", "weak", 'operators = ["group:NAME"]', lambda: ops()),
    Row("operators", "bad", "group:absent", lambda: ops("group:absent", "group:ops")),
    Row("operators", "bad", "user:nobody-here", lambda: ops("user:nobody-here")),
    Row("operators", "weak", "gpasswd -a", lambda: ops("group:none")),
    Row("operators", "weak", "nobody", lambda: ops("group:system")),
    Row("operators", "ok", "daemon", lambda: ops("group:system", known=NAMED)),
    Row("operators", "ok", "alice", lambda: ops("principal:alice@R")),
    Row("operators", "bad", "no account here", lambda: ops("principal:alice@S")),
    Row("settings.accounts", "weak", "the account gone", lambda: people.accounts(NAMED, "jitd.toml")),
    Row("rules.people", "ok", "approved", lambda: rule((1, "group:ops"))),
    Row("rules.people", "ok", "approved", lambda: rule()),
    Row("rules.who", "unknown", "it denies to everybody", lambda: rule(who="group:down", verdict="deny")),
    Row("rules.who", "unknown", "it permits nothing", lambda: rule(who="group:down")),
    Row("rules.approvers", "unknown", "cannot be looked up", lambda: rule((1, "group:down"))),
    Row("operators", "unknown", "cannot be looked up", lambda: ops("group:down")),
    Row("rules.who", "weak", "group:absent", lambda: rule(who="group:absent")),
    Row("rules.who", "bad", "denies nobody", lambda: rule(who="group:absent", verdict="deny")),
    Row("operators", "unknown", "lists too few", lambda: ops("group:none", known=ELSEWHERE)),
    Row("rules.approvals", "unknown", "lists too few", lambda: rule((1, "group:none"), known=ELSEWHERE)),
    Row("rules.approvals", "unknown", "lists too few", lambda: rule((2, "group:one"), known=ELSEWHERE)),
    Row("rules.people", "ok", "approved", lambda: rule((1, "group:ops"), who="group:none", known=ELSEWHERE)),
    Row("rules.who", "weak", "applies to no one: group:none", lambda: rule(who="group:none")),
    Row("rules.who", "weak", "applies to no one: daemon (uid 2) is a system account", lambda: rule(who="group:system")),
    Row("rules.who", "weak", "min_uid = 2), or map its principal under [principals] (", lambda: rule(who="group:system")),
    Row("rules.approvals", "bad", "Lower min_uid in jitd.toml", lambda: rule((1, "group:system"))),
    Row("rules.approvals", "bad", "a key for bob and carol", lambda: rule((1, "group:ops"), signed="key")),
    Row("operators", "weak", "Lower min_uid in jitd.toml", lambda: ops("group:system")),
    Row("rules.approvers", "bad", "group:absent", lambda: rule((1, "group:absent"))),
    Row("rules.approvals", "unknown", "cannot be listed", lambda: rule((1, "group:none"), known=replace(KNOWN, is_whole=False))),
    Row("rules.who", "weak", "group:absent", lambda: rule(who="group:absent", known=replace(KNOWN, is_whole=False))),
    Row("rules.approvals", "bad", "there are 0", lambda: rule((1, "group:none"))),
    Row("rules.approvals", "bad", "there are 2", lambda: rule((3, "group:ops"))),
    Row("rules.approvals", "bad", "there are 1", lambda: rule((2, "group:twins"), known=TWINS)),
    Row("rules.approvals", "bad", "there are 1", lambda: rule((1, "group:one"), (1, "user:bob"))),
    Row("rules.approvals", "bad", "nobody else may ask", lambda: rule((1, "group:sole"), who="group:sole")),
    Row("rules.approvals", "weak", "alice can never", lambda: rule((1, "user:alice"), who="group:dba")),
    Row("rules.people", "ok", "approved", lambda: rule((1, "group:mixed"), who="group:mixed")),
]  # fmt: skip
