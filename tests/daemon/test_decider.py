# SPDX-License-Identifier: Apache-2.0
"""The one home of the decision: which questions are asked, in which order, how often, and of which moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import workers
from jitd.core import lock
from jitd.core.asked_terms import USUAL
from jitd.core.authentication import KdcAnswer
from jitd.core.command import Command, Operand, RunAs
from jitd.core.conditions import Glob, read_command_pattern
from jitd.core.decision import Approval, BreakGlass, Decision, Deny, Obligations, Permit, Terms, Why
from jitd.core.effects import Moment
from jitd.core.grade import Finding, Grade
from jitd.core.grant import Used
from jitd.core.keys.hours import read_hours
from jitd.core.names import NAMES, Name
from jitd.core.policy import Policy, Rule, groups_named
from jitd.core.request import Request, Review, Verdict
from jitd.core.subject import Identity, Subject
from jitd.deciding import accounts, knowledge
from jitd.deciding.command_lookup import Asked
from jitd.deciding.decider import Decider, FirstDecision, FreshDecision
from jitd.deciding.gatekeepers import Hearing
from jitd.deciding.knowledge import Beforehand, Gather, Providers
from jitd.files import inspection, operands, path_lookup
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.sqlite import SqliteStore
from jitd.workers import Workers
from tests.graders import FINDINGS
from tests.scene import START, actor, but, locked, moment, person, place, review, screened, submit
from tests.scene import asked as requested

ALICE, BOB, CAROL = (person(name) for name in ("alice", "bob", "carol"))
ASKED = Asked(
    argv=(b"/usr/bin/env", b"x"), login=False, user=None, group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False,
    variables=(), preserved=(), locale=(), streams=("null", "null", "null"), reason=None,
    terms=USUAL,
)  # fmt: skip
NAMED = {**NAMES, "fact.risk": Name("int", "provider risk", "the risk")}
ENV = read_command_pattern(("/usr/bin/env", "**"))
OPS = (Approval(1, ("group:ops",)),)
WAITING = Command(
    (b"/usr/bin/env", b"x"), b"/usr/bin/env", b"D" * 32, RunAs("root", 0, "root", 0), b"/", 1, 2, (), (),
    ("pipe", "pipe", "pipe"), (Operand(1, b"/srv/a", b"read", "bob can", True),),
)  # fmt: skip
FOUND = (Finding(Grade.GIVES, "seen on this host"),)
FIRST = ["account", "locks", "rules", "file", "rules", "operands", "locks", "lease", "findings", "locks"]
LATER = ["account", "locks", "alice", "rules", "file", "rules", "operands", "bob", "locks", "lease"]
"""What is asked, in order, where nothing says no. The locks and the policy are compared once more at the end."""


def rule(**changes: Any) -> Rule:
    made = Rule("permit", "p", who=("user:alice",), run_as=("root",), commands=(ENV,), approvals=OPS)
    return replace(made, **changes)


class House:
    """A decider over a real store. ``questions`` is what it asked; the rest is what tests let the host say."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions: list[str] = []
        self.policy = Policy((rule(),), "permit", "")
        self.read_at = 0.0
        self.at = moment()
        self.gone: tuple[str, ...] = ()
        self.left: frozenset[str] = frozenset()
        self.refused: tuple[str, ...] = ()
        self.barred: Deny | None = None
        self.silent: frozenset[str] = frozenset()
        self.asked_together: list[tuple[str, ...]] = []
        self.fault: Exception | None = None
        self.changed = ""
        self.graded: Callable[[], tuple[Finding, ...]] = lambda: FOUND
        self.meanwhile: list[Callable[[], None]] = []
        self.together: threading.Barrier | None = None
        self.gather: Gather = lambda names, about: {}
        self.providers: Providers = Beforehand()
        self.store = SqliteStore(path / "jitd.db")
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1")
        self.workers = Workers()
        leases, decide, answer = self.store.leases, knowledge.decide, lock.answer_to
        monkeypatch.setattr(self.store, "leases", lambda *given: self.told("lease", leases(*given)))
        monkeypatch.setattr(knowledge, "decide", lambda *given: self.told("rules", decide(*given)))
        monkeypatch.setattr(lock, "answer_to", lambda *given: self.told("locks", answer(*given)))
        monkeypatch.setattr(inspection, "inspect", self.inspect)
        monkeypatch.setattr(operands, "find", lambda *given, **how: self.told("operands", iter(())))
        monkeypatch.setattr(FINDINGS, "on_this_host", lambda *given: self.told("findings", self.graded()))
        monkeypatch.setattr(operands, "drift", lambda *given, **how: self.told("operands", self.changed))
        self.decider = Decider(
            config=SimpleNamespace(host="db1.example.test", search_path="/usr/bin", trusted_places=(), names=NAMED),
            rules=self,
            store=self.store,
            accounts=SimpleNamespace(again=self.again, sure_of=self.sure_of, people={}),
            account_policy=SimpleNamespace(denial=self.account_policy, denial_by_door=self.account_policy_by_door),
            kdc=SimpleNamespace(
                answer=lambda principal: KdcAnswer.REFUSED if principal in self.refused else KdcAnswer.NO_ANSWER,
                refused=lambda principals: self.refused_of(principals),
            ),
            givers=SimpleNamespace(fault=lambda thing: ""),
            gather=lambda names, about: self.gather(names, about),
            providers=SimpleNamespace(
                ask=lambda names, about: self.providers.ask(names, about),
                told=lambda name, about: self.providers.told(name, about),
            ),
            workers=self.workers,
            now=self.now,
            findings=FINDINGS,
        )

    async def account_policy_by_door(self, who: Identity) -> Deny | None:
        return None

    async def account_policy(self, who: Subject) -> Deny | None:
        return self.told("account", self.barred)

    def told(self, question: str, answer: Any) -> Any:
        self.questions.append(question)
        return answer

    def now(self) -> Moment:
        return self.at

    def again(self, known: Subject) -> Subject | None:
        self.questions.append(known.user)
        if self.together is not None:
            self.together.wait(30)
        return None if known.user in self.gone else replace(known, groups=known.groups - self.left | {"new"})

    def sure_of(self, known: Subject) -> Subject:
        return replace(known, unsure=groups_named(self.policy).certain & self.silent)

    async def refused_of(self, principals: Sequence[str]) -> frozenset[str]:
        self.asked_together.append(tuple(principals))
        return frozenset(principals) & {*self.refused}

    def inspect(self, path: bytes, uid: int, *, cache: Any, trusted: Any, glance: Any) -> inspection.Inspected:
        self.questions.append("file")
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if self.fault is not None:
            raise self.fault
        return inspection.Inspected(path, 1, 2, 3, b"D" * 32, ())

    def first(self, **changes: Any) -> FirstDecision:
        asking = but(ASKED, **changes)
        self.questions.clear()
        return asyncio.run(self.decider.decide_new(ALICE, "jitsudo", lambda search_path: asking))

    def again_for(self, *approvers: Subject, **changes: Any) -> FreshDecision:
        reviews = tuple(Review(by, Verdict.APPROVE, "", START) for by in approvers)
        asking = requested(what=replace(WAITING, **changes), reviews=reviews)
        self.questions.clear()
        return asyncio.run(self.decider.decide_again(asking))

    def lock(self) -> None:
        """Lock alice, from the thread that the store is used from, as soon as what it does now lets it."""
        self.lifecycle.handle(place(locked()))

    def lease(self, id: str, what: Command, **changes: Any) -> None:
        """Grant alice ``what`` for a while, as request ``id``, with bob's approval."""
        made = requested(id, what=what, **{"lasts_for": 60, "uses": 2, "waits": False, **changes})
        given = Permit("p", replace(Obligations(OPS, 900, 900, 5, Terms()), standing=self.policy.rules[0].standing))
        self.lifecycle.handle(submit(made), screened(made, given, attended=False))
        waiting = self.store.request(id)
        assert waiting is not None
        self.lifecycle.handle(review(waiting, BOB, decision=given, attended=False))

    def use(self, id: str) -> Decision:
        """The answer to a use that request ``id`` takes now."""
        found = self.store.request(id)
        assert found is not None
        self.questions.clear()
        return asyncio.run(self.decider.decide_use(found))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch)
    yield made
    made.workers.close()
    made.store.close()


# --- the order -------------------------------------------------------------------------------------------------------


def test_the_questions_come_in_one_order_the_first_time_and_later(house: House) -> None:
    found = house.first()
    assert (found.decision, found.command.digest, found.asked) == (Permit("p", rule().obligations), b"D" * 32, ASKED)
    assert house.questions == FIRST
    later = house.again_for(BOB)
    assert later.decision == Permit("p", rule().obligations)
    assert house.questions == LATER


REFUSALS: list[tuple[str, Callable[[House], Any], Why, int]] = [
    ("a lock", House.lock, Why.LOCKED, 2),
    ("no rule", lambda house: setattr(house, "policy", Policy((), "permit", "")), Why.NO_RULE, 3),
    ("the file", lambda house: setattr(house, "fault", inspection.Uninspectable("it is odd")), Why.ERROR, 4),
]


@pytest.mark.parametrize(("refuse", "why", "n_asked"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_the_first_no_is_the_answer_and_nothing_after_it_is_asked(house: House, refuse: Any, why: Why, n_asked: int) -> None:
    refuse(house)
    found = house.first().decision
    assert isinstance(found, Deny) and found.why is why
    assert house.questions == [*FIRST[:n_asked], "locks"]
    later = house.again_for(BOB)
    assert isinstance(later.decision, Deny) and later.decision.why is why and later.standing == ()
    assert house.questions == [*LATER[: n_asked + (n_asked > 2)], "locks"]


def test_operands_that_changed_are_a_no_before_any_approver_is_looked_up(house: House) -> None:
    house.changed = "argument 1 was changed"
    assert house.again_for(BOB).decision == Deny(Why.ERROR, "argument 1 was changed", "p")
    assert house.questions == [*LATER[:7], "locks"]


def test_a_requester_who_is_gone_is_denied_before_any_rule_is_asked(house: House) -> None:
    """THREATS K-14."""
    house.gone = ("alice",)
    assert house.again_for().decision == Deny(Why.ERROR, "the requester's account on this host is gone or has expired")
    assert house.questions == ["account", "locks", "alice", "locks"]


NO_TICKETS = Deny(
    Why.ACCOUNT,
    "the KDC issues no tickets for alice@EXAMPLE.TEST any more: the account is disabled, locked, expired or deleted",
)


def test_a_requester_whom_the_kdc_refuses_is_denied_at_the_request_and_at_each_use(house: House) -> None:
    """THREATS K-26: before PAM is asked, a file is opened or an approver is looked up; and enabled again, the lease goes on."""
    what = house.first().command
    house.lease("AAAA-AAAA", what)
    house.lease("CCCC-CCCC", what, lasts_for=None, uses=None)
    house.refused = (ALICE.principal,)
    assert house.first().decision == NO_TICKETS and house.questions == ["locks", "locks"]
    assert house.again_for(BOB).decision == NO_TICKETS and house.questions == ["locks", "locks"]
    assert house.use("CCCC-CCCC") == NO_TICKETS and house.questions == ["locks", "locks"]
    for id in ("AAAA-AAAA", "CCCC-CCCC"):
        grant = house.store.grant(id)
        assert grant is not None and grant.left == grant.uses, "and no use was taken"
    house.refused = ("mallory@EXAMPLE.TEST",)
    found = house.first().decision
    assert isinstance(found, Permit) and found.lease == "AAAA-AAAA"
    assert isinstance(house.use("CCCC-CCCC"), Permit)


@pytest.mark.parametrize("service", ["jitsudo", "sudo", "sshd"])
def test_the_kdc_is_asked_about_who_asks_by_any_program(house: House, service: str) -> None:
    """THREATS K-26."""
    house.policy = Policy((rule(services=(service,)),), "permit", "")
    house.refused = (ALICE.principal,)
    assert asyncio.run(house.decider.decide_new(ALICE, service, lambda search_path: ASKED)).decision == NO_TICKETS


@pytest.mark.parametrize("principal", ["local:alice", "root"])
def test_who_asks_without_a_ticket_is_not_asked_about_at_the_kdc(house: House, principal: str) -> None:
    house.refused = (principal,)
    assert asyncio.run(house.decider.refusal(replace(ALICE, principal=principal, ticket_ends_at=None))) is None
    assert house.asked_together == []


def test_who_was_proved_by_local_pam_is_denied_from_the_moment_when_a_kdc_answers(house: House) -> None:
    """THREATS K-22."""
    house.refused = ("pam:alice",)
    by_pam = replace(ALICE, principal="pam:alice")
    denial = asyncio.run(house.decider.refusal(by_pam))
    assert denial == Deny(
        Why.ERROR, "the requester was proved by local PAM, and a KDC can be reached again: kinit, and ask again"
    )


def test_who_is_locked_has_no_file_opened_and_learns_of_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-11."""
    house.lock()
    typed = (b"/usr/bin/../bin/env", b"x")
    assert house.first(argv=typed).command.path == b"/usr/bin/env"
    monkeypatch.setattr(path_lookup, "is_visible_absence", lambda path, uid, groups, *more: False)
    found = house.first(argv=typed)
    assert (found.command.path, found.command.digest) == (typed[0], b"")
    assert isinstance(found.decision, Deny) and found.decision.why is Why.LOCKED
    absent = (b"/usr/bin/../bin/no-such-thing", b"x")
    assert house.first(argv=absent).decision == found.decision


# --- how often -------------------------------------------------------------------------------------------------------

WORDS = ((b"/usr/bin/env",), (b"/usr/bin/../bin/env",), (b"/usr/bin",), (b"/usr/bin/no-such-thing",))
RULES = (
    (),
    (rule(),),
    (rule(commands=None, approvals=(), terms=Terms(env=("PGDATA",))),),
    (Rule("deny", "d", commands=(ENV,)), rule(commands=None)),
)


@pytest.mark.parametrize("rules", RULES, ids=["none", "one", "any", "deny"])
def test_rules_are_asked_at_most_twice_once_on_the_path_and_once_with_the_file(
    house: House, monkeypatch: pytest.MonkeyPatch, rules: tuple[Rule, ...]
) -> None:
    """Whatever is typed, brought along, hidden or no file at all. Where no file is opened, the second is of the name as typed."""
    house.policy = Policy(rules, "permit", "")
    seen = set()
    for argv, preserved, is_bare, is_hidden in product(WORDS, ((), ((b"PGDATA", b"/srv"),)), (False, True), (False, True)):
        monkeypatch.setattr(path_lookup, "is_visible_absence", lambda path, uid, groups, cwd=None, hides=is_hidden: not hides)
        house.first(argv=argv, preserved=preserved, is_bare=is_bare)
        asked = tuple(question for question in house.questions if question in ("rules", "file"))
        assert asked.count("rules") <= 2, (argv, preserved, is_bare, is_hidden)
        assert "file" not in asked or asked == ("rules", "file", "rules")
        seen.add(asked)
        house.again_for(BOB)
        assert house.questions.count("rules") <= 2
    assert ("rules", "file", "rules") in seen or rules in (RULES[0], RULES[3])


# --- one moment ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [House.first, House.again_for], ids=["the first time", "later"])
def test_rules_that_change_meanwhile_are_asked_and_those_before_are_not(house: House, ask: Any) -> None:
    new = Policy((Rule("deny", "d", because="not now"),), "permit", "")
    house.meanwhile = [lambda: setattr(house, "policy", new)]
    assert ask(house).decision == Deny(Why.RULE, "rule d: not now", "d")
    assert house.questions.count("file") == 1 and house.questions.count("rules") == 3


def test_a_deny_by_a_group_that_comes_meanwhile_holds_where_the_group_cannot_be_looked_up(house: House) -> None:
    """THREATS S-02: who asks was looked up under the rules before, which do not name that group. Its twin can be looked up."""
    new = Policy((Rule("deny", "d", who=("group:new",)), rule()), "permit", "")
    house.meanwhile = [lambda: setattr(house, "policy", new)]
    assert isinstance(house.first().decision, Permit)
    house.policy, house.silent = Policy((rule(),), "permit", ""), frozenset({"new"})
    assert isinstance(house.first().decision, Permit)
    house.meanwhile = [lambda: setattr(house, "policy", new)]
    found = house.first().decision
    assert isinstance(found, Deny) and found.why is Why.ERROR and "group new cannot be looked up now" in found.because


@pytest.mark.parametrize("ask", [House.first, House.again_for], ids=["the first time", "later"])
def test_a_lock_that_comes_meanwhile_is_the_answer(house: House, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the store's own thread: the lock is placed while the worker looks at the file."""
    run_for = house.workers.files.run

    async def locking(*given: Any) -> Any:
        answer = await run_for(*given)
        if not list(house.store.locks()):
            house.lock()
        return answer

    monkeypatch.setattr(house.workers.files, "run", locking)
    found = ask(house).decision
    assert isinstance(found, Deny) and found.why is Why.LOCKED
    assert house.questions.count("file") == 1 and "lease" not in house.questions


def test_the_rules_that_are_about_somebody_are_those_in_force(house: House) -> None:
    elsewhere, others = rule(name="elsewhere", hosts=(Glob("web*"),)), rule(name="others", who=("user:bob",))
    house.policy = Policy((elsewhere, rule(), others, rule(name="sudo", services=("sudo",))), "permit", "")
    assert [found.name for found in house.decider.rules_for(ALICE, "jitsudo")] == ["p"]
    assert [found.name for found in house.decider.rules_for(ALICE, "sudo")] == ["p", "sudo"]


def test_who_names_an_account_that_no_directory_answers_for_is_told_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not only that something took too long. What was not named is not looked up, and nobody who is not there is told of."""
    answer, looked = threading.Event(), []
    monkeypatch.setattr(workers, "PATIENCE", 0.05)
    monkeypatch.setattr(accounts, "target", lambda *given: looked.append(given) or answer.wait())
    while not looked:  # a busy host may not even begin to look in that time
        with pytest.raises(TimeoutError, match="a directory of accounts does not answer"):
            asyncio.run(house.decider.find_typed(ALICE, replace(ASKED, user="ghost")))
    answer.set()
    asyncio.run(house.decider.find_typed(ALICE, ASKED))
    assert set(looked) == {("ghost", None, "alice")}

    def nobody(*given: Any) -> None:
        raise accounts.NoSuchAccount("there is no such group here")

    monkeypatch.setattr(accounts, "target", nobody)
    monkeypatch.setattr(workers, "PATIENCE", 30.0)
    asyncio.run(house.decider.find_typed(BOB, replace(ASKED, group="ghost")))


# --- who counts, and what answers for it -----------------------------------------------------------------------------


def test_those_who_approved_are_told_as_they_are_now(house: House) -> None:
    """THREATS K-14: what a use that is taken later needs to count again: the answer as it is now, and who stands behind it."""
    found = house.again_for(BOB, CAROL)
    assert [who.user for who in found.standing] == ["bob", "carol"]
    assert all("new" in who.groups for who in found.standing)
    assert [review.by for review in found.request.reviews] == [BOB, CAROL]
    house.gone, house.refused = ("bob",), ()
    assert [who.user for who in house.again_for(BOB, CAROL).standing] == ["carol"]
    house.gone, house.refused = (), (CAROL.principal,)
    assert [who.user for who in house.again_for(BOB, CAROL).standing] == ["bob"]


def test_who_denied_does_not_stand_for_it(house: House) -> None:
    made = requested(what=WAITING, reviews=(Review(BOB, Verdict.DENY, "", START),))
    assert asyncio.run(house.decider.decide_again(made)).standing == ()


def test_approvers_are_looked_up_all_at_once(house: House) -> None:
    """A KDC that is silent keeps them waiting for its patience once, and not once for each of them."""
    made = requested(what=WAITING, reviews=tuple(Review(by, Verdict.APPROVE, "", START) for by in (BOB, CAROL)))
    house.together = threading.Barrier(2)

    async def both() -> tuple[Any, ...]:
        return await house.decider.approvers_now(made)

    assert [who.user for who in asyncio.run(both())] == ["bob", "carol"]


def test_root_and_who_has_no_ticket_are_not_asked_about_at_the_kdc(house: House) -> None:
    house.refused = ("local:alice", "root")
    for principal in house.refused:
        known = replace(ALICE, principal=principal, ticket_ends_at=None)
        assert asyncio.run(house.decider.standing(known)) is not None


def test_a_live_grant_answers_for_new_work_and_never_for_its_own_request(house: House) -> None:
    house.lease("AAAA-AAAA", house.first().command)
    house.lease("BBBB-BBBB", WAITING)
    found = house.first().decision
    assert isinstance(found, Permit) and found.lease == "AAAA-AAAA"
    later = house.again_for(BOB).decision
    assert isinstance(later, Permit) and later.lease == "BBBB-BBBB"
    own = requested("BBBB-BBBB", what=WAITING)
    alone = asyncio.run(house.decider.decide_again(own)).decision
    assert isinstance(alone, Permit) and alone.lease is None, "what a request got does not stand for what it still owes"


def test_where_no_approval_is_owed_no_lease_is_looked_for(house: House) -> None:
    house.policy = Policy((rule(approvals=()),), "permit", "")
    house.lease("AAAA-AAAA", house.first().command)
    found = house.first().decision
    assert isinstance(found, Permit) and found.lease is None and "lease" not in house.questions


def test_what_was_reviewed_and_is_decided_again_comes_to_the_same_answer(house: House) -> None:
    """The twin: nothing changed, and the review counts."""
    first = house.first()
    made = requested(what=first.command)
    house.lifecycle.handle(submit(made), screened(made, first.decision, attended=False))
    waiting = house.store.request(made.id)
    assert waiting is not None
    later = asyncio.run(house.decider.decide_again(waiting))
    assert later.decision == first.decision
    house.lifecycle.handle(review(waiting, BOB, decision=later.decision, attended=False))
    assert house.store.grant(made.id) is not None


def covered(house: House, command: Command, decision: Permit) -> Request:
    """A request of alice for ``command`` that her lease ``decision.lease`` has answered."""
    made = requested("BBBB-BBBB", what=command)
    house.lifecycle.handle(submit(made), screened(made, decision, attended=False))
    found = house.store.request(made.id)
    assert found is not None and found.lease == decision.lease
    return found


def test_a_use_under_a_lease_stands_on_the_approvals_of_the_lease(house: House) -> None:
    house.lease("AAAA-AAAA", house.first().command)
    found = house.first()
    assert isinstance(found.decision, Permit) and found.decision.lease == "AAAA-AAAA"
    later = covered(house, found.command, found.decision)
    assert isinstance(asyncio.run(house.decider.decide_use(later)), Permit)
    alone = asyncio.run(house.decider.decide_use(replace(later, lease=None)))
    assert isinstance(alone, Deny) and alone.why is Why.APPROVALS, "it has no approvals of its own"


def test_what_is_owed_for_a_lease_does_not_bar_its_own_later_uses(house: House) -> None:
    """One review is owed for a lease that broke glass, however often it is used; the review of another is one too many."""
    glass = BreakGlass("p", OPS, 3600, 1)
    house.policy = Policy((rule(approvals=(), break_glass=glass, name="glass"),), "permit", "")
    permits = Permit("glass", house.policy.rules[0].obligations)
    command = house.first(breaks_glass=True).command
    made = requested("AAAA-AAAA", what=command, lasts_for=60, uses=2, waits=False, breaks_glass=True)
    house.lifecycle.handle(submit(made), screened(made, permits, attended=False))
    later = replace(covered(house, command, replace(permits, lease=made.id)), breaks_glass=True)
    assert isinstance(asyncio.run(house.decider.decide_use(later)), Permit)
    barred = asyncio.run(house.decider.decide_use(replace(later, lease=None)))
    assert isinstance(barred, Deny) and barred.why is Why.REVIEW


def test_a_use_that_is_taken_already_is_not_one_too_many(house: House) -> None:
    house.lease("AAAA-AAAA", house.first().command, uses=1)
    found = house.store.request("AAAA-AAAA")
    assert found is not None
    assert isinstance(asyncio.run(house.decider.decide_use(found)), Permit)
    house.lifecycle.handle(Used(found.id, actor(ALICE), found.id, Terms()))
    assert isinstance(asyncio.run(house.decider.decide_use(found, n_taken=1)), Permit)
    spent = asyncio.run(house.decider.decide_use(found))
    assert isinstance(spent, Deny) and spent.why is Why.APPROVALS


def test_a_grant_whose_request_is_not_there_answers_for_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.lease("AAAA-AAAA", house.first().command)
    monkeypatch.setattr(house.store, "request", lambda id: None)
    found = house.first().decision
    assert isinstance(found, Permit) and found.lease is None


def test_a_request_that_owes_nothing_yet_is_screened_as_the_rule_now_says(house: House) -> None:
    made = requested(what=WAITING)
    assert made.obligations is None
    found = asyncio.run(house.decider.screen(made, Hearing()))
    assert (found.decision, found.heard) == (Permit("p", rule().obligations), ())


# --- what the command gives ------------------------------------------------------------------------------------------


def sum_up(house: House, permits: Rule, **changes: Any) -> tuple[tuple[Finding, ...] | None, int]:
    """What is found about alice's command under ``permits``, and how often jitd looked at files for it."""
    house.policy = Policy((permits,), "permit", "")
    found = house.first(**changes)
    assert isinstance(found.decision, Permit)
    return found.command.findings, house.questions.count("findings")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"approvals": (), "gatekeepers": ("calendar",)},
        {"approvals": (), "terms": Terms(observed=True)},
    ],
    ids=["people", "gatekeepers", "people who watch"],
)
def test_whoever_is_asked_is_told_what_the_command_gives(house: House, changes: dict[str, Any]) -> None:
    assert sum_up(house, rule(**changes)) == (FOUND, 1)


def test_what_a_command_gives_is_looked_for_only_if_somebody_is_asked(house: House) -> None:
    """Neither a permit that asks nobody nor a use under a lease pays for it."""
    assert sum_up(house, rule(approvals=())) == (None, 0)
    house.policy = Policy((), "permit", "")
    assert house.first().command.findings is None and "findings" not in house.questions
    house.policy = Policy((rule(),), "permit", "")
    house.lease("AAAA-AAAA", house.first().command)
    found = house.first()
    assert isinstance(found.decision, Permit) and found.decision.lease == "AAAA-AAAA"
    assert found.command.findings is None and "findings" not in house.questions
    house.policy = Policy((rule(uses=5, lasts_for=900),), "permit", "")
    assert isinstance(house.use("AAAA-AAAA"), Permit) and "findings" not in house.questions


def test_a_lease_covers_what_is_graded_otherwise_now(house: House) -> None:
    """What is seen of files warns people, and is no part of what they approved."""
    house.lease("AAAA-AAAA", house.first().command)
    house.graded = lambda: ()
    found = house.first()
    assert isinstance(found.decision, Permit) and found.decision.lease == "AAAA-AAAA"
    held = house.store.grant("AAAA-AAAA")
    assert held is not None and held.command.findings is None, "nor is it kept with the grant"
    request = house.store.request("AAAA-AAAA")
    assert request is not None and request.command.findings == FOUND


def test_files_that_do_not_answer_keep_nobody_from_being_asked(house: House) -> None:
    """THREATS O-09, and R-20: what depends on them is graded as the worst."""

    def silent() -> tuple[Finding, ...]:
        raise TimeoutError

    house.graded = silent
    found = house.first()
    assert found.decision == Permit("p", rule().obligations)
    assert found.command.findings == FINDINGS.without_answer(found.command, "alice")


IN_THE_MORNING = (read_hours("Mon-Fri 08:00-12:00 UTC", {"UTC": UTC}.get),)
AFTER_NOON = (read_hours("Mon-Fri 12:00-20:00 UTC", {"UTC": UTC}.get),)
AN_HOUR = 3600.0


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ((rule(),), ""),
        ((rule(hours=IN_THE_MORNING),), "rule p applies only Mon-Fri 08:00-12:00 UTC"),
        ((rule(hours=IN_THE_MORNING), rule(name="always")), ""),
        ((rule(hours=IN_THE_MORNING), rule(name="of-bob", who=("user:bob",))), "rule p applies only Mon-Fri 08:00-12:00 UTC"),
        ((rule(name="of-bob", who=("user:bob",)),), "no rule permits this"),
        ((), "no rule permits this"),
    ],
)
def test_that_no_rule_permits_it_any_more_is_known_before_somebody_approves(
    house: House, rules: tuple[Rule, ...], says: str
) -> None:
    """THREATS N-09: the reason for which a review would end the request, and nothing is said where one could permit it."""
    asking = requested(what=WAITING, rule="p")
    assert asyncio.run(house.decider.why_closed(asking)) == ""
    house.policy = Policy(rules, "permit", "")
    house.at = moment(4 * AN_HOUR)
    assert asyncio.run(house.decider.why_closed(asking)) == says
    decided = house.again_for().decision
    assert isinstance(decided, Deny) is bool(says)


def test_a_deny_whose_hours_have_begun_is_told_in_its_words(house: House) -> None:
    asking = requested(what=WAITING, rule="p")
    freeze = Rule("deny", "freeze", who=("user:alice",), because="no changes after noon", hours=AFTER_NOON)
    house.policy = Policy((rule(), freeze), "permit", "")
    assert asyncio.run(house.decider.why_closed(asking)) == "" and house.decider.rules_in_hours() == frozenset()
    house.at = moment(4 * AN_HOUR)
    assert "no changes after noon" in asyncio.run(house.decider.why_closed(asking))


def test_a_lock_that_comes_during_the_look_is_obeyed(house: House) -> None:
    run = house.workers.files.run_within

    async def and_lock(seconds: float, uid: int, work: Any, *given: Any) -> Any:
        answer = await run(seconds, uid, work, *given)
        if not given and not list(house.store.locks()):
            house.lock()
        return answer

    house.workers.files.run_within = and_lock  # type: ignore[method-assign]
    assert isinstance(house.first().decision, Deny)


def test_a_reviewer_reads_what_is_there_now_and_what_was_there_when_it_was_asked(house: House) -> None:
    """THREATS R-20: a link that was pointed elsewhere since."""
    before, now = Finding(Grade.CHANGES, "before"), Finding(Grade.GIVES, "now")
    house.graded = lambda: (now,)
    asking = requested(what=replace(WAITING, findings=(before,)))
    judged = asyncio.run(house.decider.judge_again(asking))
    assert judged.command.findings == (now, before)
    assert replace(judged, command=asking.command) == asking
    house.graded = lambda: ()
    assert asyncio.run(house.decider.judge_again(asking)).command.findings == (before,)


def test_a_reviewer_waits_for_no_file_system(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS O-09."""
    monkeypatch.setattr("jitd.deciding.decider.AGAIN_WITHIN", 0.05)
    answers = threading.Event()

    def hangs() -> tuple[Finding, ...]:
        answers.wait(30)
        return FOUND

    house.graded = hangs
    asking = requested(what=replace(WAITING, findings=()))
    assert asyncio.run(house.decider.judge_again(asking)) == asking
    answers.set()
