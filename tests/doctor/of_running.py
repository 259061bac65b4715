# SPDX-License-Identifier: Apache-2.0
"""Rows about the daemon, its state, what houses runs, and one person's own affairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from jitd.beside.processes import OUTSIDE
from jitd.core.holding import Account, Holding
from jitd_inspection.doctor import daemon, gate, glass, person, runs, settings, state
from jitd_inspection.doctor.daemon import Answered
from jitd_inspection.doctor.files import Seen
from jitd_inspection.doctor.finding import Result, given_up
from jitd_inspection.doctor.host import Running
from jitd_inspection.doctor.person import Ticket
from jitd_inspection.doctor.runs import Groups, Unit
from jitd_inspection.doctor.state import MIB, FileSystem, Kept, Record, Witnessed
from tests.doctor.rows import Row

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START.timestamp()
AGAIN = "record 7 is another one now: it was written again"
OVERDUE = {"id": "K7QM-2XVD", "state": "overdue", "reviewers": "group:ops"}
HELD = Holding("A.1", "A", "A", "sudoers:wheel", "alice@R", START, True, START, account=Account("alice", 1001))
RUNS = Running(7, 1000.0)
DISK = FileSystem("ext4", 9000 * MIB, 10**6, is_readonly=False, synced_in=0.01)
GROUPS = Groups("/sys/fs/cgroup", is_writable=True, has_kill=True, kernel="6.1.0")
FINE = Unit("loaded", "active", "enabled")
UNITS = {name: FINE for name in runs.NEEDED}
NATS = "jitd-door-nats.service"
LIMITED = "RateLimitBurst = 10000\nRateLimitIntervalSec=2min\nRateLimitBurst = 5\n"
SERVICE = "systemd.jitd.service"


def units(**of_the_service: str) -> Iterator[Result]:
    return runs.units({**UNITS, "jitd.service": replace(FINE, **of_the_service)})


def services(**of_the_carrier: str) -> Iterator[Result]:
    """A unit that no host needs, beside those that all need."""
    return runs.services({**UNITS, NATS: replace(FINE, **of_the_carrier)})


def silent_systemd() -> Result:
    return given_up("systemd.answers", "systemd does not answer", runs.WITHIN, runs.LOOK)


def leftovers(plates: list[str], scopes: list[str], held: dict[str, int]) -> Iterator[Result]:
    return runs.leftovers(plates, scopes, held, "/run/jitd", "restart it")


def kept(size: int = 0, free: int = 100 * 1024, days: float = 0) -> Iterator[Result]:
    return state.recordings(Kept(size * MIB, 1, days), free * MIB, 10240 * MIB, 90, "jitd.toml")


ROWS = [
    Row("reviews.owed", "ok", "no review of broken glass is owed", lambda: glass.reviews(glass.Owed())),
    Row("reviews.owed", "ok", "2 reviews of broken glass owed", lambda: glass.reviews(glass.Owed(("A", "B")))),
    Row("reviews.owed", "weak", "1 review of broken glass overdue: C", lambda: glass.reviews(glass.Owed(("A",), ("C",)))),
    Row("gate.writer", "ok", "grants no tickets", lambda: gate.absent("/k")),
    Row("gate.writer", "ok", "kadmind", lambda: gate.writer(None)),
    Row("gate.writer", "bad", "kadmind is down", lambda: gate.writer("kadmind is down")),
    Row("gate.writer", "bad", "install it in /usr/lib/jitd", lambda: gate.unused("is not installed")),
    Row("gate.keytab", "ok", "only jitd-kdc", lambda: gate.key("/k", 7, 7, 0o100600)),
    Row("gate.keytab", "bad", "make install", lambda: gate.key("/k", None, 7, 0o100600)),
    Row("gate.keytab", "bad", "chmod 600 /k", lambda: gate.key("/k", 7, 7, 0o100640)),
    Row("gate.keytab", "bad", "who reads it", lambda: gate.key("/k", 7, 8, 0o100600)),
    Row("gate.keytab", "bad", "cannot read /k", lambda: gate.key("/k", 7, 0, 0o100600)),
    Row("gate.k1", "ok", "refuses", lambda: gate.gate("k1", "on", "why")),
    Row("gate.k1", "bad", "OFF: it gave", lambda: gate.gate("k1", "off", "it gave")),
    Row("gate.k1", "unknown", "k1 is on: silence", lambda: gate.gate("k1", "silent", "silence")),
    Row("gate.k1", "unknown", "k1 is on: silence", lambda: gate.gate("k1", "nonsense", "silence")),
    Row("gate.s", "ok", "gated", lambda: gate.service("s", "required")),
    Row("gate.s", "bad", "not gated", lambda: gate.service("s", "")),
    Row("gate.s", "bad", "with --log", lambda: gate.service("s", "log")),
    Row("gate.s", "weak", "neither", lambda: gate.service("s", "yes")),
    Row("gate.s", "bad", "not ours", lambda: gate.ungrantable("s", "not ours")),
    Row("setup", "bad", "as root: jitd setup", daemon.untouched),
    Row("daemon.runs", "ok", "process 7", lambda: daemon.there(RUNS, "start it")),
    Row("daemon.runs", "bad", "start it", lambda: daemon.there(Running(0), "start it")),
    Row("daemon.alone", "ok", "no other", lambda: daemon.there(RUNS, "start it")),
    Row("daemon.alone", "weak", "kill 8 9", lambda: daemon.there(replace(RUNS, others=(8, 9)), "start it")),
    Row("daemon.answers", "ok", "5 ms", lambda: daemon.answer(Answered("h", 0.005), "h", "restart it")),
    Row("daemon.answers", "weak", "2.0 s", lambda: daemon.answer(Answered("h", 2.0), "h", "restart it")),
    Row("daemon.answers", "bad", "calls itself g", lambda: daemon.answer(Answered("g", 0.1), "h", "restart it")),
    Row("daemon.answers", "bad", "it is dead", lambda: daemon.answer(Answered(why_not="it is dead"), "h", "restart it")),
    Row("daemon.version", "ok", "0.1", lambda: daemon.version(RUNS, 900.0, "0.1", "restart it")),
    Row("daemon.version", "weak", "restart it", lambda: daemon.version(RUNS, 2000.0, "0.1", "restart it")),
    Row("daemon.version", "weak", "Python", lambda: daemon.version(replace(RUNS, is_replaced=True), 0, "0.1", "restart it")),
    Row("daemon.settings", "ok", "after", lambda: daemon.settings(900.0, RUNS, "jitd.toml", "restart it")),
    Row("daemon.settings", "ok", "after", lambda: daemon.settings(None, RUNS, "jitd.toml", "restart it")),
    Row("daemon.settings", "weak", "restart it", lambda: daemon.settings(2000.0, RUNS, "jitd.toml", "restart it")),
    Row("daemon.uids", "ok", "79 of the 100 uids", lambda: daemon.uids({"contractor": (79, 100)})),
    Row("daemon.uids", "weak", 'set "uids" of [givers.contractor]', lambda: daemon.uids({"contractor": (80, 100)})),
    Row("daemon.uids", "unknown", "not known (Permission denied)", lambda: daemon.uids({"contractor": "Permission denied"})),
    Row("daemon.things", "bad", "sudoers:wheel until 2026-01-01 00:00:00 UTC", lambda: daemon.left_alone([HELD], "start it")),
    Row("policy.in_force", "ok", "1 rule)", lambda: daemon.policy("aa", "aa", 1, "jitd reload")),
    Row("policy.in_force", "bad", "jitd reload", lambda: daemon.policy("aa", "bb", 1, "jitd reload")),
    Row("policy.in_force", "bad", "policy have faults", lambda: daemon.policy("aa", None, 0, "jitd reload")),
    Row("policy.in_force", "unknown", "does not tell", lambda: daemon.policy(None, "bb", 1, "jitd reload")),
    Row("policy.whole", "ok", "2 rules", lambda: settings.faults("policy.whole", [], "2 rules")),
    Row("policy.whole", "bad", "a.toml:3", lambda: settings.faults("policy.whole", ["a.toml:3: no"], "2 rules")),
    Row("policy.whole", "ok", "no fault (2 rules)", lambda: settings.policy("/p", [], 2)),
    Row("policy.whole", "bad", "/p holds no rule", lambda: settings.policy("/p", [], 0)),
    Row("policy.whole", "bad", "a.toml:3", lambda: settings.policy("/p", ["a.toml:3: no"], 0)),
    # the state
    Row("state.local", "ok", "ext4", lambda: state.file_system("/s", DISK)),
    Row("state.local", "bad", "nfs4", lambda: state.file_system("/s", replace(DISK, kind="nfs4"))),
    Row("state.local", "bad", "next boot", lambda: state.file_system("/s", replace(DISK, kind="tmpfs"))),
    Row("state.space", "ok", "9000 MiB", lambda: state.file_system("/s", DISK)),
    Row("state.space", "weak", "500 MiB", lambda: state.file_system("/s", replace(DISK, free=500 * MIB))),
    Row("state.space", "bad", "5 MiB", lambda: state.file_system("/s", replace(DISK, free=5 * MIB))),
    Row("state.space", "bad", "remount,rw /s", lambda: state.file_system("/s", replace(DISK, is_readonly=True))),
    Row("state.inodes", "ok", "can be made", lambda: state.file_system("/s", DISK)),
    Row("state.inodes", "ok", "can be made", lambda: state.file_system("/s", replace(DISK, inodes=None))),
    Row("state.inodes", "weak", "5000 more", lambda: state.file_system("/s", replace(DISK, inodes=5000))),
    Row("state.inodes", "bad", "only 5 more", lambda: state.file_system("/s", replace(DISK, inodes=5))),
    Row("state.sync", "ok", "10 ms", lambda: state.file_system("/s", DISK)),
    Row("state.sync", "weak", "1.0 s", lambda: state.file_system("/s", replace(DISK, synced_in=1.0))),
    Row("state.sync", "bad", "EIO", lambda: state.file_system("/s", replace(DISK, synced_in=None, why_not="EIO"))),
    Row("state.database", "ok", "can be read", lambda: state.record("/s/db", Record(3, 3))),
    Row("state.database", "unknown", "no /s/db yet", lambda: state.record("/s/db", Record(is_missing=True))),
    Row(
        "state.database",
        "unknown",
        "leave the database as it is",
        lambda: state.record("/s/db", Record(cannot_read="disk I/O error"), "the file system of /s is full"),
    ),
    Row("state.database", "bad", "last backup", lambda: state.record("/s/db", Record(cannot_read="disk I/O error"))),
    Row("state.database", "bad", "last backup", lambda: state.record("/s/db", Record(cannot_read="malformed"), "it is full")),
    Row("state.database", "bad", "malformed", lambda: state.record("/s/db", Record(cannot_read="malformed"))),
    Row("record.witness", "ok", "no witness countersigns", lambda: state.witnesses([], NOW)),
    Row("record.witness", "weak", "w has countersigned nothing | feed", lambda: state.witnesses([Witnessed("w")], NOW)),
    Row("state.database", "bad", "no backup", lambda: state.record("/s/db", Record(cannot_read="schema 8", is_other=True))),
    Row("record.witness", "ok", "record 7, 5 min ago", lambda: state.witnesses([Witnessed("w", 7, NOW - 300, 3)], NOW)),
    Row("record.witness", "ok", "record 7, 40 days ago", lambda: state.witnesses([Witnessed("w", 7, NOW - 40 * 86400)], NOW)),
    Row(
        "record.witness",
        "weak",
        "for 2 days, and 3 newer rec",
        lambda: state.witnesses([Witnessed("w", 7, NOW - 172800, 3)], NOW),
    ),
    Row("record.witness", "bad", "it was written again", lambda: state.witnesses([Witnessed("w", 7, NOW, 3, AGAIN)], NOW)),
    Row("record.whole", "ok", "(3 records)", lambda: state.record("/s/db", Record(3, 3))),
    Row("record.whole", "ok", "last 2 of 3", lambda: state.record("/s/db", Record(3, 2))),
    Row("record.whole", "bad", "record 2 is", lambda: state.record("/s/db", Record(3, is_broken="record 2 is missing"))),
    Row("recordings.quota", "ok", "10240 MiB", lambda: kept()),
    Row("recordings.quota", "ok", "10240 MiB", lambda: kept(size=10000, free=2000)),
    Row("recordings.quota", "weak", "mib_in_all = 1976", lambda: kept(free=3000)),
    Row("recordings.retention", "ok", "90 days", lambda: kept(days=91)),
    Row("recordings.retention", "weak", "200 days", lambda: kept(days=200)),
    # what houses runs
    Row("executor.groups", "ok", "as a whole", lambda: runs.groups(GROUPS)),
    Row("executor.groups", "weak", "can outlive the run", lambda: runs.groups(replace(GROUPS, place=""))),
    Row("executor.groups", "weak", "delegated", lambda: runs.groups(replace(GROUPS, is_writable=False))),
    Row("executor.groups", "weak", "5.14", lambda: runs.groups(replace(GROUPS, has_kill=False, kernel="5.10.0"))),
    Row(SERVICE, "ok", "enabled and active", lambda: units()),
    Row(SERVICE, "bad", "systemctl unmask", lambda: units(load="masked")),
    Row(SERVICE, "bad", "daemon-reload", lambda: units(load="not-found")),
    Row(SERVICE, "bad", "enable --now jitd.service", lambda: units(active="failed")),
    Row(SERVICE, "bad", "systemctl enable jitd.service", lambda: units(enabled="disabled")),
    Row("systemd.jitd.socket", "bad", "does not know", lambda: runs.units({})),
    Row("systemd.jitd-launcher.service", "bad", "reset-failed", lambda: runs.launcher(replace(FINE, active="failed"))),
    Row("systemd.jitd-launcher.service", "bad", "unmask", lambda: runs.launcher(replace(FINE, load="masked"))),
    Row("systemd.helpers", "ok", "listens", lambda: runs.helpers([])),
    Row("systemd.helpers", "bad", "enable --now jitd-helper@outside.socket", lambda: runs.helpers([f"sink a: {OUTSIDE.enable}"])),
    Row("systemd.answers", "unknown", "or this host is busy (gave up after 3 s)", silent_systemd),
    Row("systemd.services", "bad", f"reset-failed {NATS} && systemctl restart {NATS}", lambda: services(active="failed")),
    Row("systemd.restarts", "ok", "had to start no service", lambda: services()),
    Row("systemd.restarts", "weak", "163 times since root started it", lambda: services(restarts="163")),
    Row("systemd.restarts", "bad", f"| systemctl reset-failed {NATS}", lambda: services(active="activating", restarts="1")),
    Row("systemd.journal", "ok", "dropped no line", lambda: runs.journal("", "#RateLimitBurst=5\n")),
    Row("systemd.journal", "ok", "dropped no line", lambda: runs.journal("", "RateLimitBurst=5\nRateLimitIntervalSec=0\n")),
    Row("systemd.journal", "ok", "dropped no line", lambda: runs.journal("Suppressed 9 messages from x.service\n", "")),
    Row("systemd.journal", "weak", "only 5 lines of a service in 2min", lambda: runs.journal("", LIMITED)),
    Row(
        "systemd.journal", "weak", "12 of jitd.service", lambda: runs.journal(2 * "Suppressed 6 messages from jitd.service\n", "")
    ),
    Row("systemd.scopes", "ok", "makes scopes", lambda: runs.scopes("loaded")),
    Row("systemd.scopes", "bad", "unmask jitd.slice", lambda: runs.scopes("masked")),
    Row("runs.directory", "weak", "on ext4", lambda: runs.run_directory("/r", "ext4")),
    Row("runs.left", "ok", "nothing", lambda: leftovers([], [], {})),
    Row("runs.plates", "weak", "rm /run/jitd/runs/AA", lambda: leftovers(["AA"], [], {})),
    Row("runs.unknown", "bad", "kill 9", lambda: leftovers(["AA"], [], {"AA": 9})),
    Row("runs.scopes", "bad", "systemctl stop a.scope", lambda: leftovers([], ["a.scope"], {})),
    # a person
    Row("ticket", "ok", "2.0 h", lambda: person.ticket(Ticket("alice@R", 7200))),
    Row("ticket", "weak", "kinit", lambda: person.ticket(Ticket("alice@R", 300))),
    Row("ticket", "bad", "kinit", lambda: person.ticket(Ticket(cause="none", why_not="no ticket"))),
    Row("ticket", "bad", "KDC's administrator", lambda: person.ticket(Ticket(cause="kdc silent", why_not="no answer"))),
    Row("principal", "ok", "alice here", lambda: person.mapping("alice@R", "alice", "alice", "jitd.toml")),
    Row("principal", "bad", "belongs to no account", lambda: person.mapping("alice@S", None, "alice", "jitd.toml")),
    Row("principal", "bad", "belongs to the account bob", lambda: person.mapping("bob@R", "bob", "alice", "jitd.toml")),
    Row("reviews.owed", "ok", "waits for you", lambda: person.reviews([], [])),
    Row("reviews.owed", "weak", "jitd review A", lambda: person.reviews(["A", "B"], [OVERDUE])),
    Row("reviews.owed", "weak", "you cannot break glass", lambda: person.reviews([], [OVERDUE])),
    Row("reviews.owed", "ok", "none overdue", lambda: person.reviews([], [{**OVERDUE, "state": "owed"}])),
    Row(
        "terminals", "ok", "2 terminals", lambda: person.messages([Seen("/dev/pts/1", 1, 0o20620), Seen("/dev/tty1", 1, 0o20660)])
    ),
    Row(
        "terminals",
        "weak",
        "chmod g+w /dev/tty1",
        lambda: person.messages([Seen("/dev/pts/1", 1, 0o20620), Seen("/dev/tty1", 1, 0o20600)]),
    ),
    Row("authentication", "ok", "knows you", lambda: person.mutual("alice@R", "")),
    Row("authentication", "bad", "a fake", lambda: person.mutual("", "a fake")),
]
