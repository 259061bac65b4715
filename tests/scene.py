# SPDX-License-Identifier: Apache-2.0
"""The people, commands and moments that tests speak of. Law: every value has a sensible default, so a test names only what it is
about.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from jitd.core.asked_terms import USUAL, AskedTerms
from jitd.core.authentication import KdcAnswer
from jitd.core.claims import Claims
from jitd.core.command import Command, RunAs, fingerprint
from jitd.core.decision import Approval, Decision, Obligations, Permit, Terms
from jitd.core.effects import Moment
from jitd.core.grant import Issued, Used
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY, Actor, Role
from jitd.core.lock import Lifted, Lock, Placed, Whom
from jitd.core.request import DeadlinePassed, Request, Reviewed, Screened, Submitted, Verdict, Withdrawn
from jitd.core.subject import Identity, Subject, Visitor

T = TypeVar("T")
REALM, TRUSTED = "EXAMPLE.TEST", "TRUSTED.TEST"
HOST = "db1.example.test"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GROUPS = {"alice": {"alice", "dba"}, "bob": {"bob", "ops"}, "carol": {"carol", "ops"}, "dave": {"dave", "ops", "security"}}
ROOT_ACCOUNT = RunAs("root", 0, "root", 0)


def but(of: T, **changes: Any) -> T:
    """``of``, a request or a question, with ``changes``. Those that are named as a term change the terms that it asks for."""
    asked_for = {one.name: changes.pop(one.name) for one in fields(AskedTerms) if one.name in changes}
    terms = {"terms": replace(of.terms, **asked_for)} if asked_for else {}  # type: ignore[attr-defined]
    return replace(of, **terms, **changes)  # type: ignore[type-var]


def moment(after: float = 0.0, boot_id: str = "boot-1") -> Moment:
    """``after`` seconds into the scene."""
    return Moment(START + timedelta(seconds=after), 1000.0 + after, boot_id)


def person(name: str, **changes: Any) -> Subject:
    """Somebody of the lab, with a ticket for ten hours."""
    uid = 1001 + sorted([*GROUPS, "eve"]).index(name) if name in GROUPS or name == "eve" else 1999
    groups = frozenset(GROUPS.get(name, {name}))
    made = Subject(f"{name}@{REALM}", name, uid, uid, groups, name, START + timedelta(hours=10))
    return replace(made, **changes)


def visitor(name: str, *groups: str, **changes: Any) -> Visitor:
    """Somebody without an account here, with a ticket of a trusted realm for ten hours."""
    made = Visitor(f"{name}@{TRUSTED}", frozenset(groups or {"ops"}), name, START + timedelta(hours=10))
    return replace(made, **changes)


def actor(who: Identity, role: Role = Role.REQUESTER) -> Actor:
    """``who`` in a role."""
    return who.actor(role)


def command(*argv: str | bytes, **changes: Any) -> Command:
    """``argv`` as root in /srv, pipes all around."""
    words = tuple(a if isinstance(a, bytes) else a.encode() for a in argv) or (b"true",)
    path = words[0] if words[0].startswith(b"/") else b"/usr/bin/" + words[0]
    made = Command(words, path, b"d" * 32, ROOT_ACCOUNT, b"/srv", 1, 2, (), (), ("pipe", "pipe", "pipe"))
    return replace(made, **changes)


THING = "service-ticket:postgres/db1.example.test"


def thing(name: str = THING, **changes: Any) -> Command:
    """The thing ``name``, for alice, as long as the connection of her client."""
    alice = person("alice")
    made = Command((name.encode(),), b"", b"", RunAs("alice", alice.uid, "alice", alice.gid), b"/", 0, 0, (), (), (), gives=True)
    return replace(made, **changes)


def asked(id: str = "K7QM-2XVD", who: Subject | None = None, what: Command | None = None, **changes: Any) -> Request:
    """A fresh request."""
    who, what = who or person("alice"), what or command("true")
    terms = (changes.get("lasts_for"), changes.get("uses"), changes.get("timeout_for"))
    made = Request(
        id=id,
        requester=who,
        host=HOST,
        boot_id="boot-1",
        service="jitsudo",
        command=what,
        claims=Claims("why", b"/dev/pts/1", 7, ("bash",)),
        terms=USUAL,
        waits=True,
        submitted_at=START,
        submitted_boot=1000.0,
        fingerprint=fingerprint(id, who.principal, HOST, "jitsudo", what, terms),
    )
    return but(made, **changes)


def permit(*approvals: Approval, **changes: Any) -> Permit:
    """A permit that owes ``approvals``; default one from group:ops."""
    owed = approvals or (Approval(1, ("group:ops",)),)
    return Permit("rule-1", replace(Obligations(owed, 900, 3600, 5, Terms()), **changes))


def free(**changes: Any) -> Permit:
    """A permit that owes nothing."""
    return Permit("rule-0", replace(Obligations((), 900, 3600, 5, Terms()), **changes))


def submit(request: Request) -> Submitted:
    """The event that begins ``request``."""
    return Submitted(request.id, actor(request.requester), request)


def screened(request: Request, decision: Decision, *, attended: bool = True) -> Screened:
    """Policy's answer."""
    return Screened(request.id, POLICY, decision, attended)


def review(request: Request, who: Identity, verdict: Verdict = Verdict.APPROVE, **changes: Any) -> Reviewed:
    """``who`` says ``verdict`` to ``request``; earlier approvers stand unless told otherwise."""
    made = Reviewed(
        id=request.id,
        by=actor(who, Role.APPROVER),
        reviewer=who,
        verdict=verdict,
        fingerprint=request.fingerprint,
        comment="",
        decision=Permit(request.rule or "rule-1", request.obligations or permit().obligations),
        standing=tuple(r.by for r in request.reviews if r.verdict is Verdict.APPROVE),
        attended=True,
        kdc=KdcAnswer.VALID,
    )
    return replace(made, **changes)


def withdraw(request: Request) -> Withdrawn:
    """Its requester takes it back."""
    return Withdrawn(request.id, actor(request.requester), "withdrawn by its requester")


def locked(whom: Whom = Whom.USER, name: str = "alice", id: str = "L0CK-0001", **changes: Any) -> Lock:
    """A lock by dave, at the beginning of the scene; on an account of the lab it has its number and person."""
    is_user = whom is Whom.USER
    uid = person(name).uid if is_user and name in [*GROUPS, "eve"] else None
    lasts_for = changes.get("lasts_for")
    made = Lock(
        id=id,
        whom=whom,
        name=name if whom is not Whom.ALL else "",
        uid=uid,
        person=name if is_user else "",
        reason="laptop stolen",
        placed_by=f"dave@{REALM}",
        placed_at=START,
        lasts_for=lasts_for,
        boot_id="boot-1",
        since_boot=1000.0,
        left_for=lasts_for,
    )
    return replace(made, **changes)


def place(lock: Lock) -> Placed:
    """The event that begins ``lock``."""
    return Placed(lock.id, actor(person("dave"), Role.OPERATOR), lock)


def lift(lock: Lock) -> Lifted:
    """The event that ends it."""
    return Lifted(lock.id, actor(person("dave"), Role.OPERATOR), "found it")


def too_late(request: Request) -> DeadlinePassed:
    """Nobody decided."""
    return DeadlinePassed(request.id, CLOCK)


__all__ = ["CLOCK", "DAEMON", "MONITOR", "Issued", "Used"]
