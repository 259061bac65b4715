# SPDX-License-Identifier: Apache-2.0
"""Makes rows of core objects. The names in these rows are the stable names that ``--json`` and the protocol's items use.

Law: only ``shown`` converts bytes to text. Times are in RFC 3339 format, in UTC. Facts and claims are in separate fields.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from jitd.core.approvers import lack, owes, tally
from jitd.core.command import Command
from jitd.core.decision import Approval, BreakGlass, Decision, Deny, Terms
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.effects import Moment
from jitd.core.grade import Finding, grades
from jitd.core.grant import Grant
from jitd.core.holding import Holding, HoldingState, Untaken
from jitd.core.keys.approvals import describe_approvals
from jitd.core.lock import Lock, counted, sentence
from jitd.core.masking import MASKED, NAMED_BY_A_MASK
from jitd.core.policy import Rule, describe
from jitd.core.public_key import told_of
from jitd.core.request import Request, RequestState, Verdict, how_often, lasts, open_ways
from jitd.core.run import Run, Usage
from jitd.core.subject import Identity, Subject
from jitpam.wire import rows
from jitpam.wire.shown import reshown, shown, unshown

Row = dict[str, Any]
NOTHING: Mapping[str, str] = MappingProxyType({})
Why = Callable[[str], Untaken | None]  # why the holding's thing cannot be taken back yet, or cannot be renewed


def instant(at: datetime | None) -> str | None:
    """Return ``at`` in RFC 3339 format in UTC, in full seconds. If ``at`` is None, return None."""
    # strftime(3) would check in each call whether the host's time zone has changed.
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def on_host(at: datetime | None) -> str:
    """Return ``at`` in this host's time zone, which is named because the person's ``TZ`` may be another."""
    return "a time that is not known" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def is_masked(command: Command, at: int) -> bool:
    """True if the word ``at`` of the command line is masked, or a part of it."""
    return any(place == at for place, _ in command.masked)


def _texts(words: Iterable[str | bytes]) -> tuple[str, ...]:
    return tuple(map(shown, words))


def _pairs(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((shown(name), shown(value)) for name, value in pairs)


def _approvals(owed: tuple[Approval, ...], *, is_own: bool = False) -> tuple[rows.Approval, ...]:
    """If a provider has given a list of approvers, the requester does not get the names."""
    told = [approval.with_lists(lambda also: None) for approval in owed] if is_own else owed
    return tuple(rows.Approval(**_way(one), instead=tuple(rows.Way(**_way(way)) for way in one.instead)) for one in told)


def _way(way: Approval) -> dict[str, Any]:
    return dict(
        need=way.need,
        from_=_texts(way.of_whom),
        indicators=tuple(way.demand.indicators),
        ticket_age=way.demand.ticket_age,
        forwarded=way.demand.forwarded,
        door=way.demand.door,
        demand=str(way.demand),
        after=way.after,  # seconds after submission at which this way opens
        also=way.also,
        among=None if way.among is None else _texts(way.among),
    )


def _authentication(who: Identity) -> rows.Authentication | None:
    """``age`` is in seconds, as of the moment when jitd read the ticket. None if nothing is known."""
    given = who.authentication
    if given is None:
        return None
    return rows.Authentication(
        at=instant(given.at),
        age=given.age_at(given.looked_at),
        flags=tuple(given.flags),
        indicators=tuple(given.indicators),
        ticket_encryption=given.ticket_encryption,
        session_encryption=given.session_encryption,
        realms=_texts(given.realms),
        by_door=given.by_door,
    )


def _command(command: Command, *, is_own: bool) -> dict[str, Any]:
    """Return the members of a row about a command. If it is the viewer's own, they see the digest of its file only if it is
    certain that the requester is able to read this file.
    """
    return dict(
        argv=_texts(command.told_argv),
        path=shown(command.path),
        digest=command.digest.hex() if command.is_told or not is_own else "",
        run_as=shown(command.run_as.user),
        run_as_group=shown(command.run_as.group),
        run_as_uid=command.run_as.uid,
        cwd=shown(command.cwd),
        variables=_pairs(command.variables),
        locale=_pairs(command.locale),
        streams=tuple(command.streams),
        options=_texts(command.options),
        doubt=shown(command.doubt),
        chdir=command.chdir,
        gives=tuple(command.things),
        stays=command.stays,
        brought=told_of(command.brought),
        lets=_texts(command.lets),
        **_written(command, is_own=is_own),
    )


def _written(command: Command, *, is_own: bool) -> dict[str, Any]:
    match command.writes:
        case Edit() as edit:
            return {"edit": _edit(edit, is_own=is_own)}
        case Edits(files=files):
            return {"edits": tuple(_edit(one, is_own=is_own) for one in files)}
        case NewFile() as new:
            return {"makes": _new(new)}
        case Removal() as gone:
            row = rows.Removal(owner=shown(gone.owner), mode=f"{gone.mode:04o}", undoes=gone.undoes)
            row = row.plus(mounted=reshown(gone.mounted)) if gone.mounted else row
            return {"removes": row.plus(covered=reshown(gone.covered)) if gone.covered else row}
        case None:
            return {}


def _edit(edit: Edit, *, is_own: bool) -> rows.Edit:
    row = rows.Edit(owner=shown(edit.owner), mode=f"{edit.mode:04o}")
    row = row.plus(mounted=reshown(edit.mounted)) if edit.mounted else row
    row = row.plus(covered=reshown(edit.covered)) if edit.covered else row
    row = row.plus(undoes=edit.undoes) if edit.undoes else row
    return row.plus(changed=True) if edit.is_changed and not is_own else row


def _new(new: NewFile) -> rows.NewFile:
    row = rows.NewFile(owner=shown(new.owner), mode=f"{new.mode:04o}")
    return row.plus(undoes=new.undoes) if new.undoes else row


def finding_rows(findings: Iterable[Finding]) -> tuple[rows.Finding, ...]:
    """Return the rows of ``findings``, whose texts are in the form of ``spelling.spelled``."""
    return tuple(
        rows.Finding(
            grade=one.grade.word,
            damage=one.damage.word,
            what=shown(unshown(one.what)),
            path=shown(unshown(one.path)),
            matters=shown(unshown(one.matters)),
        )
        for one in findings
    )


def _terms(terms: Terms, asked_for: int | None) -> rows.Terms:
    """They may become stricter before the run starts. ``asked_for`` is the limit in seconds that the requester wanted."""
    limits = [limit for limit in (terms.timeout_for, asked_for) if limit is not None]
    return rows.Terms(
        record=terms.record.what,
        record_failure=terms.record.failure,
        timeout_for=min(limits, default=None),
        leftovers=terms.leftovers,
        writable=terms.writable,
        bound=terms.bound,
        observed=terms.observed,
        namespace=terms.namespace,
        checks=tuple(map(_texts, terms.checks)),
        options=terms.options,
        session=terms.session,
    )


def owed(request: Request, locks: tuple[Lock, ...] = (), *more: Identity, void: Container[str] = ()) -> int:
    """Return the number of approvals that ``request`` still needs under the active ``locks``. The people in ``more`` are counted
    as if they had approved too. The approvals by the principals ``void`` do not count.
    """
    if request.obligations is None or not request.is_open:
        return 0
    standing = (one for one in counted(locks, request) if one.principal not in void)
    return tally(open_ways(request), (*standing, *more), request.requester)


def _users(who: Subject) -> dict[str, Any]:
    users = tuple(rows.User(principal=shown(one.principal), run=one.run) for one in who.used_by)
    return {"used_by": users} if users else {}


def _spelled(requester: Subject) -> dict[str, Any]:
    return {"spelled": shown(requester.spelled)} if requester.spelled else {}


def request_row(
    request: Request,
    viewer: Identity,
    locks: tuple[Lock, ...] = (),
    void: Mapping[str, str] = NOTHING,
    *,
    may_review: bool,
    is_own: bool,
    barred: str = "",
) -> rows.Request:
    """Return the complete row of a request, as ``viewer`` sees it under the active ``locks``. ``void`` maps principals whose
    approvals do not count for another reason to this reason. ``is_own`` is true if it counts as the viewer's own: then it tells
    of files only what the requester can read. ``barred`` is the refusal that an approval by the viewer would get (``Access``).
    """
    claims, standing = request.claims, tuple(one for one in counted(locks, request) if one.principal not in void)
    return rows.Request(
        id=request.id,
        state=str(request.state),
        requester=shown(request.requester.principal),
        **_spelled(request.requester),
        account=shown(request.requester.user),
        uid=request.requester.uid,
        **_users(request.requester),
        groups=tuple(sorted(map(shown, request.requester.groups))),
        group_ids=tuple(sorted(request.requester.gids)),
        ticket_ends_at=instant(request.requester.ticket_ends_at),
        authentication=_authentication(request.requester),
        proved=request.requester.proved,
        host=shown(request.host),
        service=shown(request.service),
        **_command(request.command, is_own=is_own),
        **_grades(request.command.findings),
        operands=tuple(
            rows.Operand(
                argument=o.at,
                path=MASKED if is_masked(request.command, o.at) else shown(o.path),
                digest=o.digest.hex() if o.is_told or not is_own else "",
                because=NAMED_BY_A_MASK if is_masked(request.command, o.at) else reshown(o.because),
            )
            for o in request.command.operands
            if o.is_seen or not is_own
        ),
        point=None
        if request.point is None
        else rows.Point(
            stage=shown(request.point.stage),
            remote_host=request.point.remote_host,
            authenticated=request.point.authenticated,
        ),
        interpreters=tuple(
            rows.Interpreter(path=shown(one.path), digest=one.digest.hex(), because=reshown(one.because))
            for one in request.command.interpreters
            if one.is_told or not is_own
        ),
        rule=shown(request.rule),
        facts=() if is_own else tuple((name, shown(value)) for name, value in request.seen),
        reason=None if claims.reason is None else shown(claims.reason),
        claims=rows.Claims(
            tty=None if claims.tty is None else shown(claims.tty),
            login_session=claims.login_session,
            parents=_texts(claims.parents),
        ),
        lasts_for=request.terms.lasts_for,
        uses=request.terms.uses,
        timeout_for=request.terms.timeout_for,
        gets=None
        if request.obligations is None
        else rows.Gets(uses=how_often(request, request.obligations), lasts_for=lasts(request, request.obligations)),
        starts_at=instant(request.terms.starts_at),
        waits=request.waits,
        fingerprint=request.fingerprint.hex(),
        owed=owed(request, locks, void=void),
        owes=shown(owes(open_ways(request), standing, request.requester)) if request.is_open else "",
        asked_people=None,
        opened=request.opened,
        writable=request.obligations is not None and request.obligations.terms.writable,
        approvals=_approvals(request.obligations.approvals, is_own=is_own) if request.obligations else (),
        asks=shown(describe_approvals(request.obligations.approvals)) if request.obligations else "",
        gatekeepers=tuple(request.obligations.gatekeepers) if request.obligations else (),
        asking_at=instant(request.asking_at) if request.obligations and request.obligations.gatekeepers else None,
        breaks_glass=request.breaks_glass,
        break_glass=glass_row(None if request.obligations is None else request.obligations.break_glass),
        passed=tuple(
            rows.Passed(name=one.name, at=instant(one.at), until=instant(one.until), mark=shown(one.mark))
            for one in request.passed
        ),
        terms=None if request.obligations is None else _terms(request.obligations.terms, request.terms.timeout_for),
        submitted_at=instant(request.submitted_at),
        expires_at=instant(request.expires_at),
        lease=request.lease,
        because=reshown(request.because),
        lock=request.lock,
        reviews=tuple(
            rows.Verdict(
                by=shown(r.by.principal),
                authentication=_authentication(r.by),
                proved=r.by.proved,
                verdict=str(r.verdict),
                comment=shown(r.comment),
                at=instant(r.at),
                way=None if r.way is None else rows.Carried(carrier=shown(r.way.carrier), source=shown(r.way.source)),
                counts=r.verdict is not Verdict.APPROVE or r.by in standing,
                void=shown(void.get(r.by.principal, "")) if r.verdict is Verdict.APPROVE else "",
            )
            for r in request.reviews
        ),
        mine=viewer.is_requester(request.requester),
        own=is_own,
        may_review=may_review,
        barred=barred,
        awaits_me=request.state is RequestState.PENDING
        and not barred
        and owed(request, locks, viewer, void=void) < owed(request, locks, void=void),
        lacks=lack(open_ways(request), viewer, request.requester),
    )


def _grades(findings: Iterable[Finding] | None) -> dict[str, Any]:
    return grades(findings)


def asked_row(request: Request) -> rows.Asked:
    """Return members about ``request`` for the rows of its grant, of its runs and of its owed review."""
    return rows.Asked(
        reason=None if request.claims.reason is None else shown(request.claims.reason),
        fingerprint=request.fingerprint.hex(),
        owed=owed(request),
        submitted_at=instant(request.submitted_at),
        expires_at=instant(request.expires_at),
    )


def grant_row(
    grant: Grant, viewer: Identity, holdings: Iterable[Holding] = (), why: Why = lambda id: None, *, is_own: bool
) -> rows.Grant:
    """Return the row of a grant. ``holdings`` are those that have not ended. ``is_own`` is as in ``request_row``."""
    holdings = tuple(holdings)
    return rows.Grant(
        id=grant.id,
        state=str(grant.state),
        requester=shown(grant.holder.principal),
        host=shown(grant.host),
        service=shown(grant.service),
        **_command(grant.command, is_own=is_own),
        rule=shown(grant.rule),
        because=reshown(grant.because),
        ended_because=reshown(grant.ended_because),
        uses=grant.uses,
        left=grant.left,
        runs=grant.runs,
        holdings=tuple(held.id for held in holdings),
        untaken=tuple(holding_row(held, why) for held in holdings if held.state is HoldingState.TAKING),
        unrenewed=tuple(holding_row(held, why) for held in holdings if held.state is HoldingState.HELD and why(held.id)),
        is_lease=grant.is_lease,
        issued_at=instant(grant.issued_at),
        begins_at=instant(grant.begins_at),
        ends_at=instant(grant.ends_at),
        mine=viewer.is_requester(grant.holder),
    )


def run_row(run: Run, grant: Grant, viewer: Identity, usage: Usage | None = None, *, is_told: bool = False) -> rows.Run:
    """Return the row of a run. ``usage`` is the amount of resources that the run has used until now, if known. If ``is_told``,
    the viewer is told what its check has said, which may quote what the requester cannot read.
    """
    outcome, recording, left = run.outcome, run.recording, run.left_behind
    row = rows.Run(
        id=run.id,
        state=str(run.state),
        requester=shown(grant.holder.principal),
        host=shown(grant.host),
        service=shown(grant.service),
        argv=_texts(grant.command.told_argv),
        run_as=shown(grant.command.run_as.user),
        rule=shown(grant.rule),
        grant=run.grant,
        request=run.request,
        pid=run.pid,
        starting_at=instant(run.starting_at),
        started_at=instant(run.started_at),
        ended_at=instant(run.ended_at),
        outcome=None
        if outcome is None
        else rows.Outcome(ending=str(outcome.ending), number=outcome.number, because=reshown(outcome.because)),
        because=reshown(run.because),
        observed=grant.terms.observed,
        watchers=_texts(run.watchers),
        recorded=None
        if recording is None
        else rows.Recorded(n_chunks=recording.n_chunks, size=recording.size, digest=recording.digest),
        traces=None
        if left is None
        else rows.Traces(units=left.units, files=left.files, lingering=left.lingering, unseen=left.unseen),
        cpu_ms=None if usage is None or usage.cpu_for is None else round(usage.cpu_for * 1000),
        memory=None if usage is None else usage.memory,
        n_processes=None if usage is None else usage.n_processes,
        mine=viewer.is_requester(grant.holder),
    )
    return row.plus(said=tuple(map(reshown, run.said.split("\n")))) if is_told and run.said else row


def holding_row(holding: Holding, why: Why = lambda id: None) -> rows.Holding:
    outcome, untaken = holding.outcome, why(holding.id)
    is_held = holding.state is HoldingState.HELD
    return rows.Holding(
        id=holding.id,
        state=str(holding.state),
        grant=holding.grant,
        request=holding.request,
        thing=shown(holding.thing),
        to=shown(holding.to),
        until=instant(holding.until),
        stays=holding.stays,
        giving_at=instant(holding.giving_at),
        given_at=instant(holding.given_at),
        kept_at=instant(holding.kept_at),
        taking_at=instant(holding.taking_at),
        not_taken=shown(untaken.why) if untaken is not None and holding.is_live and not is_held else "",
        not_renewed=shown(untaken.why) if untaken is not None and is_held else "",
        not_renewed_since=instant(untaken.since) if untaken is not None and is_held else None,
        ended_at=instant(holding.ended_at),
        outcome=None if outcome is None else rows.Outcome(ending=str(outcome.ending), because=reshown(outcome.because)),
        because=reshown(holding.because),
    )


def lock_row(lock: Lock, now: Moment, demands: str) -> rows.Lock:
    """Return the row about ``lock`` on a host that ``demands`` receipts."""
    return rows.Lock(
        id=lock.id,
        state=str(lock.state),
        whom=str(lock.whom),
        name=shown(lock.name),
        reason=shown(lock.reason),
        because=reshown(sentence(lock)),
        placed_by=shown(lock.placed_by),
        placed_at=instant(lock.placed_at),
        lasts_for=lock.lasts_for,
        ends_at=instant(lock.ends_at(now)) if lock.is_active else None,
        ended_by=shown(lock.ended_by),
        ended_at=instant(lock.ended_at),
        ended_because=reshown(lock.because),
        signed=demands if lock.is_active else "",
    )


def glass_row(glass: BreakGlass | None) -> rows.Glass | None:
    """Return the row about the review that must follow a use of a break-glass permit. For any other permit, return None."""
    if glass is None:
        return None
    return rows.Glass(
        instead_of=shown(glass.instead_of),
        skips=describe_approvals(glass.skipped),
        review_for=glass.review_for,
        open=glass.open,
    )


def rule_row(rule: Rule) -> rows.Rule:
    """Return the row of a rule that applies to the requester, in the form that ``jitsudo -l`` shows."""
    return rows.Rule(
        rule=shown(rule.name),
        terms=shown(describe(rule)),
        approvals=_approvals(rule.approvals),
        asks=describe_approvals(rule.approvals),
        gatekeepers=tuple(rule.gatekeepers),
        break_glass=glass_row(rule.break_glass),
        expires_for=rule.expires_for,
        lasts_for=rule.lasts_for,
        uses=rule.uses,
    )


def decision_row(decision: Decision, command: Command) -> rows.Decision:
    """Return the row of a supposed decision, for a person who only asked how jitd would decide."""
    path, argv, run_as = shown(command.path), _texts(command.told_argv), shown(command.run_as.user)
    if isinstance(decision, Deny):
        return rows.Decision(
            path=path,
            argv=argv,
            run_as=run_as,
            decision="deny",
            why=str(decision.why),
            rule=shown(decision.rule),
            because=reshown(decision.because),
        )
    obligations, file = decision.obligations, command.writes
    waived = decision.lease is not None
    row = rows.Decision(
        path=path,
        argv=argv,
        run_as=run_as,
        decision="permit",
        rule=shown(decision.rule),
        lease=decision.lease,
        asks=describe_approvals(() if waived else obligations.approvals),
        approvals=() if waived else _approvals(obligations.approvals),
        gatekeepers=tuple(obligations.gatekeepers),
        break_glass=glass_row(obligations.break_glass),
        expires_for=obligations.expires_for,
        lasts_for=obligations.lasts_for,
        uses=obligations.uses,
    )
    return row.plus(makes=_new(file)) if isinstance(file, NewFile) else row
