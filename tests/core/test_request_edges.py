# SPDX-License-Identifier: Apache-2.0
"""What a request's end is told with, and a request that a live grant answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core import request
from jitd.core.authentication import Demand
from jitd.core.decision import Approval, Terms
from jitd.core.effects import ListsChanged, TellRequester
from jitd.core.grant import Issued, Used
from jitd.core.request import Request, RequestState, Verdict
from jitd.core.run import Starting, start
from tests.scene import actor, asked, free, moment, permit, person, review, screened, thing


def pending() -> Request:
    after, _ = request.transition(asked(), screened(asked(), permit()), moment())
    return after


@pytest.mark.parametrize(
    ("comment", "because"),
    [("", "denied by bob@EXAMPLE.TEST"), ("not today", 'denied by bob@EXAMPLE.TEST: "not today"')],
)
def test_a_denial_is_told_with_what_was_said_and_with_nothing_else(comment: str, because: str) -> None:
    event = review(pending(), person("bob"), Verdict.DENY, comment=comment)
    after, _ = request.transition(pending(), event, moment(1))
    assert (after.state, after.because) == (RequestState.DENIED, because)


@pytest.mark.parametrize("attended", [True, False])
def test_what_a_live_grant_answers_is_approved_and_takes_its_use_there(attended: bool) -> None:
    decision = replace(permit(), lease="L0AS-0001")
    after, follows = request.transition(asked(), screened(asked(), decision, attended=attended), moment())
    assert (after.state, after.because, after.lease) == (RequestState.APPROVED, "grant L0AS-0001 is live", "L0AS-0001")
    told = (TellRequester(after.id), ListsChanged())
    use = (Used("L0AS-0001", actor(person("alice")), after.id, Terms()),)
    assert follows == (*told, *(use if attended else ()))


def test_what_nobody_has_to_approve_gets_a_grant_of_its_own() -> None:
    after, follows = request.transition(asked(), screened(asked(), free(), attended=False), moment())
    assert (after.state, after.because, after.lease) == (RequestState.APPROVED, "rule rule-0 permits", None)
    assert [event.id for event in follows if isinstance(event, Issued)] == [after.id]


def test_a_request_begins_with_nothing_said_of_it() -> None:
    made = asked()
    assert (made.rule, made.because, made.reviews, made.obligations, made.lease, made.lock) == ("", "", (), None, None, None)
    assert (made.state, made.version, made.opened, made.is_open) == (RequestState.SCREENING, 1, 0, True)


def test_who_asks_for_a_thing_takes_it_at_once_through_whatever_service() -> None:
    for service in ("jitsudo", "sudo"):
        assert asked(what=thing(), service=service).may_act_at_once is True


def test_who_denies_needs_no_ticket_of_the_kind_that_an_approval_wants() -> None:
    strict = Approval(1, ("group:ops",), demand=Demand(("otp",)))
    waiting, _ = request.transition(asked(), screened(asked(), permit(strict)), moment())
    after, _ = request.transition(waiting, review(waiting, person("bob"), Verdict.DENY), moment(1))
    assert after.state is RequestState.DENIED
    with pytest.raises(request.NotYours, match=r"bob@EXAMPLE\.TEST may not approve request K7QM-2XVD: its rule "):
        request.transition(waiting, review(waiting, person("bob")), moment(1))


def test_a_run_begins_with_nothing_said_of_it() -> None:
    begun, _ = start(Starting("K7QM-2XVD", actor(person("alice")), "K7QM-2XVD", "K7QM-2XVD", moment().at))
    assert (begun.because, begun.pid, begun.outcome, begun.recording, begun.login) == ("", None, None, None, None)
    assert (begun.started_at, begun.ended_at, begun.version, begun.is_live) == (None, None, 1, True)
