# SPDX-License-Identifier: Apache-2.0
"""The verbs of requesters: submit, resume, withdraw, explain, give back.

Law: people act only on their own requests. If a request cannot be resumed, the answer does not reveal whether the request is
missing, has ended, or belongs to another person.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec

from jitd.core import request
from jitd.core.claims import Claims, Point
from jitd.core.command import Command, fingerprint, read_id, spell_id, work_of
from jitd.core.decision import Decision, Deny, Permit, Why
from jitd.core.deed import JITSUDO, deed_of
from jitd.core.edit import Edit, Edits, NewFile, Removal, Undone
from jitd.core.effects import Moment
from jitd.core.law import IllegalEvent, Origin, Role
from jitd.core.masking import MASKED
from jitd.core.origin import Caller, kept_of
from jitd.core.request import Request, RequestState
from jitd.core.rights import Act
from jitd.core.run import Ending, Outcome
from jitd.core.script import LARGEST, Script
from jitd.core.subject import Identity, Subject
from jitd.deciding import accounts, program_commands
from jitd.deciding.command_lookup import Asked, Nonsense
from jitd.deciding.decider import Decider, FirstDecision
from jitd.deciding.explaining import Explainer
from jitd.deciding.scripts import Scripts
from jitd.deciding.seats import UNKNOWN
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.screenings import Overtaken
from jitd.lifecycle.waiters import Client, Waiter, Waiters
from jitd.recording.reserve import is_reached
from jitd.settings.config import Config
from jitd.settings.giver_words import kind_of
from jitd.store import Store, permits_nothing
from jitd.verbs import sentences
from jitd.verbs.access import Access
from jitd.verbs.asked_things import lets_in
from jitd.verbs.continuing import refuse_elsewhere
from jitd.verbs.explanations import near_rows, told
from jitd.verbs.limits import LOOKS, LOOKS_PER_SECOND, NO_ROOM, Pace, n_bytes_of
from jitd.verbs.outlook import graded, graded_rule
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row, decision_row, rule_row
from jitd.verbs.uses import Uses, unknown_users
from jitd.workers import Workers
from jitpam.wire import rows as wire
from jitpam.wire.framing import SMALL
from jitpam.wire.shown import shown, shown_argument

P = ParamSpec("P")
MAX_TEXT = 4096  # bytes of a reason or a comment
ASKS_NOBODY = "an approval is required, and nobody is asked for it with -n, or for a command that another one starts"
ANY_REASON = "…"  # of who asks what breaking glass would do, and gives none. Never recorded


def _timed(
    deed: Callable[Concatenate[Requests, P], Awaitable[Request]],
) -> Callable[Concatenate[Requests, P], Coroutine[Any, Any, Request]]:
    """Measure how long ``deed`` takes, whatever its answer is."""

    async def timed(self: Requests, /, *args: P.args, **kwargs: P.kwargs) -> Request:
        began_at = time.monotonic()
        try:
            return await deed(self, *args, **kwargs)
        finally:
            self._took(time.monotonic() - began_at)

    return timed


class Requests:
    """The requesters' verbs."""

    def __init__(
        self,
        config: Config,
        access: Access,
        decider: Decider,
        explainer: Explainer,
        perform: Perform,
        store: Store,
        waiters: Waiters,
        workers: Workers,
        now: Callable[[], Moment],
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """``took`` is told how long each answer to a new request took, in seconds."""
        self._took = took
        self._config = config
        self._access = access
        self._decider = decider
        self._explainer = explainer
        self._perform = perform
        self._store = store
        self._waiters = waiters
        self._now = now
        self._workers = workers
        self._uses = Uses(decider, perform, store, waiters, now)
        self._pace = Pace()
        self._runs = Pace(config.limits.runs.per_second, config.limits.runs.burst)
        self._looks = Pace(LOOKS_PER_SECOND, LOOKS)

    async def _decide(self, who: Subject, service: str, ask: Callable[[str], Asked]) -> FirstDecision:
        """Return the first decision about the request that ``ask`` returns. ``ask`` gets jitd's search path. Raises Refusal."""
        first = await self._decided(self._decider.decide_new, who, service, ask)
        if not _is_of_no_rule(first.decision):
            return first
        with suppress(TimeoutError):  # on a timeout, the decision stays as it is
            closest = await self._explainer.closest(who, service, first.asked, first.command)
            may_list = deed_of(service).is_executed and not who.is_root
            has_ticket = not who.is_local and not who.is_by_pam
            return replace(first, decision=told(first.decision, closest, has_ticket=has_ticket, may_list=may_list))
        return first

    async def _decided(
        self, decide: Callable[..., Awaitable[FirstDecision]], who: Subject, service: str, ask: Callable[[str], Asked]
    ) -> FirstDecision:
        try:
            return await decide(who, service, partial(self._within_bounds, ask))
        except Nonsense as fault:
            raise Refusal("usage", str(fault)) from None

    def _within_bounds(self, ask: Callable[[str], Asked], search_path: str) -> Asked:
        """Return what ``ask`` returns. Raises Nonsense if it is too long, or if it begins at a senseless time."""
        asked = ask(search_path)
        if len((asked.reason or "").encode()) > MAX_TEXT:
            raise Nonsense(f"a reason has at most {MAX_TEXT} bytes")
        if fault := asked.terms.fault_in_start(self._now().at):
            raise Nonsense(fault)
        return asked

    @_timed
    async def submit(
        self,
        who: Subject,
        asked: Asked,
        claims: Claims,
        *,
        service: str = JITSUDO,
        waits: bool,
        if_owed: bool,
        waiter: Waiter,
        on_created: Callable[[str], None],
    ) -> Request:
        """Begin a request. ``on_created`` gets its id first, and ``waiter`` each event. Raises Refusal: nothing is submitted."""
        self._refuse_without_room(who)
        if asked.terms.starts_at is not None and not deed_of(service).is_executed:
            raise Refusal("usage", "--at works only with commands that jitsudo runs: other programs do not wait for the time")
        if asked.gives:
            asked = replace(asked, lets=lets_in(self._config.givers, asked))
        await self._decider.find_typed(who, asked)
        first = await self._decide(who, service, _beforehand(who, service, asked))
        decision = first.decision
        if first.approved is not None:
            raise Refusal("owed", f"request {first.approved} is approved: jitsudo --resume {first.approved}")
        self._refuse_beforehand(who, first, if_owed)
        if isinstance(decision, Permit) and (deed_of(service).asks_again or not waits or asked.terms.starts_at is not None):
            self._refuse_more(who)
        made = self._request(who, service, first, claims, waits=waits, point=None, at_once=not if_owed)
        self._store.keep_texts(made.id, _scripts_of(first).texts)
        return self._begin(made, decision, waiter if waits else None, on_created)

    async def undones(self, who: Identity, typed: str) -> tuple[Undone, ...]:
        """Return what the request ``typed`` has done to each of its files, for ``who`` wants to take it back. Raises Refusal and
        TimeoutError.
        """
        found = self._access.request(Act.READ_TEXTS, who, typed)
        command, did = found.command, found.command.writes
        if did is None:
            raise Refusal("usage", f"request {found.id} is not an edit: only an edit can be undone")
        each = tuple(zip(did.paths, did.files, strict=True)) if isinstance(did, Edits) else ((command.edited, did),)
        outcomes = [run.outcome for run in self._store.last_runs(found.id, 1)]
        if not outcomes or not _has_written(outcomes[-1]):
            deed = "removed" if isinstance(did, Removal) else "written"
            files = " and ".join(shown_argument(path) for path, _ in each)
            raise Refusal("late", f"request {found.id} has {deed} nothing, so there is nothing to undo in {files}")
        try:
            is_own_group = await self._workers.names.run(who.party, accounts.is_own_group, command.run_as)
        except accounts.NoSuchAccount as fault:
            raise Refusal("denied", str(fault)) from None
        group = None if is_own_group else command.run_as.group
        may_read = self._access.may(Act.READ_BEYOND, who, found)  # as ``show`` tells them its texts
        return tuple(
            Undone(found.id, path, one, self._before(found.id, path, one), command.run_as.user, group, one.is_told or may_read)
            for path, one in each
        )

    def _before(self, id: str, path: bytes, did: Edit | NewFile | Removal) -> bytes:
        """Return the text that the file at ``path`` had before the request ``id``, or "" if that has made it. Raises Refusal."""
        text = self._store.text(did.after if isinstance(did, NewFile) else did.before)
        if text is None:
            had, by_hand = ("was made with by", "rm") if isinstance(did, NewFile) else ("had before", "-e")
            file = shown_argument(path)
            raise Refusal("late", f"the text that {file} {had} {id} is not kept any more: jitsudo {by_hand} {file}")
        return b"" if isinstance(did, NewFile) else text

    @_timed
    async def enforce(
        self,
        who: Subject,
        service: str,
        ask: Callable[[str], Asked],
        claims: Claims,
        point: Point,
        origin: Origin,
        *,
        waits: bool,
        waiter: Waiter,
        on_created: Callable[[str], None],
    ) -> Request:
        """Like ``submit``, for ``point`` of ``service``. If it cannot wait, jitd refuses, but people can still approve, for the
        next equal request. If nobody is to be asked, there is no request where an approval is owed. Raises Refusal.
        """
        self._refuse_without_room(who)
        first = await self._decide(who, service, ask)
        command, decision = first.command, first.decision
        if who.is_local and isinstance(decision, Deny):  # a person without a proof must not write into the record
            raise Refusal("denied", f"denied: {decision.because}")
        owed = decision.obligations if isinstance(decision, Permit) and decision.lease is None else None
        is_owed = owed is not None and bool(owed.approvals or owed.gatekeepers)
        waits = waits or not is_owed
        if not waits:
            self._refuse_twice(who, service, command)
        if owed is not None and owed.approvals and not first.asked.asks_people:
            raise Refusal("owed", ASKS_NOBODY)
        self._refuse_beforehand(who, first, if_owed=True)
        made = self._request(who, service, first, claims, waits=waits, point=point, at_once=not first.asked.asks_people)
        self._store.keep_texts(made.id, _scripts_of(first).texts)
        begun = self._begin(made, decision, waiter if waits else None, on_created if waits else lambda id: None, origin)
        if waits:
            return begun
        raise Refusal("owed", "; ".join((*sentences.asked(begun), "try again when it is approved")))

    def _refuse_twice(self, who: Subject, service: str, command: Command) -> None:
        """Raise Refusal if an equal request of ``who`` already waits for a decision."""
        for waiting in self._store.requests(uid=who.uid):
            is_theirs = waiting.requester.principal == who.principal or who.is_local  # the grant may also answer for this account
            if is_theirs and waiting.service == service and not waiting.waits and work_of(waiting.command) == work_of(command):
                raise Refusal("owed", f"request {waiting.id} still waits for its approval: try again when it is approved")

    def _request(
        self, who: Subject, service: str, first: FirstDecision, claims: Claims, *, waits: bool, point: Point | None, at_once: bool
    ) -> Request:
        now = self._now()
        randomness = secrets.token_bytes(5 + 16)
        id = spell_id(randomness[:5])  # if the store already has this one of 2**40 ids, the commit fails (Conflict)
        asked, command, decision = first.asked, first.command, first.decision
        command = replace(command, salt=randomness[5:])
        return Request(
            id=id,
            requester=who,
            host=self._config.host,
            boot_id=now.boot_id,
            service=service,
            command=command,
            claims=replace(claims, reason=asked.reason),  # a use of a lease has the reason of the lease
            terms=asked.terms,
            anew=asked.anew,
            breaks_glass=asked.breaks_glass,
            waits=waits,
            submitted_at=now.at,
            submitted_boot=now.boot,
            fingerprint=fingerprint(id, who.principal, self._config.host, service, command, asked.terms.fingerprinted),
            point=point,
            caller=kept_of(decision.seen),
            visible_to=decision.visible_to if isinstance(decision, Deny) else None,
            at_once=at_once,
            extends=first.extends if point is None else None,
            scripts=_named(_scripts_of(first).scripts, command),
        )

    def _begin(
        self,
        made: Request,
        decision: Decision,
        waiter: Waiter | None,
        on_created: Callable[[str], None],
        origin: Origin | None = None,
    ) -> Request:
        id, who = made.id, made.requester
        by = who.actor(Role.REQUESTER, origin)
        if waiter is not None:
            self._waiters.attend(id, waiter)
        on_created(id)
        try:
            self._perform.submitted(request.Submitted(id, by, made), decision)
        except BaseException as fault:
            if waiter is not None:
                self._waiters.leave(id, waiter)
            if isinstance(fault, Overtaken):
                raise Refusal("not_done", "the lease was used up in the meantime; submit the request again") from None
            raise
        after = self._store.request(id)
        if after is None:
            raise Refusal("failed", f"{permits_nothing('request', id)}: ask again")
        return after

    def _refuse_beforehand(self, who: Subject, first: FirstDecision, if_owed: bool) -> None:
        """Raise Refusal if jitd can refuse without submitting or recording a request."""
        command, decision = first.command, first.decision
        is_free = isinstance(decision, Permit) and (not decision.obligations.approvals or decision.lease is not None)
        is_free = is_free and (if_owed or not isinstance(decision, Permit) or not decision.obligations.terms.observed)
        if isinstance(decision, Deny):
            if decision.why is Why.REASON:
                raise Refusal("reason", decision.because)
            if decision.why is Why.MISSING:
                raise Refusal("missing", decision.because)
            if decision.why is Why.UNFIT:
                raise Refusal("unexecutable", decision.because)
        elif is_free:
            self._pace_run(who, n_bytes_of(command))
        elif not if_owed:
            raise Refusal("owed", "an approval is required, and -n does not wait for one: nothing was submitted")
        if isinstance(decision, Permit) and is_free and not decision.obligations.gatekeepers:
            return
        n_bytes = n_bytes_of(command) + _n_bytes_sent(first)
        if not is_free and not self._pace.may(who.person, self._now().boot, n_bytes):
            raise Refusal("denied", "too many of your requests were not permitted at once: wait a minute")
        if isinstance(decision, Deny):
            return
        self._refuse_more(who)
        if self._store.n_open() >= self._config.limits.pending:
            raise Refusal("denied", "too many requests wait on this host: try again later")

    def _refuse_without_room(self, who: Subject) -> None:
        """Raise Refusal if only the reserve of the disk is left. Root may use the reserve."""
        if not who.is_root and is_reached(self._config.state):
            raise Refusal("denied", NO_ROOM)

    def _refuse_more(self, who: Subject) -> None:
        """Raise Refusal if ``who`` has too many waiting requests or too many unused grants."""
        most = self._config.limits.pending_per_person
        n_open, n_unused = self._store.n_open(who.person), self._store.n_unused(who.person)
        if who.is_root or n_open + n_unused < most:
            return
        if not n_unused:
            raise Refusal(
                "denied", f"{most} of your requests wait already: withdraw one (jitd withdraw ID), or wait until one is decided"
            )
        what = f"{n_open} of your requests wait to be decided, and {n_unused} grants to be used"
        raise Refusal("denied", f"{what}: use some (jitsudo --resume ID), or end them (jitd withdraw ID, jitd revoke ID)")

    def _pace_run(self, who: Subject, n_bytes: int = 0) -> None:
        """Raise Refusal if ``who`` has too many unused grants, runs or holdings, or uses grants too often in a short time. A
        command of ``n_bytes`` bytes counts as several: it is stored with the request, the grant and the record.
        """
        if who.is_root:
            return
        if self._store.n_unused(who.person) >= 2 * self._config.limits.pending_per_person:
            raise Refusal("denied", "you have too many grants that were never used: end some (jitd grants, jitd revoke)")
        most = self._config.limits.running_per_person
        if self._store.n_running(who.person) >= most:
            raise Refusal("denied", f"{most} of your commands run already: end some (jitd runs, jitd stop)")
        if not self._runs.may(who.person, self._now().boot, n_bytes):
            raise Refusal("denied", "too many commands started at once; try again in a moment")

    def _own(self, who: Subject, typed: str) -> Request:
        id = read_id(typed)
        found = self._store.request(id) if id is not None else None
        if found is None or not self._access.may(Act.OWN, who, found):
            raise Refusal("unknown", f"you have no request {shown(typed)}")
        return found

    async def resume(
        self,
        who: Subject,
        typed: str,
        caller: Caller,
        client: Client,
        on_created: Callable[[str], None],
        place: str = "none",
    ) -> Request:
        """Let ``who`` wait for their own request again. If it is approved, use its grant. ``place`` is where the client has room
        for secrets (PROTOCOL.md section 10). Return the request. Raises Refusal.
        """
        found = self._own(who, typed)
        self._access.refuse(Act.RESUME, who, found)
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("denied", "too many uses of --resume: wait a minute")
        if found.point is not None:
            raise Refusal("usage", f"request {found.id} is {found.service}'s: once it is approved, use {found.service} again")
        if found.is_open and not found.waits and (users := unknown_users(found, who)):
            by = f"{shown(users[0].principal)} may act as {shown(who.user)}"
            raise Refusal(
                "denied", f"request {found.id} waits for its approval, and meanwhile {by}: resume it when it is approved"
            )
        _refuse_without_place(found, place)
        await refuse_elsewhere(found, caller, self._workers)
        await self._uses.until_given_back(found)
        self._uses.refuse_early(found)
        if not found.is_open and found.state is not RequestState.APPROVED and found.id in self._waiters.expected:
            self._waiters.expected.discard(found.id)
            on_created(found.id)
            return found  # it ended before its client was back, which is told how, as if it had been connected
        if not found.is_open and self._uses.usable_grant(found) is None and self._perform.holdings.held_for(found) is None:
            is_used = found.state is RequestState.APPROVED
            why = "what was approved is used or over" if is_used else f"it is {found.state}"
            raise Refusal("unknown", f"request {found.id} cannot be resumed: {why}; jitd show {found.id} tells more")
        if not self._waiters.attend(found.id, client):
            raise Refusal("denied", f"somebody waits for request {found.id} already")
        self._waiters.lists_changed()  # its client is no longer gone
        on_created(found.id)
        try:
            if found.is_open:
                await self._uses.refuse_weaker(found, who)
            if found.is_open or not found.may_act_at_once or self._perform.holdings.hand_again(found):
                return found
            self._refuse_without_room(who)
            self._pace_run(who)
            await self._uses.begin(found, who, client)
        except BaseException:
            self._waiters.leave(found.id, client)
            raise
        return found

    def why_stuck(self, found: Request) -> str:
        """Return the reason why nobody can approve the waiting request ``found`` now. Return an empty string if there is none."""
        return self._decider.broken if found.is_open else ""

    def ends_at(self, asked: Request) -> datetime | None:
        """Return the time at which the grant or lease of ``asked`` ends, or None if there is no grant."""
        grant = self._store.grant(asked.lease or asked.id)
        return None if grant is None else grant.ends_at

    def left(self, id: str, waiter: Waiter) -> None:
        """Withdraw the request of a client that has gone, unless it was made with --no-wait."""
        self._waiters.leave(id, waiter)
        found = self._store.request(id)
        if found is not None and not found.is_open:
            self._perform.screenings.stop(id)  # stops open questions about a use
        if found is not None and found.is_open and found.waits:
            self._pace.may(found.requester.person, self._now().boot)  # slows only the next request
            actor = found.requester.actor(Role.REQUESTER)
            self._perform.act(request.Withdrawn(id, actor, "its client went away"))

    def withdraw(self, who: Subject, typed: str) -> str:
        """Withdraw a request of ``who``, and return its id. Raises Refusal."""
        id = read_id(typed)
        found = self._store.request(id) if id is not None else None
        if found is None or not self._access.may(Act.SEE, who, found):
            raise Refusal("unknown", "you have no request with this id")
        self._access.refuse(Act.OWN, who, found)
        if not found.is_open and (self._perform.screenings.stop(found.id) or self._perform.observing.holds(found.id)):
            raise Refusal("withdrawn", f"no use was taken: request {found.id} is still approved")
        try:
            self._perform.act(request.Withdrawn(found.id, who.actor(Role.REQUESTER), request.WITHDRAWN))
        except IllegalEvent:
            raise Refusal("late", sentences.too_late(found)) from None
        return found.id

    async def explain(self, who: Subject, asked: Asked, service: str) -> Row:
        """Return the decision that ``asked`` would get now. Nothing is submitted or recorded. Raises Refusal."""
        pace = self._looks if asked.text is None else self._pace  # a look at an edit can tell of what its requester cannot read
        if not pace.may(who.person, self._now().boot):
            raise Refusal("denied", "too many questions about what would happen: wait a minute")
        await self._decider.find_typed(who, asked)
        first = await self._decided(self._decider.foresee, who, service, _beforehand(who, service, asked))
        if n_bytes_of(first.command) <= SMALL:
            row = decision_row(first.decision, first.command)
        else:
            row = await self._workers.frames.run(who.party, decision_row, first.decision, first.command)
        is_near = _is_of_no_rule(first.decision)
        closest = await self._explainer.closest(who, service, first.asked, first.command) if is_near else ()
        gives = graded(self._decider.findings, first.command, who.user) if isinstance(first.decision, Permit) else {}
        return row.plus(
            **gives,
            approved=first.approved,
            closest=near_rows(closest),
            providers=tuple(first.awaited),
            unseated=await self.unseated(who, service, first),
            by_breaking_glass=await self._by_breaking_glass(who, asked, service, first),
        ).written()

    async def unseated(self, who: Subject, service: str, first: FirstDecision) -> tuple[str, ...]:
        """Return a sentence for each approval that too few people could give now, if that is work done in vain (an edit), or if
        one has to be signed, so that a key may be what they lack. Nobody is asked about them.
        """
        decision = first.decision
        if not isinstance(decision, Permit) or decision.lease is not None:
            return ()
        ways = [way for approval in decision.obligations.approvals for way in approval.ways]
        is_signed = any(way.demand.signed for way in ways) and not any(way.also and way.among is None for way in ways)
        if first.asked.text is None and not is_signed:
            return ()
        claims = Claims(None, None, 0, ())
        made = self._request(who, service, first, claims, waits=True, point=None, at_once=False)
        made = replace(made, obligations=decision.obligations, rule=decision.rule)
        found = dict(zip(ways, await self._decider.seating.of_each(made, ways), strict=True))
        is_told = any(seats is UNKNOWN or seats.because for seats in found.values())  # too late, or by the decision
        return () if is_told else tuple(sentences.lacking(made, found))

    async def _by_breaking_glass(self, who: Subject, asked: Asked, service: str, first: FirstDecision) -> wire.Decision | None:
        """Return None if breaking glass is not possible, or if ``first`` requires no further approval."""
        is_free = isinstance(first.decision, Permit) and (not first.decision.obligations.approvals or first.decision.lease)
        if is_free or not deed_of(service).is_executed or not self._decider.may_break_glass(who, service):
            return None
        asked = replace(asked, breaks_glass=True, reason=asked.reason or ANY_REASON)
        glass = await self._decided(self._decider.foresee, who, service, _beforehand(who, service, asked))
        is_way = isinstance(glass.decision, Permit) or glass.decision.why in (Why.REVIEW, Why.REASON)
        return decision_row(glass.decision, glass.command) if is_way else None

    def rules(self, who: Subject) -> list[Row]:
        """Return the rules on this host that are about ``who``. Raises Refusal."""
        self._access.refuse(Act.LIST_RULES, who)
        if self._decider.broken and not who.is_root:
            raise Refusal("denied", self._decider.broken)
        found = self._decider.rules_for(who, JITSUDO)
        return [rule_row(rule).plus(**graded_rule(self._decider.findings, rule)).written() for rule in found]


def _has_written(outcome: Outcome | None) -> bool:
    """True unless the edit that ended with ``outcome`` has certainly written nothing. If it was killed, the file tells."""
    if outcome is None:  # it has not ended, or is not known to have ended
        return True
    return outcome.ending in (Ending.SIGNALED, Ending.LOST) or (outcome.ending is Ending.EXITED and outcome.number == 0)


def _is_of_no_rule(decision: Decision) -> bool:
    """True if ``decision`` denies because no rule permits. Only then is it worth a look which rules come closest."""
    return isinstance(decision, Deny) and decision.why is Why.NO_RULE


def _beforehand(who: Subject, service: str, asked: Asked) -> Callable[[str], Asked]:
    return lambda search_path: asked if deed_of(service).is_executed else program_commands.beforehand(service, asked, who)


def _refuse_without_place(found: Request, place: str) -> None:
    """Raise Refusal if the secrets of the things that ``found`` asks for have no ``place`` at the client. Otherwise the use would
    be taken, and nobody would have the secret.
    """
    things = found.command.things
    secret = [thing for thing in things if kind_of(thing).HAS_SECRET]
    if not things or place == "command" or (place == "file" and len(secret) == 1):
        return
    if place == "file":
        each = f"each of these has one: {', '.join(secret)}" if secret else "nothing that is given has one"
        raise Refusal("usage", f"--to takes one secret, but {each}; no use was taken")
    if secret:
        by = f"jitsudo --resume={found.id} --to=FILE writes it into the new FILE"
        raise Refusal("usage", f"{shown(secret[0])} comes with a secret: {by}; no use was taken")


def _scripts_of(first: FirstDecision) -> Scripts:
    """Return the texts that somebody will read. Nobody reads them if a lease covers the request."""
    return first.scripts if isinstance(first.decision, Permit) and first.decision.lease is None else Scripts()


def _n_bytes_sent(first: FirstDecision) -> int:
    """Return the number of bytes of the texts that count for the pace: of an edit the new text alone. The requester may not be
    able to read the old one, and would find out its size by how many edits are taken. An undone edit counts as the longest one.
    """
    scripts, asked = _scripts_of(first), first.asked
    if asked.undone is not None or asked.undones:
        return LARGEST
    return scripts.n_bytes if asked.text is None or not scripts.texts else len(asked.text)


def _named(scripts: tuple[Script, ...], command: Command) -> tuple[Script, ...]:
    """Return ``scripts`` as people read of them: those that a masked word of ``command`` names lose their name."""
    hidden = {at for at, _ in command.masked}
    return tuple(replace(one, path=MASKED.encode(), told="") if one.at in hidden else one for one in scripts)
