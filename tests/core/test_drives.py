# SPDX-License-Identifier: Apache-2.0
"""How the lives drive each other, as the essay at the head of the core tells it: every event is played, and what follows is
compared.

Law: an arrow that the essay has and the code has not fails, and so does the other way around.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jitd.core
from jitd.core import effects, grant, holding, lock, owed_review, request, run
from jitd.core.authentication import KdcAnswer
from jitd.core.decision import Approval, BreakGlass, Deny, Terms, Why
from jitd.core.gatekeeping import Heard, Passes
from jitd.core.law import CLOCK, DAEMON, MONITOR, POLICY, Role, name_of
from jitd.core.run import Ending, Outcome, Process
from tests.law.tree import MODULES
from tests.scene import (
    THING,
    actor,
    asked,
    free,
    lift,
    locked,
    moment,
    permit,
    person,
    place,
    review,
    screened,
    submit,
    thing,
    too_late,
)
from tests.scene import withdraw as taken_back

GLASS = BreakGlass("rule-1", (Approval(1, ("group:ops",)),), 3600, 1)
ESSAY = jitd.core.__doc__ or ""
LIVES = {"request": request, "grant": grant, "run": run, "holding": holding, "lock": lock, "owed_review": owed_review}
ROLES = {name_of(kind.__new__(kind)): roles for life in LIVES.values() for kind, roles in life.MAY_CAUSE.items()}
"""The name of every event → who may cause it."""
TELLING = ("ListsChanged", "RequestWaits", "Notify", "WayOpened", "TellRequester", "TellHolder")
"""Effects by which people are told, which follow nearly everything."""
ORDERS = [name for name, kind in vars(effects).items() if isinstance(kind, type) and kind in effects.Effect.__args__]


def arrows(sign: str) -> set[tuple[str, str]]:
    """What stands left of ``sign`` in the essay with each name to the right of it."""
    rows = re.findall(rf"^    ([\w.]+) +{sign} ([\w.]+(?:, [\w.]+)*)(?:  .*)?$", ESSAY, re.MULTILINE)
    return {(left, right) for left, names in rows for right in names.split(", ")}


CAUSES, DONE = arrows("->"), arrows("<-")


def played() -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every event of every life, in each case that differs, with what follows from it."""
    alice, now = actor(person("alice")), moment()
    fresh = asked()
    yield submit(fresh), request.submit(submit(fresh))[1]
    owed, permitted = permit(), free()
    kept, kept_free = permit(gatekeepers=("change",)), free(gatekeepers=("change",))
    heard = (Heard("change", Passes()),)
    asking = request.to_be_asked(fresh, kept, now)
    yield submit(asking), request.submit(submit(asking))[1]
    passed = request.transition(asking, replace(screened(asking, kept), heard=heard), now)[0]
    asking_again = request.transition(passed, review(passed, person("bob")), now)[0]
    waiting = request.transition(fresh, screened(fresh, owed), now)[0]
    told = request.transition(fresh, screened(fresh, permit(notify=("ops",))), now)[0]
    approved = request.transition(fresh, screened(fresh, permitted), now)[0]
    shattered = request.transition(fresh, screened(fresh, permit(break_glass=GLASS)), now)[0]
    for before, event in (
        (fresh, screened(fresh, owed)),
        (told, taken_back(told)),
        (fresh, screened(fresh, permitted)),
        (fresh, screened(fresh, permitted, attended=False)),
        (fresh, screened(fresh, free(break_glass=GLASS))),
        (shattered, review(shattered, person("bob"))),
        (fresh, screened(fresh, replace(permitted, lease="L3AS-E001"))),
        (fresh, screened(fresh, Deny(Why.NO_RULE, "no rule permits this"))),
        (asking, replace(screened(asking, kept_free), heard=heard)),
        (passed, review(passed, person("bob"))),
        (asking_again, replace(screened(asking_again, kept), heard=heard, standing=(person("bob"),))),
        (waiting, review(waiting, person("bob"))),
        (waiting, review(waiting, person("bob"), request.Verdict.DENY)),
        (waiting, taken_back(waiting)),
        (waiting, too_late(waiting)),
        (waiting, request.Locked(waiting.id, actor(person("dave"), Role.OPERATOR), "L0CK-0001", "locked")),
    ):
        yield event, request.transition(before, event, now)[1]
    later, lists = (Approval(1, ("user:bob",), after=60),), (("oncall:ops", ("bob", "carol")),)
    by_ways = permit(Approval(2, ("group:ops",), instead=later), Approval(1, ("group:ops",), also="oncall:ops", among=("bob",)))
    in_ways = request.transition(fresh, screened(fresh, by_ways), now)[0]
    half = request.transition(in_ways, review(in_ways, person("bob")), now)[0]
    halves = request.transition(half, request.Relisted(fresh.id, POLICY, lists), now)[0]
    more = request.transition(halves, review(halves, person("carol")), now)[0]
    unlisted = replace(halves, reviews=more.reviews, opened=60)
    for before, event, at in (
        (in_ways, review(in_ways, person("bob")), now),
        (halves, request.WaysOpened(fresh.id, CLOCK, 60), moment(60)),
        (replace(more, asking_at=None), request.WaysOpened(fresh.id, CLOCK, 60), moment(60)),
        (unlisted, request.Relisted(fresh.id, POLICY, lists), moment(61)),
    ):
        yield event, request.transition(before, event, at)[1]
    issued = request.issued(approved, now)
    live = replace(issued.grant, uses=3, left=2, begun=1, living=(f"{issued.id}.1",))
    yield issued, grant.issue(issued)[1]
    login = grant.Used(live.id, alice, fresh.id, Terms(), Process(7, 7))
    for held, use in (
        (live, grant.Used(live.id, alice, fresh.id, Terms())),
        (replace(live, service="sudo"), grant.Used(live.id, alice, fresh.id, Terms())),
        (replace(live, service="sshd"), login),
        (live, run.Returned(live.id, MONITOR, live.living[0], True)),
        (live, grant.Expired(live.id, CLOCK)),
        (replace(live, service="sshd", terms=Terms(session="keep")), grant.Expired(live.id, CLOCK)),
        (live, grant.Revoked(live.id, alice, "done")),
    ):
        yield use, grant.transition(held, use, now)[1]
    lent = replace(live, command=thing(), living=(f"{issued.id}.1",))
    for held, use in (
        (replace(lent, begun=0, living=()), grant.Used(live.id, alice, fresh.id, Terms())),
        (lent, grant.Expired(live.id, CLOCK)),
        (lent, grant.Revoked(live.id, alice, "done")),
    ):
        yield use, grant.transition(held, use, now)[1]
    giving = holding.Giving(
        *(lent.living[0], alice, live.id, fresh.id, THING, "alice@EXAMPLE.TEST", lent.ends_at),
        stays=True,
        at=now.at,
        account=holding.Account("alice", 1001),
    )
    given, follows = holding.give(giving)
    yield giving, follows
    for step in (
        holding.Given(given.id, DAEMON),
        holding.Taking(given.id, DAEMON, "enough"),
        holding.Ended(given.id, DAEMON, holding.Outcome(holding.Ending.NOT_GIVEN, "the KDC is silent")),
    ):
        yield step, holding.transition(given, step, now)[1]
    kept = holding.Kept(given.id, alice)
    yield kept, holding.transition(replace(given, state=holding.HoldingState.HELD), kept, now)[1]
    starting = run.Starting(live.living[0], alice, live.id, fresh.id, now.at)
    begun, follows = run.start(starting)
    yield starting, follows
    for step in (
        run.Started(begun.id, MONITOR, 4711),
        run.StopOrdered(begun.id, DAEMON, "enough"),
        run.Ended(begun.id, MONITOR, Outcome(Ending.EXITED, 0)),
    ):
        yield step, run.transition(begun, step, now)[1]
    watcher = actor(person("bob"), Role.APPROVER)
    for state, step in (
        (run.RunState.STARTING, run.Observed(begun.id, watcher)),
        (run.RunState.RUNNING, run.Unobserved(begun.id, watcher, watcher.principal, "q")),
        (run.RunState.RUNNING, run.Frozen(begun.id, MONITOR)),
        (run.RunState.FROZEN, run.Thawed(begun.id, MONITOR)),
    ):
        yield step, run.transition(replace(begun, state=state), step, now)[1]
    brake = place(locked(lasts_for=60, id="L0CK-0002"))
    yield brake, (*lock.place(brake)[1], *lock.consequences(brake, (), [waiting], [(live, approved)]))
    held_lock, later = brake.lock, moment(60)
    carried = lock.Carried(held_lock.id, DAEMON, 10.0)
    _, follows = request.transition(fresh, screened(fresh, free(break_glass=GLASS)), now)
    (broken,) = (event for event in follows if isinstance(event, owed_review.Begun))
    yield broken, owed_review.begin(broken)[1]
    theirs, bob = broken.review, person("bob")
    for at, happens in (
        (now, owed_review.Reviewed(theirs.id, actor(bob, Role.APPROVER), bob, theirs.fingerprint, "", KdcAnswer.VALID)),
        (moment(3600), owed_review.Overdue(theirs.id, CLOCK)),
        (moment(boot_id="boot-2"), owed_review.Carried(theirs.id, DAEMON, 10.0)),
    ):
        yield happens, owed_review.transition(theirs, happens, at)[1]
    yield lift(held_lock), lock.transition(held_lock, lift(held_lock), now)[1]
    yield lock.Expired(held_lock.id, CLOCK), lock.transition(held_lock, lock.Expired(held_lock.id, CLOCK), later)[1]
    yield carried, lock.transition(held_lock, carried, moment(boot_id="boot-2"))[1]


PLAYED = list(played())


def is_event(follow: Any) -> bool:
    """As the one door tells them apart."""
    return hasattr(follow, "by")


def test_every_event_of_every_life_is_played() -> None:
    assert {name_of(event) for event, _ in PLAYED} == ROLES.keys()


def test_an_event_causes_what_the_essay_says_and_nothing_else() -> None:
    assert {(name_of(event), name_of(follow)) for event, follows in PLAYED for follow in follows if is_event(follow)} == CAUSES


def test_what_an_event_causes_its_author_may_cause() -> None:
    caused = [follow for _, follows in PLAYED for follow in follows if is_event(follow)]
    assert [name_of(one) for one in caused if one.by.role not in ROLES[name_of(one)]] == []


def test_a_life_makes_events_of_another_where_the_essay_says_so() -> None:
    """Read in the code, so that no case is forgotten in what is played."""
    events = {kind.__name__: name_of(kind.__new__(kind)) for life in LIVES.values() for kind in life.MAY_CAUSE}
    ambiguous = {"Expired", "Ended", "Carried", "Reviewed"}  # each of two lives, and none is caused by another life
    made = set()
    for module in MODULES:
        life = module.name.removeprefix("jitd.core.")
        if life in LIVES and module.name.startswith("jitd.core."):
            calls = [ast.unparse(node.func) for node in ast.walk(module.syntax) if isinstance(node, ast.Call)]
            names = {called.partition(".")[0] for called in calls} & events.keys() - ambiguous
            made |= {(life, events[name]) for name in names}
    assert made == {(cause.partition(".")[0], event) for cause, event in CAUSES}


def test_what_is_done_afterwards_is_what_the_essay_says() -> None:
    done = {(type(follow).__name__, name_of(event)) for event, follows in PLAYED for follow in follows if not is_event(follow)}
    told = {(order, event) for order, event in done if order not in TELLING}
    assert told == DONE
    assert {order for order, _ in done} == set(ORDERS)
