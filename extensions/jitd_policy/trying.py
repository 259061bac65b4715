# SPDX-License-Identifier: Apache-2.0
"""Tries cases: asks ``core.policy.decide``, and compares its answer with what the table says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from jitd.core.asked_terms import USUAL
from jitd.core.authentication import Authentication
from jitd.core.command import MAX_ID, Command, RunAs
from jitd.core.decision import Approval, Decision, Deny, Permit, Why
from jitd.core.edit import SUDOEDIT, Edit, NewFile
from jitd.core.facts import Facts, Unknown
from jitd.core.grade import Seen, worst
from jitd.core.grader import Grader
from jitd.core.keys.approvals import describe_approvals
from jitd.core.keys.run_as import SELF
from jitd.core.policy import Policy, decide, groups_named
from jitd.core.question import Question
from jitd.core.subject import BY_PAM, LOCAL, ROOT, Subject
from jitd_policy.cases import Approvals, Case, Person

NOT_SAID = "the table does not say it"
NO_TIME = datetime(1, 1, 1)  # without a zone: a condition that needs the time fails, as every other condition of what is unknown
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one case. ``missed`` are sentences about what is not as the table says, without a full stop. ``question`` and
    ``known`` are what the policy was asked.
    """

    case: Case
    question: Question
    known: Facts
    answer: Decision
    missed: tuple[str, ...]

    @property
    def at(self) -> datetime:
        return self.case.at or NO_TIME


def try_all(
    policy: Policy, cases: Sequence[Case], names: Mapping[str, object], grader: Grader | None, host: str = ""
) -> Iterator[Trial]:
    """Try ``cases``. ``names`` are those that rules may use, and ``host`` is the host of a case that names none."""
    unknown: Facts = {name: Unknown(NOT_SAID) for name in names if name.startswith("fact.")}
    groups = groups_named(policy).names
    accounts = {case.who.user: case.who.uid for case in cases}
    needs_host = any(rule.hosts is not None for rule in policy.rules)
    for case in cases:
        question = _question(replace(case, host=case.host or host), groups, accounts)
        known = {**unknown, **case.facts}
        answer = decide(policy, question, case.at or NO_TIME, known)
        if case.kind == "new_file" and isinstance(answer, Permit):  # the rule that permits the edit says the mode, as on a host
            question = _of_new_file(question, answer.obligations.terms.new or 0)
            answer = decide(policy, question, case.at or NO_TIME, known)
        if needs_host and not question.host:
            answer = Deny(Why.ERROR, 'rules name hosts, and the table does not say on which host: write "host"')
        elif case.at is None and isinstance(answer, Deny) and answer.why is Why.ERROR:
            answer = replace(answer, because=f'{answer.because}; the table does not say when: write "at"')
        yield Trial(case, question, known, answer, tuple(_missed(case, question.command, answer, grader)))


def _question(case: Case, groups: frozenset[str], accounts: Mapping[str, int]) -> Question:
    """``groups`` are those that rules name, and ``accounts`` the uids of the people of the tables."""
    who = _subject(case.who, case.at or NO_TIME, groups)
    user, colon, group = case.run_as.partition(":")
    user = who.user if user == SELF else user
    uid = 0 if user == ROOT else accounts.get(user, MAX_ID)
    edit = Edit(0, 0, 0, 0, 0o644, b"", b"") if case.kind in ("edit", "new_file") else None
    argv = (SUDOEDIT, *case.words) if edit else case.words
    path = SUDOEDIT if edit else b"" if case.kind == "gives" else argv[0]
    variables = tuple((name.encode(), value.encode()) for name, value in case.env.items())
    command = Command(argv, path, b"", RunAs(user, uid, group or user, uid), b"/", 0, 0, variables, (), ())
    return Question(
        requester=who,
        command=replace(command, edit=edit, gives=case.kind == "gives"),
        service=case.service,
        host=case.host,
        reason=case.reason,
        terms=replace(USUAL, lasts_for=case.lasts, uses=case.uses),
        chdir=None,
        is_own_group=not colon,
        is_missing=False,
        writable_by=case.writable_by,
        names=case.names,
        breaks_glass=case.breaks_glass,
    )


def _of_new_file(question: Question, mode: int) -> Question:
    run_as = question.command.run_as
    new = NewFile(0, 0, run_as.uid, run_as.gid, mode, b"")
    return replace(question, command=replace(question.command, edit=None, makes=new))


def _subject(who: Person, at: datetime, groups: frozenset[str]) -> Subject:
    if who.user == ROOT:
        return Subject(ROOT, ROOT, 0, 0, frozenset({ROOT}), ROOT, None)
    principal = {"password": f"{BY_PAM}{who.user}", "nothing": f"{LOCAL}{who.user}"}.get(who.proved_by, who.principal)
    has_ticket = who.proved_by == "ticket"
    return Subject(
        principal,
        who.user,
        who.uid,
        who.uid,
        who.groups or frozenset(),
        who.user,
        None,
        perhaps=frozenset() if has_ticket else frozenset({who.principal}),
        unsure=groups if who.groups is None else frozenset(),
        authentication=_authentication(who, at) if has_ticket else None,
    )


def _authentication(who: Person, at: datetime) -> Authentication | None:
    """Return None if the table says nothing of it. What it does not say meets no demand: a ticket is old, and was forwarded."""
    if (who.authenticated_for, who.indicators, who.is_forwarded) == (None, None, None):
        return None
    since = LONG_AGO if who.authenticated_for is None or at is NO_TIME else at - timedelta(seconds=who.authenticated_for)
    flags = ("forwarded",) if who.is_forwarded is not False else ()
    return Authentication(since, at, flags, who.indicators or (), "", "", (who.principal.rpartition("@")[2],))


def _missed(case: Case, command: Command, answer: Decision, grader: Grader | None) -> Iterator[str]:
    if outcome_of(answer) != case.outcome:
        yield f"it should {_SHOULD[case.outcome]}, but {told(answer)}"
        return
    if case.rule is not None and answer.rule != case.rule:
        yield f"rule {case.rule} should decide, but {told(answer)}"
    if case.approvals is not None and isinstance(answer, Permit) and _owed(answer.obligations.approvals) != case.approvals:
        yield f"it should owe {_in_words(case.approvals)}, but owes {describe_approvals(answer.obligations.approvals)}"
    if case.grade is not None:
        if grader is None:
            yield f"its grade should be {case.grade}, but no grade is told without the extension commands"
        elif (found := worst(grader.findings_of(command, _unseen, requester=case.who.user)).word) != case.grade:
            yield f"its grade should be {case.grade}, but is {found}"


_SHOULD = {"permit": "be permitted", "deny": "be denied", "error": "fail, and so be denied"}


def outcome_of(answer: Decision) -> str:
    if isinstance(answer, Permit):
        return "permit"
    return "error" if answer.why is Why.ERROR else "deny"


def told(answer: Decision) -> str:
    """Return what was decided, as a part of a sentence."""
    if isinstance(answer, Permit):
        return f"rule {answer.rule} permits it, with {describe_approvals(answer.obligations.approvals)}"
    return f"it {'fails' if answer.why is Why.ERROR else 'is denied'}: {answer.because}"


def sentences(trials: Iterable[Trial]) -> Iterator[str]:
    """Yield a sentence for each thing that is not as its table says."""
    return (f"{one.case.place}: {one.case.name}: {missed}" for one in trials for missed in one.missed)


def _owed(approvals: tuple[Approval, ...]) -> Approvals:
    return tuple(tuple((way.need, way.of_whom) for way in approval.ways) for approval in approvals)


def _in_words(approvals: Approvals) -> str:
    ways = [[Approval(need, of_whom) for need, of_whom in one] for one in approvals]
    return describe_approvals(tuple(replace(first, instead=tuple(others)) for first, *others in ways))


def _unseen(path: str) -> Seen | None:
    """Say nothing of ``path``: the case may be about a host that is not this one."""
    return None
