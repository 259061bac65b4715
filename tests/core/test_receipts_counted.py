# SPDX-License-Identifier: Apache-2.0
"""What a receipt proves, where approvals are counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.approvers import least_signed
from jitd.core.authentication import Authentication, Demand
from jitd.core.decision import Approval, BreakGlass, Deny, Permit, Why, narrow
from jitd.core.gatekeeping import Heard, Requirement, Requires, folded
from jitd.core.lease import owes
from jitd.core.receipt import LEVELS, Receipt, is_enough, stricter
from jitd.core.request import NotYours, Request, RequestState, open_ways, transition
from jitd.core.subject import Subject
from tests.scene import START, asked, moment, permit, person, review, screened


def proved(name: str, signed: str = "") -> Subject:
    made = Authentication(START, START, (), (), "aes", "aes", ("EXAMPLE.TEST",), signed=signed)
    return replace(person(name), authentication=made)


def requested(*approvals: Approval) -> Request:
    """A request that waits for ``approvals``."""
    made, _ = transition(asked(), screened(asked(), permit(approvals=approvals)), moment())
    assert made.state is RequestState.PENDING
    return made


def wants(*levels: str) -> Approval:
    first, *more = (Approval(1, ("group:ops",), Demand(signed=level)) for level in levels)
    return replace(first, instead=tuple(more))


@pytest.mark.parametrize("demanded", LEVELS)
@pytest.mark.parametrize("proves", [None, *LEVELS, "unheard of"])
@pytest.mark.parametrize("claimed", ["", "pin"])
def test_what_a_receipt_proves_is_taken_from_the_receipt_alone(demanded: str, proves: str | None, claimed: str) -> None:
    """THREATS A-31: whatever the person whom the daemon hands over seems to have signed."""
    asked = requested(wants(demanded))
    receipt = None if proves is None else Receipt("text", "signature", "key", proves)
    event = review(asked, proved("bob", claimed), receipt=receipt)
    if demanded == "" or (proves in LEVELS and LEVELS.index(proves or "") >= LEVELS.index(demanded)):
        after, _ = transition(asked, event, moment())
        assert after.state is RequestState.APPROVED and after.reviews[0].receipt == receipt
    else:
        with pytest.raises(NotYours, match="takes only approvals that are signed with a key"):
            transition(asked, event, moment())


@pytest.mark.parametrize("demanded", LEVELS)
def test_what_the_policy_denies_by_now_ends_without_a_receipt(demanded: str) -> None:
    """Nothing is compared with what a receipt states, and nothing is approved. So none is kept, and none is missed."""
    asked = requested(wants(demanded))
    denied = Deny(Why.NO_RULE, "no rule permits this")
    after, _ = transition(asked, review(asked, proved("bob"), decision=denied), moment())
    assert after.state is RequestState.DENIED and after.because == "no rule permits this"
    with pytest.raises(NotYours):
        transition(asked, review(asked, proved("eve"), decision=denied), moment())


def test_a_level_that_nobody_knows_is_never_enough_and_never_met() -> None:
    assert not is_enough("unheard of", "key") and not is_enough("pin", "unheard of") and is_enough("unheard of", "")


@pytest.mark.parametrize(
    ("demanded", "met_by"), [("touch", {"touch", "pin"}), ("synced", {"synced", "touch", "pin"}), ("pin", {"pin"})]
)
def test_a_passkey_that_may_be_copied_is_more_than_a_key_and_less_than_a_touch(demanded: str, met_by: set[str]) -> None:
    """THREATS A-27."""
    assert {level for level in LEVELS if is_enough(level, demanded)} == met_by


@pytest.mark.parametrize(("levels", "least"), [(("",), ""), (("pin", "touch"), "touch"), (("key", ""), ""), (("pin",), "pin")])
def test_the_least_that_counts_is_that_of_one_way(levels: tuple[str, ...], least: str) -> None:
    asked = requested(wants(*levels))
    assert least_signed(open_ways(asked), proved("bob"), asked.requester) == least
    assert least_signed(open_ways(asked), proved("eve"), asked.requester) == ""


def test_a_rule_that_changes_meanwhile_never_demands_less() -> None:
    with_key, without = (permit(approvals=(wants(level),)).obligations for level in ("key", ""))
    assert {one.demand.signed for one in narrow(without, with_key).approvals} == {"", "key"}
    assert {one.demand.signed for one in narrow(with_key, without).approvals} == {"", "key"}


# --- what a host demands -----------------------------------------------------------------------------------------------------

HIGHER = [(one, other, max(one, other, key=LEVELS.index)) for one in LEVELS for other in LEVELS]


@pytest.mark.parametrize(("of_rule", "of_host", "holds"), HIGHER)
def test_a_rule_never_lowers_what_its_host_demands(of_rule: str, of_host: str, holds: str) -> None:
    """THREATS A-32: in each way, and for each order of both."""
    way = wants(of_rule, "").raised(of_host)
    assert [one.demand.signed for one in way.ways] == [holds, of_host]
    assert stricter(of_rule, of_host) == stricter(of_host, of_rule) == holds


@pytest.mark.parametrize("unknown_first", [True, False])
def test_a_demand_that_nobody_knows_stays_and_is_never_met(unknown_first: bool) -> None:
    both = ("unheard of", "pin") if unknown_first else ("pin", "unheard of")
    assert not is_enough("pin", stricter(*both))


@pytest.mark.parametrize(("before", "now"), [("", "touch"), ("touch", "")])
def test_a_request_that_waits_owes_as_many_approvals_as_before_each_with_the_demand_of_either_moment(
    before: str, now: str
) -> None:
    """THREATS A-32: also what a gatekeeper has asked for, and what broken glass has skipped."""
    glass = BreakGlass("rule-0", (wants(""),), 3600, 3)
    old, new = (replace(permit(wants("").raised(level), break_glass=glass).obligations, signed=level) for level in (before, now))
    required = Requirement(approvals=(Approval(1, ("group:security",)),))
    both = folded(Permit("rule-1", narrow(old, new)), (Heard("change", Requires(required)),), None).obligations  # type: ignore[union-attr]
    assert [(one.need, one.of_whom, one.demand.signed) for one in both.approvals] == [
        (1, ("group:ops",), "touch"),
        (1, ("group:security",), "touch"),
    ]
    assert both.break_glass is not None and [one.demand.signed for one in both.break_glass.skipped] == ["touch"]


@pytest.mark.parametrize("proves", ["", *LEVELS[1:]])
def test_what_was_approved_before_counts_at_a_use_by_the_demand_of_that_moment(proves: str) -> None:
    """THREATS A-32: also if only a gatekeeper had asked for the approval, so that no rule of today names it."""
    answered, _ = transition(requested(wants("")), review(requested(wants("")), proved("bob")), moment())
    today = replace(permit().obligations, approvals=(), signed="touch")
    assert owes(answered, today, (proved("bob", proves),)) == (0 if proves in ("touch", "pin") else 1)


def test_a_person_without_a_ticket_cannot_meet_it() -> None:
    assert "no Kerberos ticket" in Demand(signed="key").lack(None)
