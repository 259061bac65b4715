# SPDX-License-Identifier: Apache-2.0
"""Who may do what to which request: every verb by everybody, for requests in every state that matters.

Law: ``golden/who_may_do_what`` is the truth table, with the words of each refusal. The verbs are the daemon's, over a real store;
whatever they would do after they have let somebody in is cut off, so that no cell changes the next one. After all of them nothing
has changed. Who changes a cell on purpose writes the table anew with ``JITD_GOLDEN=write``, and reads the difference.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.authentication import Demand, KdcAnswer
from jitd.core.command import RunAs
from jitd.core.decision import Approval, BreakGlass, Terms
from jitd.core.law import Origin
from jitd.core.lock import Whom, answer_to
from jitd.core.naming import Naming
from jitd.core.origin import Caller
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.request import Request, RequestState, issued
from jitd.core.run import Run, RunState
from jitd.core.subject import BY_PAM, LOCAL, NO_SIDS, ROOT, Subject, User
from jitd.deciding.decider import FreshDecision
from jitd.deciding.explaining import Nobody
from jitd.deciding.ground import Ground
from jitd.server.dispatch import add_answers
from jitd.settings.config import Approvals
from jitd.store.sqlite import SqliteStore
from jitd.verbs import observers
from jitd.verbs import requests as requests_verbs
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers, Asker
from jitd.verbs.endings import Endings
from jitd.verbs.explanations import Explanations
from jitd.verbs.keys import Keys
from jitd.verbs.lists import Lists
from jitd.verbs.locks import Locks
from jitd.verbs.mutes import Mutes
from jitd.verbs.observers import Observers
from jitd.verbs.owed_reviews import OwedReviews
from jitd.verbs.recordings import Recordings
from jitd.verbs.records import Records
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews
from jitd.verbs.status import Status
from jitd_evidence.serving.packs import Packs
from jitd_evidence.serving.reports import Reports
from jitd_sinks.metrics.answer import Metrics
from jitpam.wire import messages
from tests.daemon.asking import NO_RECEIPTS
from tests.daemon.test_who_sees_what import LOOKS
from tests.scene import START, asked, command, locked, moment, permit, person
from tests.stored import put

GOLDEN = Path(__file__).parent / "golden/who_may_do_what"
ID, RUN = "K7QM-2XVD", "K7QM-2XVD.1"
HERE = Origin(1002, "", None)

# --- who ---------------------------------------------------------------------------------------------------------------


def one(name: str, *groups: str, number: int = 0, **changes: Any) -> Subject:
    made = replace(person("eve"), principal=f"{name}@EXAMPLE.TEST", user=name, person=name, uid=3000 + number)
    return replace(made, groups=frozenset(groups), **changes)


ALICE, BOB = person("alice"), person("bob")
OLGA = one("olga", "security", number=1)
WHO = {
    "alice": ALICE,
    "alice, her other account": one("adm", "ops", number=10, person="alice"),
    "alice, without a ticket": replace(ALICE, principal=LOCAL + "alice", ticket_ends_at=None),
    "alice, by PAM": replace(ALICE, principal=BY_PAM + "alice"),
    "bob of ops": BOB,
    "bob, without a ticket": replace(BOB, principal=LOCAL + "bob", ticket_ends_at=None),
    "bob, by PAM": replace(BOB, principal=BY_PAM + "bob"),
    "bob, whose account alice uses": replace(BOB, used_by=(User(ALICE.principal, ALICE.uid, "alice", "BBBB-BBBB.1"),)),
    "bob, whose account alice became": replace(BOB, used_by=(User(ALICE.principal, ALICE.uid, "alice"),)),
    "bob, an operator too": replace(BOB, groups=BOB.groups | {"security"}),
    "ops, in a made account": one("jit-k7qm2xve", "ops", "security", "audit", number=11),
    "ops, with uid 0": one("toor", "ops", number=0, uid=0),
    "operator": OLGA,
    "operator, by PAM": replace(OLGA, principal=BY_PAM + "olga"),
    "operator, without a ticket": replace(OLGA, principal=LOCAL + "olga", ticket_ends_at=None, groups=frozenset()),
    "operator, reader": one("otto", "security", "privacy", number=4),
    "auditor": one("axel", "audit", number=2),
    "auditor, by PAM": one("axel", "audit", number=2, principal=BY_PAM + "axel"),
    "auditor, reader": one("vera", "audit", "privacy", number=3),
    "reader": one("paul", "privacy", number=5),
    "manager, on the list": one("may", "managers", number=7),
    "manager, not on the list": one("mia", "managers", number=8),
    "auditor, manager too": one("gus", "audit", "managers", number=9),
    "anybody": one("emma", number=6),
    "root": one("root", "root", uid=0, principal=ROOT, ticket_ends_at=None),
}


# --- to what -----------------------------------------------------------------------------------------------------------

OPS = Approval(1, ("group:ops",))
NARROW: dict[str, Any] = {"visible_to": ("group:privacy",)}
PENDING: dict[str, Any] = {"state": RequestState.PENDING}
APPROVED: dict[str, Any] = {"state": RequestState.APPROVED}
GLASS = BreakGlass("p", (OPS,), 3600, 1)
STRICT = BreakGlass("p", (replace(OPS, demand=Demand(("hardware",))),), 3600, 1)
USED = replace(ALICE, used_by=(User(BOB.principal, BOB.uid, "bob", "BBBB-BBBB.1"),))


def request(owes: dict[str, Any] | None = None, approvals: tuple[Approval, ...] = (OPS,), **changes: Any) -> Request:
    obligations = replace(permit().obligations, approvals=approvals, **(owes or {}))
    return replace(asked(ID, **changes.pop("how", {})), **{"obligations": obligations, "rule": "rule-1", **changes})


def runs(made: Request) -> tuple[Any, ...]:
    """``made`` was approved, and its command runs."""
    grant, run = issued(made, moment()).grant, f"{made.id}.1"
    return made, replace(grant, left=1, living=(run,)), Run(run, made.id, made.id, START, state=RunState.RUNNING)


def shell_of_bob() -> tuple[Any, ...]:
    """alice has a shell as bob."""
    shell = asked("BBBB-BBBB", what=command("sh", run_as=RunAs("bob", BOB.uid, "bob", BOB.gid)))
    return runs(replace(shell, obligations=permit().obligations, rule="rule-2", **APPROVED))


def glass(owed: OwedReviewState, broken: BreakGlass = GLASS, **changes: Any) -> tuple[Any, ...]:
    """alice has broken glass, and all of it is over."""
    made = request({"break_glass": broken, **changes}, (), **APPROVED)
    review = OwedReview(ID, ALICE, "rule-1", broken, made.fingerprint, START, "boot-1", 1000.0, 3600.0, state=owed)
    if owed is OwedReviewState.REVIEWED:
        review = replace(review, given_by=BOB, given_as="approver", given_at=START)
    return made, review


@dataclass
class State:
    lives: tuple[Any, ...]
    damaged: str = ""
    """The table whose document somebody cuts off then."""


HIDDEN_DENIED = replace(asked(ID), state=RequestState.DENIED, visible_to=("group:privacy",))
OBSERVED = Terms(observed=True)
STATES: dict[str, State] = {
    "missing": State(()),
    "waits": State((request(**PENDING),)),
    "waits, and its rule hides it": State((request(NARROW, **PENDING),)),
    "waits, is screened": State((request(state=RequestState.SCREENING),)),
    "waits, nobody has looked at it": State((asked(ID),)),
    "waits, and its rule wants a hardware token": State(
        (request(None, (replace(OPS, demand=Demand(("hardware",))),), **PENDING),)
    ),
    "waits, and its rule takes local PAM": State((request({"without_kdc": "local"}, **PENDING),)),
    "waits, for managers on a list too": State(
        (request(None, (OPS, Approval(1, ("group:managers",), also="oncall:x", among=("may",))), **PENDING),)
    ),
    "waits, for managers only later": State(
        (request(None, (replace(OPS, instead=(Approval(1, ("group:managers",), after=600),)),), **PENDING),)
    ),
    "waits, bob may act as alice": State((request(how={"who": USED}, **PENDING),)),
    "waits, alice has a shell as bob": State((request(**PENDING), *shell_of_bob())),
    "waits, by PAM": State((request({"without_kdc": "local"}, how={"who": WHO["alice, by PAM"]}, **PENDING),)),
    "waits, of root": State((request(how={"who": WHO["root"]}, **PENDING),)),
    "waits, bob is locked": State((request(**PENDING), locked(Whom.USER, "bob"))),
    "waits, alice is locked": State((request(**PENDING), locked(Whom.USER, "alice"))),
    "waits, everybody is locked": State((request(**PENDING), locked(Whom.ALL))),
    "waits, the operator is locked": State((request(**PENDING), locked(Whom.PRINCIPAL, OLGA.principal, uid=OLGA.uid))),
    "waits, and must be watched": State((request({"terms": OBSERVED}, **PENDING),)),
    "is damaged": State((request(**PENDING),), "requests"),
    "was denied at once, and its rules hide it": State((HIDDEN_DENIED,)),
    "was withdrawn": State((request(state=RequestState.WITHDRAWN),)),
    "runs": State(runs(request(**APPROVED))),
    "runs, and its rule hides it": State(runs(request(NARROW, **APPROVED))),
    "runs, and readers may watch": State(runs(request({"terms": Terms(watch=("group:privacy",))}, **APPROVED))),
    "runs, and is watched": State(runs(request({"terms": OBSERVED}, **APPROVED))),
    "runs, and is watched by readers, by PAM": State(
        runs(
            request(
                {"terms": replace(OBSERVED, watch=("group:privacy", "user:bob")), "without_kdc": "local", **NARROW}, **APPROVED
            )
        )
    ),
    "runs, its grant is damaged": State(runs(request(**APPROVED)), "grants"),
    "glass was broken, and it runs": State(
        (*runs(glass(OwedReviewState.OWED, **NARROW)[0]), glass(OwedReviewState.OWED, **NARROW)[1])
    ),
    "glass was broken": State(glass(OwedReviewState.OWED)),
    "glass was broken, and its rule hides it": State(glass(OwedReviewState.OWED, **NARROW)),
    "glass was broken, and wants a hardware token": State(glass(OwedReviewState.OWED, STRICT)),
    "glass was broken, the review is overdue, and hidden": State(glass(OwedReviewState.OVERDUE, **NARROW)),
    "glass was broken, overdue, bob is locked": State((*glass(OwedReviewState.OVERDUE), locked(Whom.USER, "bob"))),
    "glass was broken, and its review was given": State(glass(OwedReviewState.REVIEWED, **NARROW)),
}


# --- what --------------------------------------------------------------------------------------------------------------


class LetIn(Exception):
    """The verb would act now, in the role ``str(self)`` if that is known."""


class Cut:
    """Stands in the place of whatever acts."""

    def __getattr__(self, deed: str) -> Callable[..., Any]:
        return self

    def __call__(self, *words: Any, **more: Any) -> Any:
        raise LetIn


class OwnThread:
    """A lane of work in this thread."""

    async def run(self, uid: int, work: Callable[..., Any], *words: Any) -> Any:
        return work(*words)


class Decider:
    """Knows everybody as they come, but for those in ``fresh``, and lets no policy stand in the way."""

    broken = ""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.fresh: Callable[[Subject], Subject] = lambda who: who

    def lock_on(self, who: Subject) -> Any:
        return answer_to(self._store.locks(), who)

    async def standing(self, who: Subject) -> tuple[Subject, KdcAnswer]:
        return self.fresh(who), KdcAnswer.VALID

    async def decide_again(self, found: Request) -> FreshDecision:
        return FreshDecision(found, permit(), ())

    def rules_for(self, who: Subject, service: str) -> tuple[()]:
        return ()


class Opened:
    """The store once more. It stays open."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name == "close" else getattr(self._store, name)


def act(event: Any, *more: Any) -> Any:
    raise LetIn(event.by.role)


async def cut_off(*words: Any) -> Any:
    raise LetIn


async def rows_cut_off(*words: Any) -> AsyncIterator[Any]:
    raise LetIn
    yield


async def nobody(*words: Any) -> Any:
    raise Nobody("it has no account")


class House:
    """The verbs of a daemon over a store that holds ``state``."""

    def __init__(self, path: Path, state: State) -> None:
        self.store = SqliteStore(path / "jitd.db")
        self.fingerprint = next((one.fingerprint for one in state.lives if isinstance(one, Request)), b"")
        put(self.store, *state.lives, records=[b'{"event": "jitd.started"}'])
        if state.damaged:
            self.store.close()
            with closing(sqlite3.connect(path / "jitd.db", isolation_level=None)) as db:
                db.execute(f"DROP TRIGGER {state.damaged}_move")
                db.execute(f"UPDATE {state.damaged} SET document = CAST('{{' AS BLOB)")
            self.store = SqliteStore(path / "jitd.db")
        store: Any = self.store
        decider: Any = Decider(store)
        self.decider = decider
        cut: Any = Cut()
        often: Any = SimpleNamespace(may=lambda *words: True)
        perform: Any = SimpleNamespace(
            act=act, act_on=act, set_aside=cut.act, note_uncounted=lambda *words: None, is_attended=lambda found: True,
            screenings=SimpleNamespace(stop=lambda id: False), observing=SimpleNamespace(holds=lambda id: False),
            holdings=SimpleNamespace(held_for=lambda found: None, ends_in_words=lambda some: ""),
        )  # fmt: skip
        config: Any = SimpleNamespace(
            host="h", names={}, approvals=Approvals(), operators=("group:security",), auditors=("group:audit",), people={},
            approvers={},
            sids=NO_SIDS,
            naming=Naming(frozenset({"EXAMPLE.TEST"})),
            state=path, recordings=SimpleNamespace(days=9, mib_in_all=9),
            limits=SimpleNamespace(runs=SimpleNamespace(per_second=9, burst=9)),
        )  # fmt: skip
        lane = OwnThread()
        workers: Any = SimpleNamespace(kept=lane, typed=lane, names=lane, frames=lane)
        opened: Any = lambda: Opened(store)  # noqa: E731
        now = moment
        access = Access(config, store)
        lists = Lists(access, store, opened, workers, lambda run: None, now)
        waiters: Any = SimpleNamespace(until_gone=lambda id: None)
        endings = Endings(config, access, lists, perform, store, waiters)
        recordings = Recordings(config, access, lists, cut, store, opened, workers, now)
        asking = self.requests(config, access, decider, perform, store, workers, now)
        reviews = Reviews(access, decider, perform, store, now)
        owed = OwedReviews(access, decider, perform, store, now)
        self.observers = Observers(access, decider, cut, recordings, store, workers, now)
        explaining: Any = SimpleNamespace(suppose=nobody)
        explanations = Explanations(access, explaining, workers, now)
        locks = Locks(access, endings, perform, store, config, cut, workers, now, NO_RECEIPTS)
        locks._on = cut_off  # type: ignore[assignment,method-assign]
        ground = Ground(config, cut, store, opened, workers, now, "EXAMPLE.TEST", "0")
        packs = Packs(ground, access, cut)
        packs._rows = rows_cut_off  # type: ignore[assignment,method-assign]
        records = self.records = Records(ground, access, cut)
        reports = Reports(ground, access, cut, cut)
        parts: Iterable[Any] = (reviews._reviewers, owed._reviewers, self.observers, explanations, packs, recordings, asking)
        for paced in parts:
            paced._pace = often
        self.recordings, self.lists, self.asking = recordings, lists, asking
        verbs: Any = SimpleNamespace(
            access=access, lists=lists, requests=asking, reviews=reviews, owed_reviews=owed, endings=endings, locks=locks,
            explanations=explanations, records=records, keys=Keys(access, cut),
            mutes=Mutes(store, lambda: None, now),
        )  # fmt: skip
        reloading: Any = SimpleNamespace(reload=cut_off, reload_tested=cut_off)
        self.answers = Answers()
        add_answers(self.answers, verbs, reloading, Status(access, tuple))
        self.answers.add(messages.Report, lambda asker, m: reports.make(asker.who, m))
        self.answers.add(messages.KeptReport, lambda asker, m: reports.kept(asker.who, m))
        self.answers.add(messages.Pack, lambda asker, m: packs.make(asker.who, m))
        metrics = Metrics(access, cut, ground, cut, tuple)
        self.answers.add(messages.Metrics, lambda asker, message: metrics.rows(asker.who))

    async def to(self, who: Subject, message: messages.Message) -> Any:
        return await self.answers.to(Asker(who, lambda: HERE, Caller(None)), message)

    @staticmethod
    def requests(config: Any, access: Access, decider: Any, perform: Any, store: Any, workers: Any, now: Any) -> Requests:
        nothing: Any = None
        return Requests(config, access, decider, nothing, perform, store, nothing, workers, now)

    def everything(self) -> list[Any]:
        store = self.store
        kinds: Iterable[Any] = (store.requests, store.grants, store.runs, store.locks)
        return [store.head(), *(list(kind(ended=True)) for kind in kinds), list(store.owed_reviews()), store.muted()]


Act = Callable[[House, Subject], Any]


def says(message: messages.Message | Callable[[House], messages.Message]) -> Act:
    def act(house: House, who: Subject) -> Any:
        return house.to(who, message(house) if callable(message) else message)

    return act


def reviewed(verdict: str, fresh: Callable[[Subject], Subject] = lambda who: who) -> Act:
    async def act(house: House, who: Subject) -> Any:
        house.decider.fresh = fresh
        try:
            said = messages.Review(id=ID, verdict=verdict, fingerprint=house.fingerprint, comment="")
            return await house.to(who, said)
        finally:
            house.decider.fresh = lambda who: who

    return act


def replayed(house: House, who: Subject) -> Any:
    async def again() -> Subject:
        return who

    async def rows() -> AsyncIterator[Any]:
        async for row in house.recordings.play(who, RUN, follow=False, again=again):
            yield row

    return rows()


def observed(house: House, who: Subject) -> Any:
    async def again() -> Subject:
        return who

    return house.observers.observe(who, ID, 0, HERE, again=again, begun=lambda seen: None)


def resumed(house: House, who: Subject) -> Any:
    nothing: Any = None
    return house.asking.resume(who, ID, Caller(None), nothing, nothing)


def without_groups(who: Subject) -> Subject:
    return replace(who, groups=frozenset())


def listed(what: str) -> Act:
    return says(messages.List(what=what, ended=True))


TO_A_REQUEST: dict[str, Act] = {
    "show": says(messages.Show(id=ID)),
    "list requests": listed("requests"),
    "list grants": listed("grants"),
    "list runs": listed("runs"),
    "list reviews": listed("reviews"),
    "approve": reviewed("approve"),
    "approve, and leave ops meanwhile": reviewed("approve", without_groups),
    "deny": reviewed("deny"),
    "give the owed review": reviewed("reviewed"),
    "give it, and leave ops meanwhile": reviewed("reviewed", without_groups),
    "withdraw": says(messages.Withdraw(id=ID)),
    "resume": resumed,
    "revoke": says(messages.Revoke(id=ID, of=None, reason="")),
    "revoke --of alice": says(messages.Revoke(id=None, of="alice", reason="")),
    "stop": says(messages.Stop(id=RUN, reason="")),
    "observe": observed,
    "replay": replayed,
    "pack": says(messages.Pack(id=ID, recordings=False)),
    "audit": says(messages.Audit(after=0)),
}
TO_THE_HOST: dict[str, Act] = {
    "list rules": listed("rules"),
    "list locks": listed("locks"),
    "lock": says(messages.Lock(whom="user", name="eve", lasts_for=60, reason="")),
    "unlock": says(messages.Unlock(id="AAAA-AAAA", whom=None, name=None, reason="")),
    "unlock --user": says(messages.Unlock(id=None, whom="user", name="eve", reason="")),
    "reload": says(messages.Reload()),
    "reload --untested": says(messages.Reloadtested(digest=None)),
    "mute": says(messages.Mute(lasts_for=None)),
    "explain --as": says(LOOKS["explain --as"]),
    "export": says(messages.Export(since=None, until=None, who=None, rule=None)),
    "follow the record": lambda house, who: house.records.follow(who, messages.Audit(after=99), cut_off),
    "report": says(messages.Report(since=None, until=None, who=None, rule=None, form="none", standing=None)),
    "report with standing privileges": says(
        messages.Report(since=None, until=None, who=None, rule=None, form="json", standing=b"{}")
    ),
    "kept report": says(messages.KeptReport(month="", form="none")),
    "metrics": says(messages.Metrics()),
    "status": says(messages.Status()),
    "key": says(messages.SigningKey(rotate=False)),
    "new key": says(messages.SigningKey(rotate=True)),
    "acknowledge the key": says(messages.SigningKey(rotate=False, acknowledge=True)),
}
ON_EVERY_HOST = ("missing", "waits, everybody is locked", "waits, the operator is locked")
"""The states in which what is done to the host alone is tried, too."""


def shown_in(row: Any) -> str:
    """What a row says of what its reader may do: ``~`` is a row without the contents."""
    if not isinstance(row, dict) or "narrowed" not in row:
        return "" if not isinstance(row, dict) else "+"
    marks = ["~" if row["narrowed"] else "+"]
    marks += [mark for mark, name in (("a", "may_review"), ("m", "mine"), ("g", "may_give")) if row.get(name)]
    inner = row.get("owed_review")
    return "".join(marks) + ("o" if inner and inner["may_give"] else "") + ("n" if row.get("last_approved") else "")


async def outcome(house: House, act: Act, who: Subject) -> str:
    """``+`` and the role if ``who`` was let in, what they were shown, ``-`` for an empty list, or the refusal."""
    try:
        answer = act(house, who)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, str):
            return "+"
        if not hasattr(answer, "__aiter__"):
            rows = list(answer)
        elif act in (observed,):
            return "+" if await anext(answer) else ""
        else:
            rows = [row async for row in answer]
        return "".join(sorted(set(map(shown_in, rows)))) if rows else "-"
    except LetIn as let_in:
        return f"+{str(let_in)[:1].upper()}"
    except Refusal as refused:
        return f"{refused.code}: {refused.text}"


async def cells(house: House, acts: dict[str, Act]) -> dict[str, list[str]]:
    return {name: [await outcome(house, act, who) for who in WHO.values()] for name, act in acts.items()}


def table(found: dict[str, dict[str, list[str]]]) -> str:
    """``found`` as a page: a grid for each state, and below them what the refusals say. A row that is as for a request that is
    missing is left out.
    """
    numbers: dict[str, str] = {}
    missing = next(iter(found.values()))

    def short(cell: str) -> str:
        code, is_refusal, _ = cell.partition(": ")
        return numbers.setdefault(cell, f"{code[0]}{len(numbers) + 1}") if is_refusal else cell

    page = ["columns"] + [f"  {number} {who}" for number, who in enumerate(WHO, start=1)]
    for state, all_rows in found.items():
        rows = {act: row for act, row in all_rows.items() if row is missing[act] or row != missing[act]}
        page += ["", state]
        page += [f"  {act:<33}" + " ".join(f"{short(cell):<4}" for cell in row).rstrip() for act, row in rows.items()]
    return "\n".join([*page, "", "refusals", *(f"  {number} {cell}" for cell, number in numbers.items()), ""])


def test_who_may_do_what_is_what_the_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-11."""
    monkeypatch.setattr(observers, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(requests_verbs, "refuse_elsewhere", cut_off)
    found: dict[str, dict[str, list[str]]] = {}
    for number, (name, state) in enumerate(STATES.items()):
        (path := tmp_path / str(number)).mkdir()
        house = House(path, state)
        before = house.everything()
        acts = TO_A_REQUEST | TO_THE_HOST if name in ON_EVERY_HOST else TO_A_REQUEST
        found[name] = asyncio.run(cells(house, acts))
        assert house.everything() == before, name
        house.store.close()
    told = table(found)
    if os.environ.get("JITD_GOLDEN") == "write":
        GOLDEN.write_text(told, "utf-8")
    assert told.splitlines() == GOLDEN.read_text("utf-8").splitlines()


def refusals() -> Iterator[tuple[str, str, str, str]]:
    """Each refusal in the table: state, act, who, and its words."""
    page = GOLDEN.read_text("utf-8").split("\n\n")
    words = dict(line.strip().split(" ", 1) for line in page[-1].splitlines()[1:])
    for grid in page[1:-1]:
        state, *rows = grid.splitlines()
        for row in rows:
            for who, cell in zip(WHO, row[35:].split(), strict=True):
                if cell in words:
                    yield state, row[:35].strip(), who, words[cell]


def test_what_one_may_not_see_is_refused_as_what_does_not_exist() -> None:
    """THREATS S-11: a request that is there, which emma may not see, and one that is missing or damaged have the same words."""
    for act in TO_A_REQUEST:
        said = {words for _, a, who, words in refusals() if a == act and who == "anybody"}
        assert len(said) <= 1, (act, said)
