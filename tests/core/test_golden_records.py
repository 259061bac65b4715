# SPDX-License-Identifier: Apache-2.0
"""Every record of the chain, byte for byte: what was sealed years ago has to verify, and to be read, years from now.

Law: ``golden/records`` has one line or more for each event of each life, in the order of the rows below: its seal and its bytes.
A line that differs is a change of the format. To write the file anew, on purpose: ``JITD_GOLDEN=write``; look at the difference.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jitd.core import chain, grant, holding, lock, owed_review, request, run
from jitd.core.authentication import Authentication, Demand, KdcAnswer
from jitd.core.chain import GENESIS, note, record, seal
from jitd.core.claims import Point
from jitd.core.command import Operand
from jitd.core.decision import Approval, BreakGlass, Deny, Terms, Why
from jitd.core.effects import Moment
from jitd.core.grade import Finding, Grade
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY, Origin, Role, name_of
from jitd.core.lock import Whom
from jitd.core.request import Locked, Relisted, Verdict, WaysOpened, Withdrawn, issued
from jitd.core.run import (
    Ended,
    Ending,
    Frozen,
    Observed,
    Outcome,
    Process,
    Recording,
    Returned,
    Started,
    Starting,
    StopOrdered,
    Thawed,
    Traces,
    Unobserved,
)
from jitd.core.values import Values
from tests.scene import (
    START,
    THING,
    actor,
    asked,
    but,
    command,
    free,
    lift,
    locked,
    permit,
    person,
    place,
    review,
    screened,
    submit,
    thing,
    too_late,
    visitor,
    withdraw,
)

GOLDEN = Path(__file__).parent / "golden/records"
ID = "K7QM-2XVD"
NOW = Moment(START + timedelta(milliseconds=250), 1000.25, "boot-1")
ALICE, BOB, DAVE = actor(person("alice")), actor(person("bob"), Role.APPROVER), actor(person("dave"), Role.OPERATOR)
PLAIN = asked()
SSHD = Process(4711, 123456)
ODD = command(
    b"sh", b"-c", b"a\\b\xff\n", "ü‮".encode(), options=(b"-E", b"\xff"), doubt="it has an option that is not known",
    operands=(Operand(1, b"/tmp/x", b"", "it belongs to uid 4001", True),), variables=((b"A", b"b"),),
)  # fmt: skip
POINT = Point("auth", "192.0.2.7", "publickey", SSHD)
UNREAD = replace(asked(what=ODD, who=person("alice", ticket_ends_at=None)), service="sudo", point=POINT)
BARE = replace(PLAIN, claims=replace(PLAIN.claims, reason=None))
TWICE = permit(Approval(2, ("group:ops", "user:eve")), Approval(1, ("group:security",)))
BY_WAYS = Approval(
    2, ("group:dba",), also="oncall:dba", among=("bob",),
    instead=(Approval(1, ("group:managers", "user:eve"), Demand(("otp",)), after=300),),
)  # fmt: skip
GRANT = issued(but(PLAIN, obligations=free().obligations, lasts_for=60, uses=3), NOW).grant
LENT = replace(PLAIN, command=thing(stays=True))
UNTIL = START + timedelta(minutes=10)
PROVED = Authentication(
    START, START + timedelta(seconds=5), ("forwarded", "pre-authent"), ("otp",), "aes256-cts-hmac-sha1-96", "type 99",
    ("OTHER.TEST", "EXAMPLE.TEST"),
)  # fmt: skip
GLASS = BreakGlass("restart-postgres", (Approval(1, ("group:ops",)), Approval(2, ("user:eve", "group:dba"))), 86400, 5)
OWED = owed_review.OwedReview(ID, person("alice"), "glass", GLASS, PLAIN.fingerprint, START, "boot-1", 1000.0, 86400.0)
FINDINGS = (
    Finding(Grade.GIVES, "x\\xff can start a shell"), Finding(Grade.CHANGES, "is changed", "/etc/x", "the accounts of this host"),
)  # fmt: skip
RECORDING = Recording(12, 34567, "ab" * 32)

ROWS: list[tuple[Any, str]] = [
    (submit(PLAIN), "screening"),
    (submit(UNREAD), "screening"),
    (submit(BARE), "screening"),
    (screened(PLAIN, TWICE), "pending"),
    (screened(PLAIN, replace(permit(), lease="AAAA-AAAA")), "approved"),
    (screened(PLAIN, Deny(Why.NO_RULE, "no rule permits this")), "denied"),
    (screened(PLAIN, Deny(Why.RULE, "rule freeze: weekend freeze", "freeze")), "denied"),
    (review(PLAIN, person("bob"), comment="looks right: ü"), "approved"),
    (review(PLAIN, person("dave", ticket_ends_at=None), Verdict.DENY), "denied"),
    (withdraw(PLAIN), "withdrawn"),
    (Withdrawn(ID, DAEMON, "its client went away"), "withdrawn"),
    (too_late(PLAIN), "expired"),
    (Locked(ID, DAVE, "L0CK-0001", "locked: laptop stolen"), "denied"),
    (grant.Issued(ID, DAEMON, GRANT), "active"),
    (grant.Used(ID, ALICE, "REQ1-REQ1", Terms()), "active"),
    (grant.Used(ID, ALICE, "REQ1-REQ1", Terms(), SSHD), "active"),
    (Returned(ID, MONITOR, f"{ID}.2", was_started=True), "spent"),
    (Returned(ID, DAEMON, ID, was_started=False), "active"),
    (grant.Expired(ID, CLOCK), "expired"),
    (grant.Revoked(ID, BOB, "wrong host"), "revoked"),
    (Starting(ID, ALICE, "GRNT-GRNT", "REQ1-REQ1", START), "starting"),
    (Starting(f"{ID}.2", ALICE, "GRNT-GRNT", "REQ1-REQ1", START, SSHD), "starting"),
    (Started(ID, MONITOR, 42), "running"),
    (Observed(ID, BOB), "running"),
    (Frozen(ID, MONITOR), "frozen"),
    (Thawed(ID, MONITOR), "running"),
    (Unobserved(ID, DAEMON, "bob@EXAMPLE.TEST", "jitd was restarted"), "running"),
    (StopOrdered(ID, CLOCK, "its grant has ended"), "stopping"),
    (Ended(ID, MONITOR, Outcome(Ending.EXITED, 3)), "ended"),
    (Ended(ID, MONITOR, Outcome(Ending.SIGNALED, 15, "wrong host"), RECORDING), "ended"),
    (Ended(ID, DAEMON, Outcome(Ending.NOT_STARTED, 126, "its client went away")), "ended"),
    (Ended(ID, DAEMON, Outcome(Ending.LOST, 0, "its monitor is gone")), "ended"),
    (place(locked(lasts_for=600)), "active"),
    (place(locked(Whom.ALL)), "active"),
    (lock.Carried("L0CK-0001", DAEMON, 12.5), "active"),
    (lock.Expired("L0CK-0001", CLOCK), "expired"),
    (lift(locked()), "lifted"),
    (replace(submit(UNREAD), by=replace(ALICE, origin=Origin(0, "pts/3", 7))), "screening"),
    (replace(review(PLAIN, person("bob")), by=replace(BOB, origin=Origin(1002, "", None))), "approved"),
    (submit(LENT), "screening"),
    (
        holding.Giving(
            *(ID, ALICE, "GRNT-GRNT", "REQ1-REQ1", THING, "alice@EXAMPLE.TEST", UNTIL),
            stays=True,
            at=START,
            account=holding.Account("alice", 1001),
        ),
        "giving",
    ),
    (holding.Given(ID, DAEMON), "held"),
    (holding.Taking(f"{ID}.2", CLOCK, "its grant has ended"), "taking"),
    (holding.Taking(ID, BOB, "wrong host: ü"), "taking"),
    (holding.Ended(ID, DAEMON, holding.Outcome(holding.Ending.TAKEN)), "ended"),
    (holding.Ended(ID, DAEMON, holding.Outcome(holding.Ending.NOT_GIVEN, "it is not gated")), "ended"),
    (holding.Ended(ID, DAEMON, holding.Outcome(holding.Ending.LEFT, "a ticket is left")), "ended"),
    (submit(asked(who=replace(person("alice"), authentication=PROVED))), "screening"),
    (review(PLAIN, replace(person("bob"), authentication=PROVED)), "approved"),
    (screened(PLAIN, permit(Approval(1, ("group:ops",), Demand(("otp",), 3600, "refuse")))), "pending"),
    (screened(PLAIN, Deny(Why.AUTHENTICATION, "rule p wants an authentication at most 1 hour old", "p")), "denied"),
    (screened(PLAIN, permit(BY_WAYS)), "pending"),
    (WaysOpened(ID, CLOCK, 300), "pending"),
    (Relisted(ID, POLICY, (("oncall:dba", ("bob",)), ("oncall:ops", None))), "pending"),
    (holding.Kept(ID, ALICE), "held"),
    (submit(replace(PLAIN, breaks_glass=True)), "screening"),
    (screened(PLAIN, free(break_glass=GLASS)), "approved"),
    (owed_review.Begun(ID, ALICE, OWED), "owed"),
    (owed_review.Carried(ID, DAEMON, 12.5), "owed"),
    (owed_review.Overdue(ID, CLOCK), "overdue"),
    (owed_review.Reviewed(ID, BOB, person("bob"), PLAIN.fingerprint, "it was right: ü", KdcAnswer.VALID), "reviewed"),
    (
        owed_review.Reviewed(
            ID, DAVE, replace(person("dave"), authentication=PROVED), PLAIN.fingerprint, "", KdcAnswer.NOT_ASKED
        ),
        "reviewed",
    ),
    (submit(asked(what=command("vim", "/etc/x", findings=FINDINGS))), "screening"),
    (submit(asked(what=command("true", findings=()))), "screening"),
    (Ended(ID, MONITOR, Outcome(Ending.EXITED, 0), traces=Traces(("x.service",), (), ("alice",), ())), "ended"),
    (
        holding.Giving(
            *(ID, ALICE, "GRNT-GRNT", "REQ1-REQ1", "sudoers:logs", "alice@EXAMPLE.TEST", UNTIL),
            stays=False,
            at=START,
            together=(ID, f"{ID}.2"),
            account=holding.Account("alice", 1001),
        ),
        "giving",
    ),
    (review(PLAIN, visitor("zoe", authentication=PROVED), comment="go on"), "approved"),
]
"""An event, and the state that it leads to."""


def salts(number: int) -> Callable[[], bytes]:
    """The salts of record ``number``: each is the digest of a number."""
    counted = count(number * 100)
    return lambda: hashlib.sha256(b"%d" % next(counted)).digest()


def bodies() -> list[bytes]:
    """The records of all rows, and after them one of something that happened to no life."""
    made = [
        record(
            *(event, NOW, state, number, b'{"row":%d}' % number, PLAIN.fingerprint if number % 2 else b"", "f0" * 32),
            Values(event.id, (), salts(number)),
            random=bytes(range(number, number + 16)),
        )
        for number, (event, state) in enumerate(ROWS, start=1)
    ]
    return [*made, note("policy.loaded", "dave@EXAMPLE.TEST", 1004, NOW, "f0" * 32, {"rules": 7}, random=bytes(range(16)))]


def lines() -> list[str]:
    """What ``golden/records`` says: the digest of each record's seal, and the record."""
    found, at = [], GENESIS
    for body in bodies():
        at = seal(at, body)
        found.append(f"{at.digest.hex()} {body.decode('ascii')}")
    return found


def golden() -> list[str]:
    if os.environ.get("JITD_GOLDEN") == "write":
        GOLDEN.write_text("".join(f"{line}\n" for line in lines()), "ascii")
    return GOLDEN.read_text("ascii").splitlines()


ALWAYS = golden()


@pytest.mark.parametrize("number", range(len(ROWS) + 1), ids=[name_of(event) for event, _ in ROWS] + ["policy.loaded"])
def test_a_record_is_what_it_always_was(number: int) -> None:
    assert bodies()[number].decode("ascii") == ALWAYS[number].partition(" ")[2]


def test_its_seal_is_what_it_always_was() -> None:
    assert [line.partition(" ")[0] for line in lines()] == [line.partition(" ")[0] for line in ALWAYS]


def test_every_event_of_every_life_has_a_record_here_and_nothing_else_has() -> None:
    kinds = {kind for life in (request, grant, run, holding, lock, owed_review) for kind in life.MAY_CAUSE}
    assert {type(event) for event, _ in ROWS} == kinds
    names = [json.loads(line.partition(" ")[2])["event"] for line in ALWAYS]
    assert names == [name_of(event) for event, _ in ROWS] + ["policy.loaded"]


def test_every_role_is_somebody_here() -> None:
    """Also who stands behind the daemon's own: the clock, the monitor, policy."""
    assert {event.by.role for event, _ in ROWS} == set(Role)


def test_the_old_chain_verifies() -> None:
    """From nothing to its last record, by the code of today."""
    at = GENESIS
    for line in ALWAYS:
        at = chain.seal(at, line[65:].encode())
        assert at.digest.hex() == line[:64]


def test_before_the_first_record_there_are_32_bytes_of_nothing() -> None:
    assert (GENESIS.number, GENESIS.digest) == (0, b"\0" * 32)
