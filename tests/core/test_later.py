# SPDX-License-Identifier: Apache-2.0
"""A grant that begins later: when it begins and ends, whichever clock is moved and however late the approval comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core import grant, request
from jitd.core.asked_terms import FURTHEST, USUAL
from jitd.core.decision import Approval
from jitd.core.effects import Moment, SetDeadline
from jitd.core.grant import Grant, Issued, NoUseLeft, Used
from jitd.core.lease import is_within
from jitd.core.request import Request, RequestState, lasts
from tests.scene import START, actor, asked, free, moment, permit, person, review, screened
from tests.stored import round_trip

HOUR = 3600
BOB = person("bob")


def later(after: float = 4 * HOUR, **changes: Any) -> Request:
    return asked(**({"starts_at": START + timedelta(seconds=after), "lasts_for": HOUR, "anew": True} | changes))


def approved(made: Request, at: Moment, **obligations: Any) -> tuple[Request, Grant, list[Any]]:
    """``made`` approved at ``at``: the request, its grant, and all that followed."""
    waiting, _ = request.transition(made, screened(made, permit(**obligations)), moment())
    after, follows = request.transition(waiting, review(waiting, BOB), at)
    issued = next(event for event in follows if isinstance(event, Issued))
    return after, issued.grant, list(follows)


def used(held: Grant, at: Moment) -> Grant:
    after, _ = grant.transition(held, Used(held.id, actor(person("alice")), held.id, held.terms), at)
    return after


def clocks(wall: float, boot: float) -> Moment:
    """``wall`` and ``boot`` seconds into the scene, on either clock."""
    return replace(moment(boot), at=START + timedelta(seconds=wall))


def test_an_approval_now_takes_no_use_though_a_client_waits_and_the_time_starts_then() -> None:
    after, held, follows = approved(later(), moment(60))
    assert after.state is RequestState.APPROVED and not any(isinstance(event, Used) for event in follows)
    assert (held.begins_at, held.begins_boot) == (START + timedelta(hours=4), moment(4 * HOUR).boot)
    assert (held.ends_at, held.ends_boot) == (START + timedelta(hours=5), moment(5 * HOUR).boot)
    assert grant.issue(Issued(held.id, actor(BOB), held))[1] == (SetDeadline("grant", held.id, held.ends_boot),)


def test_without_a_time_everything_is_as_before() -> None:
    _, held, follows = approved(asked(lasts_for=HOUR), moment(60))
    assert any(isinstance(event, Used) for event in follows)
    assert (held.begins_at, held.begins_boot, held.ends_boot) == (None, None, moment(60 + HOUR).boot)
    assert held.has_begun(moment(60)) and held.has_begun(clocks(-9e6, 60))


@pytest.mark.parametrize(
    ("wall", "boot", "may"),
    [
        (4, 4, True),
        (4.99, 4.99, True),
        (3.99, 3.99, False),
        (5, 5, False),
        (4, 0.1, False),  # the wall clock was put forward
        (4.5, 3.9, False),
        (0, 4.5, False),  # the wall clock was put back
        (3.9, 4.1, False),
        (5.1, 4.5, False),
        (4.5, 5.1, False),
        (-9e3, 4.5, False),
        (9e3, 4.5, False),
    ],
)
def test_both_clocks_have_to_say_that_it_is_time(wall: float, boot: float, may: bool) -> None:
    _, held, _ = approved(later(), moment(60))
    now = clocks(wall * HOUR, boot * HOUR)
    assert (held.has_begun(now) and now.boot < held.ends_boot) is may
    if may:
        assert used(held, now).left == held.left - 1
    else:
        with pytest.raises(NoUseLeft):
            used(held, now)


def test_another_boot_has_no_use_of_it() -> None:
    _, held, _ = approved(later(), moment(60))
    with pytest.raises(NoUseLeft):
        used(held, replace(moment(4.5 * HOUR), boot_id="boot-2"))


def test_it_answers_no_other_request_before_its_time() -> None:
    _, held, _ = approved(later(), moment(60))

    def answers(now: Moment) -> bool:
        return grant.covers(held, person("alice"), held.host, "jitsudo", held.command, held.rule, now)

    assert [answers(moment(n * HOUR)) for n in (1, 4, 4.9, 5)] == [False, True, True, False]


def test_an_approval_that_comes_late_gets_what_is_left() -> None:
    _, held, _ = approved(later(HOUR, lasts_for=HOUR), moment(1.5 * HOUR), expires_for=10 * HOUR)
    assert held.has_begun(moment(1.5 * HOUR))
    assert (held.ends_boot, held.ends_at) == (moment(2 * HOUR).boot, START + timedelta(hours=2))


@pytest.mark.parametrize(
    ("expires_for", "lasts_for", "within"),
    [(900, HOUR, 900), (10 * HOUR, HOUR, 5 * HOUR), (10 * HOUR, None, 4 * HOUR + 3600)],
)
def test_nobody_is_asked_longer_than_the_time_that_it_is_for(expires_for: int, lasts_for: int | None, within: float) -> None:
    made = later(lasts_for=lasts_for)
    waiting, _ = request.transition(made, screened(made, permit(expires_for=expires_for)), moment())
    assert waiting.expires_boot == moment(within).boot


@pytest.mark.parametrize(("asked_for", "lasts_for"), [(None, HOUR), (1, 1), (HOUR - 1, HOUR - 1), (HOUR, HOUR), (HOUR + 1, HOUR)])
def test_a_grant_lasts_as_long_as_was_asked_for_and_no_longer_than_its_rule_allows(asked_for: int | None, lasts_for: int) -> None:
    assert lasts(asked(lasts_for=asked_for), permit(lasts_for=HOUR).obligations) == lasts_for


def test_a_rule_that_needs_nobody_gives_it_for_later_too() -> None:
    made = later()
    after, follows = request.transition(made, screened(made, free()), moment())
    assert after.state is RequestState.APPROVED
    assert [type(event) for event in follows if isinstance(event, Issued | Used)] == [Issued]


def test_todays_rule_counts_its_time_from_the_beginning_and_not_from_the_approval() -> None:
    _, held, _ = approved(later(), moment(60))
    today = permit(Approval(1, ("group:ops",)), lasts_for=HOUR).obligations
    assert is_within(held, today, moment(4.5 * HOUR))
    assert not is_within(held, replace(today, lasts_for=600), moment(4.5 * HOUR)), "the rule gives ten minutes by now"


def test_the_time_is_bound_by_the_fingerprint_and_without_one_nothing_is_added() -> None:
    assert later().terms.fingerprinted == (HOUR, None, None, int((START + timedelta(hours=4)).timestamp()))
    assert later(starts_at=None).terms.fingerprinted == (HOUR, None, None)


def test_a_time_that_is_over_or_too_far_away_is_refused() -> None:
    for seconds, is_fault in ((1, False), (FURTHEST, False), (0, True), (-1, True), (FURTHEST + 1, True)):
        assert bool(later(seconds).terms.fault_in_start(START)) is is_fault, seconds
    assert USUAL.fault_in_start(START) == ""


def test_a_refused_time_says_which_it_is() -> None:
    over = "the time that was asked for with --at is over already"
    too_far = "the time given with --at must begin within 7 days"
    found = {seconds: later(seconds).terms.fault_in_start(START) for seconds in (-HOUR, 0, 1, 604800, 604801)}
    assert found == {-HOUR: over, 0: over, 1: "", 604800: "", 604801: too_far}


def test_both_objects_read_back_as_they_were_written() -> None:
    for life in approved(later(extends="AAAA-AAAA"), moment(60))[:2]:
        assert round_trip(life) == life


def test_the_chain_says_when_it_begins_and_which_lease_it_extends() -> None:
    detail = request.Submitted("K7QM-2XVD", actor(person("alice")), later(extends="AAAA-AAAA")).detail()
    assert (detail["starts_at"], detail["extends"]) == ((START + timedelta(hours=4)).isoformat(), "AAAA-AAAA")
    assert {"starts_at", "extends"}.isdisjoint(request.Submitted("K7QM-2XVD", actor(person("alice")), asked()).detail())
    _, held, _ = approved(later(), moment(60))
    assert Issued(held.id, actor(BOB), held).detail()["begins_at"] == (START + timedelta(hours=4)).isoformat()
