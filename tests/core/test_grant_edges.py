# SPDX-License-Identifier: Apache-2.0
"""The last use of a grant of another program's, where a login that it let in is still there."""

from __future__ import annotations

from dataclasses import replace

from jitd.core import grant, request
from jitd.core.decision import Terms
from jitd.core.grant import Grant, GrantState, Issued, Used
from jitd.core.law import MONITOR
from jitd.core.run import Returned
from tests.scene import actor, asked, free, moment, person, screened


def granted(living: tuple[str, ...]) -> Grant:
    """One use, of sudo's, with what already runs under it."""
    made = asked(service="sudo")
    _, follows = request.transition(made, screened(made, free(), attended=False), moment())
    (issued,) = [event for event in follows if isinstance(event, Issued)]
    return replace(issued.grant, left=1, living=living)


def use(held: Grant) -> Grant:
    after, _ = grant.transition(held, Used(held.id, actor(person("alice")), held.id, Terms()), moment(1))
    return after


def test_it_is_spent_with_its_last_use_where_nothing_runs_under_it() -> None:
    assert (use(granted(())).state, use(granted(())).left) == (GrantState.SPENT, 0)


def test_it_lives_on_as_long_as_a_login_does_and_is_spent_then() -> None:
    held = use(granted(("K7QM-2XVD",)))
    assert (held.state, held.left, held.is_live) == (GrantState.ACTIVE, 0, True)
    after, _ = grant.transition(held, Returned(held.id, MONITOR, "K7QM-2XVD", was_started=True), moment(2))
    assert (after.state, after.living) == (GrantState.SPENT, ())
