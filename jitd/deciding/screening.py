# SPDX-License-Identifier: Apache-2.0
"""Screening: finds the requested command, examines its file, and evaluates the policy.

Law: a file is opened only if the policy would permit its path. If a fact cannot be established, the answer is a denial, and the
reason of the denial says this. All functions in this module may block, so they are called in a worker. These functions change no
state.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace

from jitd.beside import filtering
from jitd.core.breach import unbound
from jitd.core.command import Command, Interpreter, Operand, Pairs
from jitd.core.decision import Decision, Deny, Permit, Why
from jitd.core.deed import deed_of
from jitd.core.edit import SUDOEDIT, Edits, NewFile, OldFile, Removal
from jitd.core.effects import Moment
from jitd.core.environment import let_in
from jitd.core.origin import Caller
from jitd.core.policy import Policy, masked_places, named_directories, named_files, no_rule
from jitd.core.question import Question
from jitd.core.request import Request
from jitd.core.several import for_all
from jitd.core.subject import Subject
from jitd.core.what import Program
from jitd.deciding import accounts, edits
from jitd.deciding.command_lookup import (
    Asked,
    Found,
    Nonsense,
    can_see,
    closed_beginning,
    each_edit,
    edit_asked,
    find,
    in_directory,
    is_in_sight,
    without_home,
)
from jitd.deciding.knowledge import Knowledge
from jitd.deciding.scripts import Scripts
from jitd.deciding.scripts import find as find_scripts
from jitd.files import inspection, operands, path_lookup
from jitd.files.digests import DigestCache
from jitd.files.names import Literals, names_of
from jitd.files.silence import MOUNTS
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import shown

_digests = DigestCache()
GONE = "the requester's account on this host is gone or has expired"
NO_TICKETS = "the KDC issues no tickets for {} any more: the account is disabled, locked, expired or deleted"
GONE_AS_PROVED = "the requester was proved by local PAM, and a KDC can be reached again: kinit, and ask again"
MOST_NAMED = 128 * 1024
"""Bytes of all that is shown of operands, which may be several for one argument: a list's row must fit into a frame."""
TOO_MUCH_NAMED = "its arguments could mean so many and so long paths that they cannot be shown to who approves it"
_ABOUT_PATH = (Why.NO_POLICY, Why.NO_RULE, Why.RULE, Why.ERROR, Why.AUTHENTICATION)
"""The denials that come before what is wrong with the file."""
_MOST_RULES = 4  # rules that are tried one after another: a permit may change the command, and another rule answer for that


@dataclass(frozen=True, slots=True)
class Sighting:
    """The command that jitd has found, and the policy's answer. If a request is made, it is for exactly this ``command``.
    ``scripts`` contains the texts that its approvers read. If ``is_found`` is False, the path of ``command`` is only what was
    typed: nothing exists there, or the requester cannot see where it leads. ``names`` are other names of the command's file,
    for masks.
    """

    command: Command
    decision: Decision
    scripts: Scripts = Scripts()
    is_found: bool = True
    names: tuple[bytes, ...] = ()

    def denied(self, why: Why, because: str) -> Sighting:
        """Return this sighting with a denial in place of its permit."""
        assert isinstance(self.decision, Permit), "nothing else is denied afterwards"
        return replace(self, decision=self.decision.denied(why, because), scripts=Scripts())


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
    """Find the command, and evaluate the policy: by the path alone, then with the file's facts, then look at the operands (the
    files that arguments name). The owners on mounts at ``trusted`` are believed. Raises command_lookup.Nonsense and
    knowledge.Wanted.
    """
    with path_lookup.Look() as glance:
        if asked.text is not None:
            look_at = _look_at_edits if asked.texts else _look_at_edit
            return look_at(policy, asked, who, host, service, trusted, now, glance, knowledge)
        sighting = _look(policy, asked, who, host, service, search_path, trusted, now, glance, knowledge)
        if isinstance(sighting.decision, Permit):
            return sighting
        if not asked.doubt:
            return replace(sighting, command=without_home(asked, sighting.command, who, glance))
        if asked.unseen is not None:
            with suppress(Nonsense):  # if a rule permits the file, the person may know that it exists
                unseen = look(policy, asked.unseen, who, host, service, search_path, trusted, now, knowledge)
                if isinstance(unseen.decision, Deny):
                    return unseen
        because = f"{sighting.decision.because}; what would run is not known for certain: {asked.doubt}"
        return replace(sighting, decision=replace(sighting.decision, because=because))


def _look_at_edit(
    policy: Policy,
    asked: Asked,
    who: Subject,
    host: str,
    service: str,
    trusted: tuple[bytes, ...],
    now: Moment,
    glance: path_lookup.Look,
    knowledge: Knowledge,
    together: Question | None = None,
) -> Sighting:
    """Find the file of an edit, evaluate the rules for its real path, and only then look at the file and its text. If nothing is
    there, the file is a new one, and the rule must permit that, too. It must also permit new files if one is removed again.
    ``together`` is the question about all files, if this is one of several: it is what providers get, who are asked once more
    when it is known where all files are.
    """
    found = edit_asked(asked, who, service)
    command, path = found.command, found.command.argv[1]
    assert command.edit is not None and asked.text is not None, "it is an edit"
    undone = asked.undone

    def decided(real: bytes, names: tuple[bytes, ...] = ()) -> Decision:
        question = _about_edit(asked, replace(found, command=replace(command, argv=(SUDOEDIT, real))), who, host, service, names)
        knowledge.about = together or question
        return _on_path(policy, question, now, knowledge)

    MOUNTS.approach((path,))
    unseen = path_lookup.beyond_sight(path, who.uid, accounts.Groups(who.user, who.gid), glance)
    if unseen is not None and isinstance(decision := decided(unseen), Deny):  # no look tells what is there (THREATS S-11)
        return Sighting(command, decision, is_found=False)
    try:
        real, is_new = _place_of(path, glance, may_be_new=undone is None or isinstance(undone.did, Removal))
        if unseen not in (None, real):
            raise inspection.Uninspectable("jitd finds it under another path")
    except inspection.Uninspectable as fault:
        is_removed = undone is not None and isinstance(undone.did, NewFile)
        told = f"{inspection.path_in_sentence(path)} cannot be {'removed' if is_removed else 'edited'}: {fault}"
        return Sighting(command, Deny(Why.UNFIT, told), is_found=False)
    command = replace(command, argv=(SUDOEDIT, real))
    names = _names(policy, command, (path,), glance)
    decision = decided(real, names)
    if isinstance(decision, Permit) and is_new:
        mode, run_as, after = decision.obligations.terms.new or 0, command.run_as, hashlib.sha256(asked.text).digest()
        command = replace(command, edit=None, makes=NewFile(0, 0, run_as.uid, run_as.gid, mode, after))
        decision = decided(real, names)
    elif isinstance(decision, Permit) and undone is not None and isinstance(undone.did, NewFile):
        command = replace(command, edit=None, removes=Removal(0, 0, 0, 0, 0, b"", undone.id))
        decision = decided(real, names)
    if isinstance(decision, Deny):
        return Sighting(command, decision)
    try:
        edits.refuse_links(path, command, who, trusted, glance)
        command, scripts = _as_it_is(command, asked, path, who, trusted, glance, is_new=is_new)
    except edits.CannotEdit as fault:
        return Sighting(command, decision.denied(Why.UNFIT, str(fault)))
    return Sighting(command, decision, scripts)


def _as_it_is(
    command: Command,
    asked: Asked,
    path: bytes,
    who: Subject,
    trusted: tuple[bytes, ...],
    glance: path_lookup.Look,
    *,
    is_new: bool,
) -> tuple[Command, Scripts]:
    """Return the command with the file as it is now, and the texts that its approvers read. Raises edits.CannotEdit."""
    undone, text = asked.undone, asked.text or b""
    if is_new:
        edits.refuse_removed(asked.base, path)
        new = edits.look_at_place(command, trusted, glance)
        command = replace(command, makes=new if undone is None else edits.making_again(new, path, undone))
        return command, edits.scripts_of(command, text)
    if undone is not None:
        edits.refuse_made(path, undone)
    looked = edits.look(command, who, trusted, glance)
    if undone is None:
        edits.refuse_changed(looked, path)
        command = replace(command, edit=looked.edit)
    elif command.removes is not None:
        command = replace(command, removes=edits.removing(looked.edit, path, undone))
        return command, edits.scripts_of_removal(command, looked.before)
    else:
        command = replace(command, edit=edits.undoing(looked.edit, path, undone))
    return command, edits.scripts_of(command, text, looked.before)


def _look_at_edits(
    policy: Policy,
    asked: Asked,
    who: Subject,
    host: str,
    service: str,
    trusted: tuple[bytes, ...],
    now: Moment,
    glance: path_lookup.Look,
    knowledge: Knowledge,
) -> Sighting:
    """Look at each file as if it were edited alone. Only if a rule permits each of them, decide about all of them together."""
    found = edit_asked(asked, who, service)
    typed = _about_edit(asked, found, who, host, service)
    each = [_look_at_edit(policy, one, who, host, service, trusted, now, glance, knowledge, typed) for one in each_edit(asked)]
    decision = for_all(one.decision for one in each)
    if isinstance(decision, Deny):
        return Sighting(found.command, decision, is_found=False)
    try:
        command, scripts = edits.together([(one.command, one.scripts) for one in each])
    except edits.CannotEdit as fault:
        return Sighting(found.command, decision.denied(Why.UNFIT, str(fault)), is_found=False)
    names = _names(policy, command, asked.argv[1:], glance)
    question = knowledge.about = _about_edit(asked, replace(found, command=command), who, host, service, names)
    decision = _on_path(policy, question, now, knowledge)
    return Sighting(command, decision, scripts if isinstance(decision, Permit) else Scripts())


def _about_edit(asked: Asked, found: Found, who: Subject, host: str, service: str, names: tuple[bytes, ...] = ()) -> Question:
    return Question(
        requester=who,
        command=found.command,
        service=service,
        host=host,
        reason=asked.reason,
        terms=asked.terms,
        chdir=None,
        is_own_group=found.is_own_group,
        is_missing=False,
        writable_by=(),
        names=names,
        tty=asked.tty,
        caller=asked.caller,
        breaks_glass=asked.breaks_glass,
    )


def _place_of(path: bytes, glance: path_lookup.Look, *, may_be_new: bool) -> tuple[bytes, bool]:
    """Return ``path`` with its directory resolved, and whether nothing is there, if the file may be new. Raises Uninspectable."""
    try:
        return path_lookup.resolve(path, b"/", b"", glance), False
    except inspection.Uninspectable as fault:
        if may_be_new and fault.is_absent and (real := path_lookup.vacant(path, glance)):
            return real, True
        raise


def _edit_again(
    command: Command, decision: Permit, who: Subject, trusted: tuple[bytes, ...], glance: path_lookup.Look
) -> Decision:
    """Return ``decision``, or a denial if the file, or the place of a new one, is not as it was for the request."""
    name = inspection.path_in_sentence(command.edited)
    done = "removed" if command.removes is not None else "written"
    try:
        match before := command.writes:
            case NewFile() as new:
                changed = f"the directory of {name}"
                place = edits.look_at_place(command, trusted, glance)
                is_same = replace(place, owner=new.owner, undoes=new.undoes, is_told=new.is_told) == before
            case OldFile():
                changed = name
                now = edits.look(command, who, trusted, glance).edit
                is_same = all(getattr(now, one) == getattr(before, one) for one in edits.BOUND)
            case Edits() | None:
                raise AssertionError("it is one file")
    except edits.CannotEdit as fault:
        return decision.denied(Why.ERROR, str(fault))
    if not is_same:
        return decision.denied(Why.ERROR, f"somebody changed {changed} after the request; nothing was {done}")
    return decision


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
            terms=asked.terms,
            chdir=asked.cwd if asked.chdir else None,
            is_own_group=found.is_own_group,
            is_missing=found.is_missing,
            writable_by=(),
            names=names,
            is_unopened=bool(found.command.path),
            tty=asked.tty,
            caller=asked.caller,
            breaks_glass=asked.breaks_glass,
            has_sudos_environment=bool(asked.file),
        )

    def permits(unseen: Found) -> bool:
        # The queries that the rules cause must not reveal what exists at the path. Therefore the queries are the same in every
        # case (THREATS S-11).
        question = knowledge.about = about(unseen)
        if not isinstance(_on_path(policy, question, now, knowledge), Permit):
            return False
        knowledge.find_all(policy, replace(question, names=named_files(policy)), now.at)
        return True

    knowledge.about = None
    found = find(asked, who, service, search_path, permits, glance)
    if found.complaint and not found.unfit:
        return Sighting(found.command, Deny(Why.MISSING, found.complaint))
    # If the file is treated as missing, do nothing that could reveal whether it exists.
    question = about(found, () if found.is_missing else _names(policy, found.command, found.typed, glance))
    names = () if found.is_missing else _names(policy, found.command, found.typed, glance, for_masks=True)
    if found.complaint:
        decision = _on_path(policy, replace(question, is_missing=False), now, knowledge)
        is_denied = isinstance(decision, Deny) and decision.why in _ABOUT_PATH
        return Sighting(found.command, decision if is_denied else Deny(Why.UNFIT, found.complaint), names=names)
    knowledge.about = knowledge.about or question  # the command as it was typed, before a rule changes it
    on_path = _on_path(policy, question, now, knowledge)
    sighting = _judged(policy, question, on_path, asked.preserved, trusted, now, glance, knowledge)
    sighting = replace(sighting, names=names)
    if found.unfit and isinstance(sighting.decision, Permit):
        sighting = sighting.denied(Why.ERROR, f"it cannot be executed: {found.unfit}")
    sighting = _where_it_may_go(sighting, who, service, glance)
    sighting = _where_a_group_can_be_given(sighting, service)
    sighting = _with_operands(policy, sighting, who, trusted, glance)
    if isinstance(sighting.decision, Permit) or found.is_missing or is_in_sight(asked, found.command.path, who, glance):
        return replace(sighting, is_found=False) if found.is_missing else sighting
    # The reason of the refusal would reveal something about the file. Therefore answer as for a path where nothing exists.
    typed = _as_typed(found.command, asked)
    as_missing = replace(question, command=typed, is_missing=True, names=())
    decision = no_rule(who) if isinstance(on_path, Permit) else _on_path(policy, as_missing, now, knowledge)
    return Sighting(typed, decision, is_found=False)


def _where_it_may_go(sighting: Sighting, who: Subject, service: str, glance: path_lookup.Look) -> Sighting:
    """Deny what certainly cannot begin in its directory: people would be asked to approve what cannot start."""
    decision, command = sighting.decision, sighting.command
    if not isinstance(decision, Permit) or not deed_of(service).is_executed:
        return sighting
    MOUNTS.approach((command.cwd,))
    closed = closed_beginning(command, who, glance)
    if not closed:
        return sighting
    user = shown(command.run_as.user) if command.run_as.uid else "root"
    return sighting.denied(Why.UNFIT, f"{user} may not enter the working directory {shown(closed)}")


def _where_a_group_can_be_given(sighting: Sighting, service: str) -> Sighting:
    """If a command would have a group that its account does not have, and this host cannot keep the group in the run, change a
    permit into a denial. Otherwise people would be asked to approve what cannot start.
    """
    decision, command = sighting.decision, sighting.command
    if not isinstance(decision, Permit) or not deed_of(service).is_executed or accounts.given_gid(command.run_as) is None:
        return sighting
    if not (fault := filtering.can_confine()):
        return sighting
    lacks = f"{command.run_as.user} is not a member of the group {command.run_as.group}"
    return sighting.denied(Why.UNFIT, f"{lacks}, and the group cannot be kept in one run: {fault}")


def unopened(policy: Policy, asked: Asked, who: Subject, service: str, search_path: str, denial: Deny) -> Sighting:
    """Return the command of a request that gets ``denial`` without evaluating rules. The function looks up the command, but does
    not open a file. Raises command_lookup.Nonsense.
    """
    if asked.text is not None:
        return Sighting(edit_asked(asked, who, service).command, denial, is_found=False)
    asked = asked.unseen or asked
    with path_lookup.Look() as glance:
        found = find(asked, who, service, search_path, lambda unseen: False, glance)
        if found.is_missing or is_in_sight(asked, found.command.path, who, glance):
            known = () if found.is_missing else _names(policy, found.command, found.typed, glance, for_masks=True)
            return Sighting(without_home(asked, found.command, who, glance), denial, is_found=not found.is_missing, names=known)
    return Sighting(_as_typed(found.command, asked), denial, is_found=False)


def _as_typed(command: Command, asked: Asked) -> Command:
    """With the typed path and argv, so that the result does not reveal where the typed path leads."""
    return replace(command, path=asked.name, argv=asked.argv)


def _names(
    policy: Policy, command: Command, typed: tuple[bytes, ...], glance: path_lookup.Look, *, for_masks: bool = False
) -> tuple[bytes, ...]:
    """Return the other names by which denies, or masks, could name the command's file, or the file that is edited."""
    if len(files := command.each) > 1:
        each = (_names(policy, one, typed, glance, for_masks=for_masks) for one in files)
        return tuple(dict.fromkeys(name for names in each for name in names))
    named = Literals(named_files(policy), named_directories(policy))
    if not command.file or named == Literals() or (for_masks and not policy.index.masking):
        return ()
    # What a program does may depend on the link by which it is called, so a deny on such a link is none on the program. What it
    # is told, such as a password, is a secret by any name, and a text is the same by any link.
    is_link_its_own = command.writes is None and not for_masks
    found = names_of((*typed, command.file), named, glance, is_link_its_own=is_link_its_own)
    return tuple(name for name in found if name != command.file)


def _with_operands(
    policy: Policy, sighting: Sighting, who: Subject, trusted: tuple[bytes, ...], glance: path_lookup.Look
) -> Sighting:
    """Add the files that arguments name, if somebody approves or reviews the command, or if the rule refuses them (``bound``)."""
    decision, command = sighting.decision, sighting.command
    if not isinstance(decision, Permit):
        return sighting
    terms, owed = decision.obligations.terms, decision.obligations
    if not (owed.approvals or owed.break_glass or terms.bound) or not command.path:
        return _bound_alone(policy, sighting)
    groups = accounts.Groups(who.user, who.gid)

    # paths in /proc are treated as seen, but jitd does not look at them
    def is_seen(path: bytes) -> bool:
        return path_lookup.is_visible_absence(path, who.uid, groups, command.cwd, glance)

    def tells(path: bytes, glance: path_lookup.Look) -> bool:
        return path_lookup.is_readable(path, who.uid, groups, command.cwd, glance)

    def is_told(operand: operands.Operand) -> bool:
        paths = (operand.path, operand.real)
        return bool(operand.digest) and all(path_lookup.is_readable(path, who.uid, groups, command.cwd, glance) for path in paths)

    def is_read(path: bytes) -> bool:
        return not (terms.bound or terms.writable) and is_seen(path)

    MOUNTS.approach(path for _, path in operands.named(command.argv, command.cwd))
    view = inspection.View(accounts.trusted_uid(command.run_as), command.cwd, trusted)
    found = operands.find(command.argv, view, is_read, is_seen, tells=tells, glance=glance, and_absent=terms.bound)
    named = tuple(Operand(o.at, o.path, o.digest, o.because, is_seen(o.path) and is_seen(o.real), is_told(o)) for o in found)
    if sum(len(encode_basestring_ascii(shown(o.path) + shown(o.because))) for o in named) > MOST_NAMED:
        return sighting.denied(Why.TERMS, TOO_MUCH_NAMED)
    return _with_scripts(_bound_alone(policy, replace(sighting, command=replace(command, operands=named))), who)


def _with_scripts(sighting: Sighting, who: Subject) -> Sighting:
    """Add the texts that the command will run or read as code, if somebody has to approve or review the command."""
    decision = sighting.decision
    if not isinstance(decision, Permit) or not (decision.obligations.approvals or decision.obligations.break_glass):
        return sighting
    return replace(sighting, scripts=find_scripts(sighting.command, who, is_fixed=not decision.obligations.terms.writable))


def _bound_alone(policy: Policy, sighting: Sighting) -> Sighting:
    """A rule may refuse operands (``bound``). If the command has one, change the permit of such a rule into a denial."""
    decision = sighting.decision
    if isinstance(decision, Permit) and decision.obligations.terms.bound:
        masked = masked_places(policy, sighting.command, names=sighting.names)  # the sentence is recorded, and may not quote them
        loose = unbound(decision.rule, decision.obligations.terms, replace(sighting.command, masked=masked))
        if loose:
            return sighting.denied(Why.TERMS, loose)
    return sighting


def bound(command: Command) -> tuple[operands.Bound, ...]:
    """Return the operands of ``command`` in the form in which jitd compares them later."""
    return tuple((o.at, o.path, o.digest) for o in command.operands)


def bound_interpreters(command: Command) -> tuple[tuple[bytes, bytes], ...]:
    """Return the interpreters of ``command`` in the form in which jitd compares them later."""
    return tuple((one.path, one.digest) for one in command.interpreters)


def look_again(
    policy: Policy, request: Request, who: Subject, trusted: tuple[bytes, ...], now: Moment, knowledge: Knowledge
) -> Decision:
    """Decide again with the present policy and facts. A file that has changed is denied. Raises knowledge.Wanted."""
    with path_lookup.Look() as glance:
        return _looked_again(policy, request, who, trusted, now, glance, knowledge)


def _looked_again(
    policy: Policy,
    request: Request,
    who: Subject,
    trusted: tuple[bytes, ...],
    now: Moment,
    glance: path_lookup.Look,
    knowledge: Knowledge,
) -> Decision:
    try:
        is_own_group = accounts.is_own_group(request.command.run_as)
    except accounts.NoSuchAccount:
        return Deny(Why.ERROR, "the account to run as no longer exists")
    question = Question(
        requester=who,
        command=replace(request.command, digest=b"", interpreters=()),
        service=request.service,
        host=request.host,
        reason=request.claims.reason,
        terms=request.terms,
        # the directory is already a part of the command, and the rule has allowed it
        chdir=None,
        is_own_group=is_own_group,
        is_missing=False,
        writable_by=(),
        names=_names(policy, request.command, (), glance),
        is_unopened=isinstance(request.command.what, Program),
        tty=request.claims.tty,
        caller=Caller(None, kept=request.caller, request=request.id),
        breaks_glass=request.breaks_glass,
        has_sudos_environment=request.has_sudos_environment,
    )
    knowledge.about = question
    on_path = _on_path(policy, question, now, knowledge)
    if request.command.writes is not None:
        for one in request.command.each:
            if isinstance(on_path, Permit):
                on_path = _edit_again(one, on_path, who, trusted, glance)
        return on_path
    sighting = _judged(policy, question, on_path, (), trusted, now, glance, knowledge)
    if isinstance(sighting.decision, Deny):
        return sighting.decision
    if sighting.command.digest != request.command.digest:
        return sighting.decision.denied(Why.ERROR, "the command's file has changed since it was asked for")
    if bound_interpreters(sighting.command) != bound_interpreters(request.command):
        return sighting.decision.denied(Why.ERROR, "what executes the command's file has changed since it was asked for")
    obligations = sighting.decision.obligations
    is_bound = obligations.terms.bound or (bool(obligations.approvals) and not obligations.terms.writable)
    if is_bound and request.command.path:
        command = request.command
        MOUNTS.approach(path for _, path in operands.named(command.argv, command.cwd))
        view = inspection.View(accounts.trusted_uid(command.run_as), command.cwd, trusted)
        masked = {at for at, _ in command.masked}
        changed = operands.drift(command.argv, view, bound(command), masked, glance=glance, and_absent=obligations.terms.bound)
        if changed:
            return sighting.decision.denied(Why.ERROR, changed)
    if loose := unbound(sighting.decision.rule, obligations.terms, request.command):
        return sighting.decision.denied(Why.TERMS, loose)
    before = request.command
    same = replace(sighting.command, chdir=before.chdir, is_told=before.is_told, interpreters=before.interpreters)
    if same != before:
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
    """Evaluate the rules again with the facts about the file. ``decision`` is the answer that the rules gave before jitd opened
    the file. The file is opened only if ``decision`` is a permit.

    First, the function prepares the command for the rule that permitted the path. It evaluates the rules for the prepared
    command with the facts about the file. If another rule applies now, the function evaluates the rules for the original command
    with these facts, and prepares the command again for the rule that permits it.
    """
    command = question.command
    for _ in range(_MOST_RULES):
        if not isinstance(decision, Permit) or not question.command.path:  # without a path, there is no file
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
        as_asked = replace(question.command, digest=file.digest, interpreters=command.interpreters)
        decision = _with_file(policy, question, as_asked, file, now, knowledge)
    told = "no single rule permits this: each permit changes the command, and then another rule applies"
    return Sighting(command, Deny(Why.ERROR, told))


def _prepared(
    question: Question, permit: Permit, preserved: Pairs, trusted: tuple[bytes, ...], glance: path_lookup.Look
) -> tuple[Command, inspection.Inspected] | Sighting:
    """Examine the file. Return the command in the form that the rule of ``permit`` requires, together with the file. If the file
    cannot be examined, return a Sighting with a denial.

    The function adds a variable in ``preserved`` to the command if the permitting rule allows the variable. It drops the other
    variables in ``preserved``, as sudo -E does. The rules that jitd evaluated before this call do not depend on variables.
    Therefore it is early enough to add the variables here.
    """
    command = question.command
    if preserved:
        command = replace(command, variables=let_in(preserved, command, permit.obligations.terms.env))
    try:
        uid = accounts.trusted_uid(command.run_as)
        file = inspection.inspect(command.path, uid, cache=_digests, trusted=trusted, glance=glance)
        who = question.requester
        interpreters = tuple(
            Interpreter(
                one.path, one.digest, one.writable_by[0], all(_may_read(who, path, glance) for path in (one.path, one.real))
            )
            for one in file.interpreters
        )
        is_told = _may_read(who, command.path, glance)
        command = replace(command, digest=file.digest, is_told=is_told, interpreters=interpreters)
        cwd = permit.obligations.terms.cwd.encode()
        # programs other than jitsudo would not obey the rule
        if cwd != b"caller" and deed_of(question.service).is_executed:
            command = in_directory(command, cwd, glance)
        elif question.chdir is not None and not command.cwd_inode:
            try:  # do not reveal whether the directory exists
                command = in_directory(command, question.chdir, glance)
            except OSError:
                command = replace(command, chdir=True)  # this branch takes as long as the other one
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
    """Return the answer with the facts about ``file``, whose digest the request stores, too."""
    knowledge.learn(frozenset({"fact.file_digest"}), {"fact.file_digest": file.digest.hex()})
    opened = replace(question, command=command, writable_by=file.writable_by, by_name=file.by_name, is_unopened=False)
    return knowledge.decide(policy, opened, now.at)


def _may_read(who: Subject, path: bytes, glance: path_lookup.Look) -> bool:
    return path_lookup.is_readable(path, who.uid, accounts.Groups(who.user, who.gid), None, glance)


def _on_path(policy: Policy, question: Question, now: Moment, knowledge: Knowledge) -> Decision:
    """Evaluate the rules before jitd opens the command's file, and return their answer."""
    return knowledge.decide(policy, question, now.at)
