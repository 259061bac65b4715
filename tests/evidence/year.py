# SPDX-License-Identifier: Apache-2.0
"""A year of a host, written through the real lifecycle: requests of all outcomes, runs, leases, things, broken glass and locks,
by people with hostile names, under rules that a policy file has. A seed makes the same people do the same things.

Law: every change goes through ``Lifecycle.handle``, and what follows from it is done later, as the daemon would do it. At the end
of the year, some of it is not done yet.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit.receipt import HASH, NAMESPACE, Sealed, Statement, Terms
from jitd.audit.ssh_signatures import armor, to_be_signed
from jitd.audit.sshsig import check_by_any
from jitd.core import grant, holding, lock, owed_review, run
from jitd.core.authentication import KdcAnswer
from jitd.core.command import ALPHABET, RunAs
from jitd.core.decision import Deny, Permit, Why
from jitd.core.effects import (
    Give,
    Moment,
    RequestWaits,
    Screen,
    SetDeadline,
    StartRun,
    StopRun,
    Take,
)
from jitd.core.gatekeeping import Heard, Passes, Refuses, Silent
from jitd.core.grant import GrantState
from jitd.core.holding import HoldingState
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY, Actor, ByDoor, IllegalEvent, Origin, Role
from jitd.core.lock import Whom
from jitd.core.policy import Policy
from jitd.core.receipt import Receipt
from jitd.core.request import NotYours, Request, RequestState, Screened, Verdict, how_often, lasts, timeout_of
from jitd.core.run import Recording
from jitd.core.sought import Sought
from jitd.core.ssh_keys import ED25519, string
from jitd.core.subject import Subject
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings.policyfile import load
from jitd.store.sqlite import SqliteStore
from tests.scene import START, actor, asked, but, command, locked, place, review, submit, thing, too_late, withdraw

DAYS = 365
UNTIL = START + timedelta(days=DAYS)
REALM = "EXAMPLE.TEST"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))  # of whoever approves
SECRET = "SECRET-TO-REPORTS"
"""Stands in all that people typed: arguments, reasons, comments and directories."""
WAYS = (Origin(4001, "pts/1", 1), Origin(4001, "", None), ByDoor("ssh", "10.0.0.1"))
"""How people review: on a terminal of this host, in a program of theirs, and by the door."""

RULES = """\
[[permit]]
name = "restart-web"
who = ["group:web"]
commands = [["/usr/bin/systemctl", "restart", "*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "2h", uses = 5 }

[[permit]]
name = "dump-shop"
who = ["group:dba"]
run_as = ["postgres", "root"]
commands = [["/usr/bin/pg_dump", "--clean", "*"]]
approvals = [{ need = 1, from = ["group:ops", "group:dba"] }]
expires = "1h"

[[permit]]
name = "two-people"
who = ["group:web", "group:dba"]
commands = [["/usr/sbin/usermod", "**"]]
approvals = [{ need = 2, from = ["group:ops"] }]
expires = "2h"

[[permit]]
name = "logs"
who = ["group:web", "group:dba"]
commands = [["/usr/bin/tail", "-n", "*", "/var/log/*"]]
services = ["jitsudo", "sudo"]

[[permit]]
name = "1e3"
who = ["group:web"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "1000"
who = ["group:web"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "%"
who = ["group:dba"]
commands = [["/usr/bin/id"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "<b>*'); --"
who = ["group:web"]
commands = [["/usr/bin/lsof"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "backup"
who = ["group:dba"]
commands = [["/usr/local/sbin/backup", "**"]]
approvals = [{ need = 1, from = ["group:security"] }]
visible_to = ["group:security"]

[[permit]]
name = "deploy"
who = ["group:web"]
commands = [["/usr/local/sbin/deploy", "*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
gatekeepers = ["change"]

[[permit]]
name = "database"
who = ["group:dba"]
gives = [
  "service-ticket:postgres/db0.example.test",
  "service-ticket:postgres/db1.example.test",
  "service-ticket:postgres/db2.example.test",
]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "4h" }

[[permit]]
name = "emergency"
who = ["group:web"]
commands = [["/usr/bin/systemctl", "restart", "*"]]
break_glass = { instead_of = "restart-web", review = "24h", open = 3 }

[[permit]]
name = "buddies"
who = ["group:buddies"]
commands = [["/usr/bin/mount", "*"]]
approvals = [{ need = 1, from = ["group:buddies"] }]

[[permit]]
name = "never"
who = ["group:web", "user:nobody-of-them"]
commands = [["/usr/bin/nsenter", "**"]]
approvals = [{ need = 1, from = ["group:silent"] }]

[[deny]]
name = "freeze"
commands = [["/usr/sbin/reboot", "**"]]
because = "nobody reboots this host"
"""

HOSTILE = (
    "o'brien",
    'x"),(SELECT 1)--',
    "%",
    "*",
    "1e3",
    "1000",
    "Alice",
    "alice ",
    "malice",
    "\u202egnp.exe",
    "</td><script>alert(1)</script>",
    "e\u0301mile",
    "\u00e9mile",
    "line\u2028break",
    "tag\U000e0041",
    "\u05d0\u05d1\u05d2",
    "zero\u200bwidth",
    '"},{"',
    "a" * 200,
)
"""Names of people. Some of them are equal to a careless reader, to a pattern, or to a number."""
GROUPS = {
    "alice": {"web", "dba"},
    "erin": {"web"},
    "frank": {"dba"},
    "idle": {"web"},
    "bob": {"ops"},
    "carol": {"ops", "security"},
    "dave": {"ops", "security"},
    "nora": {"silent"},
    "gina": {"buddies"},
    "hank": {"buddies"},
} | {name: {"web", "dba"} for name in HOSTILE}
TWO_ACCOUNTS = "alice-admin"
"""An account of alice, who is one person."""
POSTGRES = RunAs("postgres", 113, "postgres", 120)
NO_SECONDS = 86400.0 * 9999


def member(name: str) -> Subject:
    """``name`` of the year, with a ticket that lasts."""
    person, principal = ("alice" if name == TWO_ACCOUNTS else name), f"{name}@{REALM}"
    groups = frozenset(GROUPS[person] | {name})
    uid = 2000 + sorted([*GROUPS, TWO_ACCOUNTS]).index(name)
    return Subject(principal, name, uid, uid, groups, person, START + timedelta(seconds=NO_SECONDS))


@dataclass(frozen=True)
class Year:
    """What was written: the database, and the policy at its end."""

    database: Path
    policy: Policy
    since: datetime = START
    until: datetime = UNTIL


def write(directory: Path, seed: int = 1, n: int = 2500) -> Year:
    """Write the year of ``n`` requests and more into ``directory``, which is empty and belongs to the caller alone."""
    return Life(directory, seed, n).lived()


class Life:
    """The host. ``at`` is the present, in seconds of the year; ``ahead`` is what is going to happen."""

    def __init__(self, directory: Path, seed: int, n: int) -> None:
        self.chance = random.Random(seed)
        self.n = n
        self.database = directory / "jitd.db"
        self.file = directory.resolve() / "policy.d" / "50-rules.toml"
        self.file.parent.mkdir(mode=0o755)
        self.n_loaded = 0
        self.policy = self.load()
        self.rules = {rule.name: rule for rule in self.policy.rules}
        self.store = SqliteStore(self.database)
        self.store._db.execute("PRAGMA synchronous = OFF")  # nobody waits for a disk, twenty thousand times
        self.at = 0.0
        self.lifecycle = Lifecycle(self.store, self.now, lambda: self.policy.digest, policy_text=lambda: self.policy.text)
        self.ahead: list[tuple[float, int, Callable[[], None]]] = []
        self.n_ids = self.n_planned = 0

    def now(self) -> Moment:
        return Moment(START + timedelta(seconds=self.at), 1000.0 + self.at, "boot-1")

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        self.n_planned += 1
        heapq.heappush(self.ahead, (self.at + max(0.001, seconds), self.n_planned, do))

    def lived(self) -> Year:
        chance, year = self.chance, DAYS * 86400
        with closing(self.store):
            for month in range(12):
                self.later(month * 30 * 86400, self.loaded)
            for _ in range(self.n):
                self.later(chance.random() * year, self.asks)
            for _ in range(12):
                self.later(chance.random() * year, self.locks)
            while self.ahead and self.ahead[0][0] < year:
                self.at, _, do = heapq.heappop(self.ahead)
                do()
        return Year(self.database, self.policy)

    def do(self, *events: Any) -> None:
        """Let ``events`` happen, and do what the daemon would do then. What is not allowed does not happen."""
        with suppress(IllegalEvent, NotYours):
            for effect in self.lifecycle.handle(*events):
                self.follow(effect)

    def id(self) -> str:
        self.n_ids += 1
        spelled = "".join(ALPHABET[self.n_ids >> 5 * place & 31] for place in range(7, -1, -1))
        return f"{spelled[:4]}-{spelled[4:]}"

    def load(self) -> Policy:
        """The rules, in a file with another comment each time."""
        self.n_loaded += 1
        self.file.write_text(f"# version {self.n_loaded}\n{RULES}", "utf-8")
        self.file.chmod(0o644)
        owner = self.file.stat().st_uid
        return load(self.file.parent, root="permit", owner=owner, gatekeepers={"change": 5.0})

    def loaded(self) -> None:
        """Somebody puts rules in force: root, or dave."""
        self.policy = self.load()
        who = member("dave") if self.chance.random() < 0.4 else None
        principal, uid = ("root", 0) if who is None else (who.principal, who.uid)
        self.lifecycle.note("policy.loaded", principal, uid, {"rules": len(self.policy.rules)})

    # --- what people ask for ------------------------------------------------------------------------------------------

    def asks(self) -> None:
        chance = self.chance
        name = chance.choice(
            ["alice"] * 8 + [TWO_ACCOUNTS] * 2 + ["erin"] * 4 + ["frank"] * 4 + ["gina", "hank"] * 2 + [*HOSTILE]
        )
        who = member(name)
        its = [word for word, rule in self.rules.items() if rule.verdict == "permit" and word not in ("never", "1000")]
        fitting = [word for word in its if who.groups & {of.removeprefix("group:") for of in self.rules[word].who or ()}]
        rule = chance.choice(fitting)
        if chance.random() < 0.12:
            self.denied(who)
        elif chance.random() < 0.02:
            self.permitted(replace(who, principal=f"local:{name}", ticket_ends_at=None), "1e3")
        else:
            self.permitted(who, "1000" if rule == "1e3" and chance.random() < 0.4 else rule)

    def made(self, who: Subject, rule: str) -> Request:
        chance = self.chance
        words: dict[str, tuple[str, ...]] = {
            "restart-web": ("/usr/bin/systemctl", "restart", chance.choice(["nginx", "php-fpm", f"{SECRET}.service"])),
            "emergency": ("/usr/bin/systemctl", "restart", "nginx"),
            "dump-shop": ("/usr/bin/pg_dump", "--clean", "shop"),
            "two-people": ("/usr/sbin/usermod", "-aG", chance.choice(["www", "dba"]), f"{SECRET}{chance.randrange(9)}"),
            "logs": ("/usr/bin/tail", "-n", str(chance.choice([10, 100])), f"/var/log/{chance.choice(['syslog', 'auth.log'])}"),
            "%": ("/usr/bin/id",),
            "<b>*'); --": ("/usr/bin/lsof",),
            "backup": ("/usr/local/sbin/backup", f"--password={SECRET}"),
            "deploy": ("/usr/local/sbin/deploy", f"v{chance.randrange(40)}"),
            "buddies": ("/usr/bin/mount", "/mnt"),
            "freeze": ("/usr/sbin/reboot",),
        }
        if rule == "database":
            what = thing(
                f"service-ticket:postgres/db{chance.randrange(3)}.example.test", run_as=RunAs(who.user, who.uid, who.user, 0)
            )
        else:
            what = command(*words.get(rule, ("/usr/bin/true",)), cwd=f"/srv/{SECRET}".encode(), digest=b"%032d" % len(rule))
        if rule == "dump-shop":
            what = replace(what, run_as=POSTGRES, cwd=b"/var/lib/postgresql")
        terms: dict[str, Any] = {}
        if rule == "restart-web" and chance.random() < 0.5:
            terms = {"lasts_for": chance.choice([600, 3600]), "uses": chance.choice([2, 5])}
        at = self.now()
        found = asked(self.id(), who, what, submitted_at=at.at, submitted_boot=at.boot, breaks_glass=rule == "emergency", **terms)
        service = "sudo" if rule == "logs" and chance.random() < 0.5 else "jitsudo"
        return replace(found, service=service, claims=replace(found.claims, reason=f"because {SECRET}"))

    def denied(self, who: Subject) -> None:
        why, rule = self.chance.choice(
            [(Why.NO_RULE, ""), (Why.RULE, "freeze"), (Why.REASON, "deploy"), (Why.TERMS, "restart-web"), (Why.APPROVALS, "%")]
        )
        made = self.made(who, rule)
        self.do(submit(made), Screened(made.id, POLICY, Deny(why, f"because of {SECRET}", rule), attended=True))

    def permitted(self, who: Subject, rule: str) -> None:
        made = self.made(who, rule)
        heard: tuple[Heard, ...] = ()
        if self.rules[rule].gatekeepers:
            answers: list[Any] = [Passes(), Passes(), Refuses(f"no change of {SECRET}"), Silent("nobody answers")]
            heard = (Heard("change", self.chance.choice(answers)),)
        decision = Permit(rule, self.rules[rule].obligations)
        self.do(submit(made), Screened(made.id, POLICY, decision, attended=self.chance.random() < 0.95, heard=heard))

    def again(self, id: str) -> None:
        """Somebody uses a lease that they have."""
        lease, first = self.store.grant(id), self.store.request(id)
        if lease is None or first is None or lease.state is not GrantState.ACTIVE or lease.left < 1:
            return
        made = but(self.made(first.requester, first.rule), command=first.command, lasts_for=None, uses=None)
        permit = Permit(first.rule, self.rules[first.rule].obligations, lease=id)
        self.do(submit(made), Screened(made.id, POLICY, permit, attended=True))

    # --- what the daemon and other people do then ---------------------------------------------------------------------

    def follow(self, effect: Any) -> None:
        chance = self.chance
        match effect:
            case RequestWaits(request):
                self.waits(request)
            case Screen(request):
                self.later(1.0, lambda: self.screens(request))
            case StartRun(id, _):
                if chance.random() < 0.05:
                    outcome = run.Outcome(run.Ending.NOT_STARTED, 126, f"no such file {SECRET}")
                    self.later(0.1, lambda: self.do(run.Ended(id, MONITOR, outcome)))
                else:
                    self.later(0.05, lambda: self.do(run.Started(id, MONITOR, 42)))
                    self.later(chance.expovariate(1 / 300), lambda: self.ends(id))
                    self.later(chance.random() * 3600, lambda: self.again(id.partition(".")[0]))
            case StopRun(id, _):
                self.later(0.5, lambda: self.do(run.Ended(id, MONITOR, run.Outcome(run.Ending.SIGNALED, 15))))
            case Give(id):
                if chance.random() < 0.1:
                    refused = holding.Outcome(holding.Ending.NOT_GIVEN, "the KDC refuses")
                    self.later(0.3, lambda: self.do(holding.Ended(id, DAEMON, refused)))
                else:
                    self.later(0.3, lambda: self.do(holding.Given(id, DAEMON)))
                    self.later(chance.random() * 7200, lambda: self.do(holding.Taking(id, DAEMON, "given back")))
            case Take(id):
                late = 600 + chance.random() * 86400 if chance.random() < 0.15 else chance.random() * 20
                is_stuck = id[8] in "7X"  # some are never taken back
                self.later(NO_SECONDS if is_stuck else late, lambda: self.taken(id))
            case SetDeadline(life, id, boot):
                if life == "owed_review":
                    self.later(chance.expovariate(1 / 43200), lambda: self.reviews_glass(id))
                self.later(boot - 1000.0 - self.at, lambda: self.over(life, id))

    def over(self, life: str, id: str) -> None:
        match life:
            case "request":
                found = self.store.request(id)
                if found is not None and found.is_open:
                    self.do(too_late(found))
            case "grant":
                self.do(grant.Expired(id, CLOCK))
            case "lock":
                self.do(lock.Expired(id, CLOCK))
            case "owed_review":
                self.do(owed_review.Overdue(id, CLOCK))

    def waits(self, id: str) -> None:
        chance = self.chance
        for _ in range(3):
            delay = chance.uniform(0.5, 4.9) if chance.random() < 0.1 else chance.lognormvariate(5, 1)
            self.later(delay, lambda: self.reviews(id))
        if chance.random() < 0.1:
            self.later(chance.random() * 300, lambda: self.withdraws(id))

    def screens(self, id: str) -> None:
        """The gatekeepers are asked once more, after the last approval."""
        found = self.store.request(id)
        if found is not None and found.is_open and found.asking_at is not None:
            permit = Permit(found.rule, self.rules[found.rule].obligations)
            standing = tuple(review.by for review in found.reviews if review.verdict is Verdict.APPROVE)
            heard = (Heard("change", Refuses(SECRET) if self.chance.random() < 0.1 else Passes()),)
            self.do(Screened(id, POLICY, permit, True, standing, heard))

    def withdraws(self, id: str) -> None:
        found = self.store.request(id)
        if found is not None and found.state is RequestState.PENDING:
            self.do(withdraw(found))

    def reviews(self, id: str) -> None:
        chance = self.chance
        found = self.store.request(id)
        if found is None or found.state is not RequestState.PENDING or chance.random() < 0.4:
            return
        who = member(chance.choice(["bob"] * 6 + ["carol", "dave", "alice", "frank", "gina", "hank"]))
        verdict = Verdict.DENY if chance.random() < 0.15 else Verdict.APPROVE
        origin = WAYS[found.submitted_at.second % len(WAYS)]
        by = Actor(Role.APPROVER, who.principal, who.uid, origin)
        is_signed = verdict is Verdict.APPROVE and found.submitted_at.minute % 2 == 0
        receipt = self.receipt(found, who) if is_signed else None
        self.do(review(found, who, verdict, by=by, comment=f"looked at {SECRET}", kdc=KdcAnswer.NOT_ASKED, receipt=receipt))

    def receipt(self, found: Request, who: Subject) -> Receipt:
        """What ``who`` signs of ``found``, whose first record is that of its submission."""
        numbers, at = self.store.find(0, Sought(id=found.id))
        while not numbers:
            numbers, at = self.store.find(at, Sought(id=found.id))
        number, _, seal = next(self.store.records(numbers[0] - 1))
        sealed, time = Sealed(number, seal), f"{self.now().at:%Y-%m-%dT%H:%M:%SZ}"
        who_and_what = found.host, found.id, found.requester.principal, who.principal, found.rule
        random = hashlib.sha256(f"{found.id} {self.store.head().number}".encode()).digest()[:16]
        policy, asked = bytes.fromhex(self.policy.digest), found.obligations
        assert asked is not None and found.expires_at is not None, "it waits"
        starts_at = found.terms.starts_at
        terms = Terms(
            lasts(found, asked), how_often(found, asked), timeout_of(found, asked),
            "" if starts_at is None else f"{starts_at:%Y-%m-%dT%H:%M:%SZ}",
        )  # fmt: skip
        expires = f"{found.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        text = Statement("approve", *who_and_what, policy, expires, terms, time, random, sealed, sealed).text()
        kind, message = ED25519.encode(), to_be_signed(NAMESPACE, text.encode(), HASH)
        blob = string(kind) + string(KEY.public_key().public_bytes_raw())
        armored = armor(blob, NAMESPACE, HASH, string(kind) + string(KEY.sign(message)))
        by = check_by_any(NAMESPACE, text.encode(), armored)
        return Receipt(text, armored, by.key.fingerprint, by.level)

    def ends(self, id: str) -> None:
        chance = self.chance
        outcome = run.Outcome(run.Ending.EXITED, chance.choice([0, 0, 0, 0, 1, 2]))
        if chance.random() < 0.05:
            outcome = run.Outcome(chance.choice([run.Ending.SIGNALED, run.Ending.LOST]), 9)
        recording = Recording(3, 1000, f"{chance.getrandbits(256):064x}") if chance.random() < 0.8 else None
        found = self.store.run(id)
        if found is not None and found.is_live:
            self.do(run.Ended(id, MONITOR, outcome, recording))

    def taken(self, id: str) -> None:
        found = self.store.holding(id)
        if found is not None and found.state is HoldingState.TAKING:
            left = "a ticket is valid for a while" if self.chance.random() < 0.3 else ""
            self.do(holding.Ended(id, DAEMON, holding.outcome_of(found, self.now(), left)))

    def reviews_glass(self, id: str) -> None:
        found = self.store.owed_review(id)
        if found is None or self.chance.random() < 0.1:
            return
        who = member(self.chance.choice(["bob", "carol"]))
        by = Actor(Role.APPROVER, who.principal, who.uid)
        self.do(
            owed_review.Reviewed(id, by, who, found.fingerprint, f"was right: {SECRET}", KdcAnswer.VALID),
        )

    def locks(self) -> None:
        chance = self.chance
        name = chance.choice(["alice", "erin", "frank", "bob"])
        who, at = member(name), self.now()
        lasts_for = chance.choice([600, 86400, 86400, None])
        id = f"10C{self.n_planned // 10000:X}-{self.n_planned % 10000:04}"
        made = locked(Whom.USER, name, id, lasts_for=lasts_for, placed_at=at.at, since_boot=at.boot, reason=f"lost {SECRET}")
        made = replace(made, uid=who.uid, placed_by=f"dave@{REALM}")
        self.do(place(made))
        dave = actor(member("dave"), Role.OPERATOR)
        if chance.random() < 0.6:
            self.later(chance.random() * 43200, lambda: self.do(lock.Lifted(id, dave, f"found {SECRET}")))
