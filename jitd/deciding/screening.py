# SPDX-License-Identifier: Apache-2.0
"""Screening: find the command that is asked for, look at its file, and ask the policy.

Law: a file is opened only if the policy would permit its path. If a fact cannot be established, the answer is a denial that says
so. Everything here may block, and is called in a worker. Nothing here changes anything.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from jitd.core.breach import unbound
from jitd.core.command import Command, Operand, Pairs
from jitd.core.decision import Decision, Deny, Permit, Why
from jitd.core.deed import deed_of
from jitd.core.effects import Moment
from jitd.core.environment import let_in
from jitd.core.origin import Caller
from jitd.core.policy import Policy, denied_files, no_rule
from jitd.core.question import Question
from jitd.core.request import Request
from jitd.core.subject import Subject
from jitd.deciding import accounts
from jitd.deciding.command_lookup import Asked, Found, Nonsense, can_see, find, in_directory, is_in_sight, without_home
from jitd.deciding.knowledge import Knowledge
from jitd.files import inspection, operands, path_lookup
from jitd.files.digests import DigestCache
from jitd.files.silence import MOUNTS

_digests = DigestCache()
GONE = "the requester's account is gone or disabled, here or in the KDC"
GONE_AS_PROVED = "the requester was proved by local PAM, and a KDC can be reached again: kinit, and ask again"
_MOST_RULES = 4
"""How many rules may permit a command one after another, each because the one before has changed what it asks about."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The command as it was found, and the policy's answer. A request binds ``command``."""

    command: Command
    decision: Decision


def look(
    policy: Policy,
    asked: Asked,
    who: Subject,
    host: str,
    service: str,
    search_path: str,
    trusted: tuple[bytes, ...],
    now: Moment,
    knowledge: Knowledge,
) -> Sighting:
    """Find the command and ask the policy about it: the rules on its path, its file, the rules with the file, its operands. The
    owners of files on the mounts in ``trusted`` are believed. Raises command_lookup.Nonsense, and knowledge.Wanted.
    """
    glance = path_lookup.Look()
    sighting = _look(policy, asked, who, host, service, search_path, trusted, now, glance, knowledge)
    if isinstance(sighting.decision, Permit):
        return sighting
    if not asked.doubt:
        return replace(sighting, command=without_home(asked, sighting.command, who, glance))
    if asked.unseen is not None:
        with suppress(Nonsense):  # if a rule permits the file, the person may know of it
            unseen = look(policy, asked.unseen, who, host, service, search_path, trusted, now, knowledge)
            if isinstance(unseen.decision, Deny):
                return unseen
    because = f"{sighting.decision.because}; what would run is not known for certain: {asked.doubt}"
    return replace(sighting, decision=replace(sighting.decision, because=because))


def _look(
    policy: Policy,
    asked: Asked,
    who: Subject,
    host: str,
    service: str,
    search_path: str,
    trusted: tuple[bytes, ...],
    now: Moment,
    glance: path_lookup.Look,
    knowledge: Knowledge,
) -> Sighting:
    def about(found: Found, names: tuple[bytes, ...] = ()) -> Question:
        return Question(
            requester=who,
            command=found.command,
            service=service,
            host=host,
            reason=asked.reason,
            lasts_for=asked.lasts_for,
            uses=asked.uses,
            timeout_for=asked.timeout_for,
            chdir=asked.cwd if asked.chdir else None,
            is_own_group=found.is_own_group,
            is_missing=found.is_missing,
            writable_by=(),
            names=names,
            is_unopened=bool(found.command.path),
            tty=asked.tty,
            caller=asked.caller,
            breaks_glass=asked.breaks_glass,
        )

    def permits(unseen: Found) -> bool:
        # What is there must not show in whom the rules have asked: so the same is asked, whatever is there (THREATS S-11).
        question = knowledge.about = about(unseen)
        if not isinstance(_on_path(policy, question, now, knowledge), Permit):
            return False
        knowledge.find_all(policy, replace(question, names=denied_files(policy)), now.at)
        return True

    knowledge.about = None
    found = find(asked, who, service, search_path, permits, glance)
    if found.complaint and not found.unfit:
        return Sighting(found.command, Deny(Why.MISSING, found.complaint))
    # If the file counts as missing, nothing may be looked at that could tell whether it is there.
    question = about(found, () if found.is_missing else _names(policy, found.command, found.names))
    if found.complaint:
        decision = _on_path(policy, replace(question, is_missing=False), now, knowledge)
        is_denied = isinstance(decision, Deny) and decision.why in (Why.NO_RULE, Why.RULE, Why.ERROR, Why.AUTHENTICATION)
        return Sighting(found.command, decision if is_denied else Deny(Why.UNFIT, found.complaint))
    knowledge.about = knowledge.about or question  # not what a rule makes of it
    on_path = _on_path(policy, question, now, knowledge)
    sighting = _judged(policy, question, on_path, asked.preserved, trusted, now, glance, knowledge)
    if found.unfit and isinstance(sighting.decision, Permit):
        unfit = sighting.decision.denied(Why.ERROR, f"it cannot be executed: {found.unfit}")
        sighting = Sighting(sighting.command, unfit)
    sighting = _with_operands(sighting, who, service, trusted, glance)
    if isinstance(sighting.decision, Permit) or found.is_missing or is_in_sight(asked, found.command.path, who, glance):
        return sighting
    # The reason of the refusal would tell about the file. The answer and its path are those for a path where nothing is.
    typed = _as_typed(found.command, asked)
    as_missing = replace(question, command=typed, is_missing=True, names=())
    return Sighting(typed, no_rule(who) if isinstance(on_path, Permit) else _on_path(policy, as_missing, now, knowledge))


def unopened(asked: Asked, who: Subject, service: str, search_path: str) -> Command:
    """Return the command of a request that is denied before any rule is asked. The command is looked up, but no file is opened.
    Raises command_lookup.Nonsense.
    """
    asked, glance = asked.unseen or asked, path_lookup.Look()
    found = find(asked, who, service, search_path, lambda unseen: False, glance)
    if found.is_missing or is_in_sight(asked, found.command.path, who, glance):
        return without_home(asked, found.command, who, glance)
    return _as_typed(found.command, asked)


def _as_typed(command: Command, asked: Asked) -> Command:
    """Return ``command`` with the path and argv as typed, so that the command does not tell where the typed path leads."""
    return replace(command, path=asked.argv[0], argv=asked.argv)


def _names(policy: Policy, command: Command, known: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return all names of the command's file that a deny could have."""
    if not command.path:
        return ()
    return tuple(dict.fromkeys((*known, *path_lookup.same_files(command.path, denied_files(policy)))))


def _with_operands(
    sighting: Sighting, who: Subject, service: str, trusted: tuple[bytes, ...], glance: path_lookup.Look
) -> Sighting:
    """Add the operands to the command if somebody has to approve or review it, or if the rule wants the operands bound."""
    decision, command = sighting.decision, sighting.command
    if not isinstance(decision, Permit):
        return sighting
    terms, owed = decision.obligations.terms, decision.obligations
    if not (owed.approvals or owed.break_glass or terms.bound) or not command.path:
        return _bound_alone(sighting, service)
    groups = accounts.Groups(who.user, who.gid)

    def is_seen(path: bytes) -> bool:  # what is in /proc counts as seen, but is not looked at
        return path_lookup.is_visible_absence(path, who.uid, groups, command.cwd, glance)

    def is_told(operand: operands.Operand) -> bool:
        paths = (operand.path, operand.real)
        return bool(operand.digest) and all(path_lookup.is_readable(path, who.uid, groups, command.cwd) for path in paths)

    def is_read(path: bytes) -> bool:
        return (terms.bound or not terms.writable) and is_seen(path)

    MOUNTS.approach(path for _, path in operands.named(command.argv, command.cwd))
    view = inspection.View(accounts.trusted_uid(command.run_as), command.cwd, trusted)
    found = operands.find(command.argv, view, is_read, is_seen)
    named = tuple(Operand(o.at, o.path, o.digest, o.because, is_seen(o.path) and is_seen(o.real), is_told(o)) for o in found)
    return _bound_alone(Sighting(replace(command, operands=named), decision), service)


def _bound_alone(sighting: Sighting, service: str) -> Sighting:
    """Turn the permit into a denial if the rule wants the operands bound and one of them is not."""
    decision = sighting.decision
    if isinstance(decision, Permit):
        loose = unbound(decision.rule, decision.obligations.terms, sighting.command, service)
        if loose:
            return Sighting(sighting.command, decision.denied(Why.TERMS, loose))
    return sighting


def bound(command: Command) -> tuple[operands.Bound, ...]:
    """Return the operands of ``command`` as they are compared later."""
    return tuple((o.at, o.path, o.digest) for o in command.operands)


def look_again(
    policy: Policy, request: Request, who: Subject, trusted: tuple[bytes, ...], now: Moment, knowledge: Knowledge
) -> Decision:
    """Answer ``request`` again, with the policy and the facts as they are now. A changed file is a denial. Raises
    knowledge.Wanted.
    """
    try:
        is_own_group = accounts.is_own_group(request.command.run_as)
    except accounts.NoSuchAccount:
        return Deny(Why.ERROR, "the account to run as no longer exists")
    glance = path_lookup.Look()
    question = Question(
        requester=who,
        command=replace(request.command, digest=b""),
        service=request.service,
        host=request.host,
        reason=request.claims.reason,
        lasts_for=request.lasts_for,
        uses=request.uses,
        timeout_for=request.timeout_for,
        chdir=None,  # the directory is a part of the command by now, and the rule has allowed it
        is_own_group=is_own_group,
        is_missing=False,
        writable_by=(),
        names=_names(policy, request.command, path_lookup.names_of(request.command.path, glance)),
        is_unopened=bool(request.command.path),
        tty=request.claims.tty,
        caller=Caller(None, kept=request.caller, request=request.id),
        breaks_glass=request.breaks_glass,
    )
    knowledge.about = question
    on_path = _on_path(policy, question, now, knowledge)
    sighting = _judged(policy, question, on_path, (), trusted, now, glance, knowledge)
    if isinstance(sighting.decision, Deny):
        return sighting.decision
    if sighting.command.digest != request.command.digest:
        return sighting.decision.denied(Why.ERROR, "the command's file has changed since it was asked for")
    obligations = sighting.decision.obligations
    is_bound = obligations.terms.bound or (bool(obligations.approvals) and not obligations.terms.writable)
    if is_bound and request.command.path:
        command = request.command
        MOUNTS.approach(path for _, path in operands.named(command.argv, command.cwd))
        view = inspection.View(accounts.trusted_uid(command.run_as), command.cwd, trusted)
        changed = operands.drift(command.argv, view, bound(command))
        if changed:
            return sighting.decision.denied(Why.ERROR, changed)
    if loose := unbound(sighting.decision.rule, obligations.terms, request.command, request.service):
        return sighting.decision.denied(Why.TERMS, loose)
    before = request.command
    if replace(sighting.command, chdir=before.chdir, is_told=before.is_told) != before:
        return sighting.decision.denied(Why.TERMS, "the rule now wants another working directory")
    return sighting.decision


def _judged(
    policy: Policy,
    question: Question,
    decision: Decision,
    preserved: Pairs,
    trusted: tuple[bytes, ...],
    now: Moment,
    glance: path_lookup.Look,
    knowledge: Knowledge,
) -> Sighting:
    """Ask the rules again with the facts about the file. The file is opened only if ``decision``, the answer of the rules on the
    path, is a permit.

    The command is prepared as the permitting rule says, which was found before the file was opened. If it is another rule that
    answers for the command with its file, the command is prepared again, for that rule.
    """
    command = question.command
    for _ in range(_MOST_RULES):
        if not isinstance(decision, Permit) or not question.command.path:  # without a path there is no file to look at
            return Sighting(question.command, decision)
        knowledge.look_anew()
        prepared = _prepared(question, decision, preserved, trusted, glance)
        if isinstance(prepared, Sighting):
            return prepared
        command, file = prepared
        answer = _with_file(policy, question, command, file, now, knowledge)
        is_terms = isinstance(answer, Permit) or answer.why is Why.TERMS
        if not is_terms or answer.rule == decision.rule:
            return Sighting(command, answer)
        as_asked = replace(question.command, digest=file.digest)
        decision = _with_file(policy, question, as_asked, file, now, knowledge)
    told = "it cannot be said which rule permits this: each one asks for what another one changes"
    return Sighting(command, Deny(Why.ERROR, told))


def _prepared(
    question: Question, permit: Permit, preserved: Pairs, trusted: tuple[bytes, ...], glance: path_lookup.Look
) -> tuple[Command, inspection.Inspected] | Sighting:
    """Look at the file, and return the command as the rule of ``permit`` wants it, with the file. If that cannot be done, return
    what was found.

    Of ``preserved``, the variables that the permitting rule lets in are added to the command; the rest is left out, as with sudo
    -E. The rules on the path do not look at variables, so the variables are added after the first answer.
    """
    command = question.command
    if preserved:
        command = replace(command, variables=let_in(preserved, command, permit.obligations.terms.env))
    try:
        uid = accounts.trusted_uid(command.run_as)
        file = inspection.inspect(command.path, uid, cache=_digests, trusted=trusted, glance=glance)
        command = replace(command, digest=file.digest, is_told=_may_read(question.requester, command.path, glance))
        cwd = permit.obligations.terms.cwd.encode()
        if cwd != b"caller" and deed_of(question.service).is_executed:  # other programs would not obey the rule
            command = in_directory(command, cwd)
        elif question.chdir is not None and not command.cwd_inode:
            try:  # do not tell whether the directory exists
                command = in_directory(command, question.chdir)
            except OSError:
                command = replace(command, chdir=True)  # takes as long as the other branch
    except inspection.Uninspectable as fault:
        is_seen = can_see(question.requester, glance, command.path, *fault.looked_at)
        if fault.is_unfit and is_seen:
            return Sighting(command, permit.denied(Why.UNFIT, f"it cannot be executed: {fault}"))
        because = f": {fault}" if is_seen else ", or what executes it"
        return Sighting(command, permit.denied(Why.ERROR, f"the command's file cannot be looked at{because}"))
    except OSError as fault:
        return Sighting(command, permit.denied(Why.ERROR, f"the working directory cannot be looked at: {fault.strerror}"))
    return command, file


def _with_file(
    policy: Policy, question: Question, command: Command, file: inspection.Inspected, now: Moment, knowledge: Knowledge
) -> Decision:
    """Return what the rules say of ``command`` with its ``file``. The digest that they compare is the one that is bound."""
    knowledge.learn(frozenset({"fact.file_digest"}), {"fact.file_digest": file.digest.hex()})
    opened = replace(question, command=command, writable_by=file.writable_by, is_unopened=False)
    return knowledge.decide(policy, opened, now.at)


def _may_read(who: Subject, path: bytes, glance: path_lookup.Look) -> bool:
    return path_lookup.is_readable(path, who.uid, accounts.Groups(who.user, who.gid), None, glance)


def _on_path(policy: Policy, question: Question, now: Moment, knowledge: Knowledge) -> Decision:
    """Return what the rules say before any file is opened."""
    return knowledge.decide(policy, question, now.at)
