# SPDX-License-Identifier: Apache-2.0
"""What a rule or an approval demands of how somebody authenticated, as truth tables and properties; and the flags by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.approvers import lack, may_approve, may_review, tally
from jitd.core.authentication import FLAGS, Authentication, Demand, name_of_encryption, names_of_flags
from jitd.core.decision import Approval, Deny, Permit, Why, narrow
from jitd.core.keys.approvals import describe_approvals
from jitd.core.policy import decide, describe
from jitd.core.request import NotYours, RequestState, Verdict, transition
from tests import scene
from tests.core.house import ALICE, BOB, CAROL, NOON, deny, permit, policy, question
from tests.stored import round_trip

HOUR = 3600


def proof(ago: float = 0.0, *indicators: str, flags: tuple[str, ...] = ("pre-authent",), at: datetime = NOON) -> Authentication:
    """An authentication ``ago`` seconds before ``at``, when jitd looked."""
    aes = "aes256-cts-hmac-sha1-96"
    return Authentication(at - timedelta(seconds=ago), at, flags, indicators, aes, aes, ("EXAMPLE.ORG",))


OTP = Demand(indicators=("otp", "pkinit"))
FRESH = Demand(ticket_age=HOUR)
HERE = Demand(forwarded="refuse")
NONE = "wants to know how you authenticated, and you have no Kerberos ticket: kinit"
OLD = "wants an authentication at most 1 hour old, and yours is {} old: kinit -l 1h (kinit -R is not enough)"
WEAK = "wants the authentication indicator otp or pkinit, and your ticket has {}: kinit, and authenticate with otp or pkinit"
FAR = "refuses tickets that were forwarded from another host, and your ticket was forwarded: kinit on this host"
AHEAD = "requires the age of your authentication, but its time is in the future: set this host's clock, then kinit"

TABLE: list[tuple[Demand, Authentication | None, str]] = [
    (Demand(), None, ""),
    (Demand(), proof(10**6, flags=("forwarded",)), ""),
    (OTP, None, NONE),
    (FRESH, None, NONE),
    (HERE, None, NONE),
    (OTP, proof(0, "otp"), ""),
    (OTP, proof(0, "pkinit", "x"), ""),
    (OTP, proof(0), WEAK.format("none")),
    (OTP, proof(0, "OTP", "otp2"), WEAK.format("only OTP or otp2")),
    (FRESH, proof(0), ""),
    (FRESH, proof(HOUR), ""),
    (FRESH, proof(HOUR + 1), OLD.format("1 hour 1 second")),
    (FRESH, proof(-300), ""),
    (FRESH, proof(-301), AHEAD),
    (HERE, proof(0), ""),
    (HERE, proof(0, flags=("forwardable", "renewable")), ""),
    (HERE, proof(0, flags=("forwarded",)), FAR),
    (HERE, proof(0, flags=("proxy",)), FAR),
    (Demand(("otp",), HOUR, "refuse"), proof(HOUR, "otp"), ""),
]


@pytest.mark.parametrize(("demand", "found", "lacks"), TABLE)
def test_what_is_lacking_and_what_to_type(demand: Demand, found: Authentication | None, lacks: str) -> None:
    """THREATS K-13, K-20."""
    assert demand.lack(found) == demand.lack(found, NOON) == lacks


def test_the_age_counts_at_the_moment_that_is_asked_about() -> None:
    found = proof(HOUR - 60)
    assert FRESH.lack(found) == ""
    assert FRESH.lack(found, NOON + timedelta(seconds=61)) == OLD.format("1 hour 1 second")


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        (Demand(), ""),
        (OTP, "authenticated with otp or pkinit"),
        (Demand(("a", "b", "c"), 8 * HOUR), "authenticated with a, b or c, at most 8 hours ago"),
        (Demand((), 60, "refuse"), "authenticated at most 1 minute ago, by a ticket that was not forwarded"),
    ],
)
def test_a_demand_in_words(demand: Demand, said: str) -> None:
    assert str(demand) == said


def test_a_flag_has_its_name_and_one_without_a_name_is_not_lost() -> None:
    assert names_of_flags(0) == ()
    assert names_of_flags(0x40400000) == ("forwardable", "initial")
    assert [names_of_flags(bit) for bit, _ in FLAGS] == [(name,) for _, name in FLAGS]
    assert names_of_flags(0x20000001) == ("forwarded", "flag 0x1")
    assert all(len(names_of_flags(1 << bit)) == 1 for bit in range(32))
    names = {
        1: "des-cbc-crc",
        3: "des-cbc-md5",
        16: "des3-cbc-sha1",
        17: "aes128-cts-hmac-sha1-96",
        18: "aes256-cts-hmac-sha1-96",
        19: "aes128-cts-hmac-sha256-128",
        20: "aes256-cts-hmac-sha384-192",
        23: "arcfour-hmac",
        25: "camellia128-cts-cmac",
        26: "camellia256-cts-cmac",
        99: "type 99",
    }  # IANA, Kerberos Encryption Type Numbers
    assert {number: name_of_encryption(number) for number in names} == names


def test_properties_of_a_ticket_are_read_from_its_flags() -> None:
    every = proof(0, flags=("initial", "pre-authent", "hw-authent", "transited-policy-checked", "forwarded"))
    assert every.is_preauthenticated and every.is_by_hardware and every.is_path_checked and every.is_forwarded
    none = proof(0, flags=())
    assert not (none.is_preauthenticated or none.is_by_hardware or none.is_path_checked or none.is_forwarded)


# --- in a rule ---------------------------------------------------------------------------------------------------------


def as_alice(found: Authentication | None, **facts: Any) -> Any:
    return question(replace(ALICE, authentication=found), **facts)


def test_a_rule_whose_demand_is_not_met_leaves_it_to_the_next_one() -> None:
    at_once, asking = permit("at-once", demand=OTP), permit("asking", approvals=(Approval(1, ("group:ops",)),))
    rules = policy(at_once, asking)
    assert decide(rules, as_alice(proof(0, "otp")), NOON) == Permit("at-once", at_once.obligations)
    assert decide(rules, as_alice(proof(0)), NOON) == Permit("asking", asking.obligations)


def test_the_first_rule_whose_demand_is_not_met_is_the_answer_where_no_other_permits() -> None:
    rules = policy(permit("one", demand=OTP), permit("two", demand=FRESH), permit("other", who=("group:ops",)))
    answer = decide(rules, as_alice(proof(HOUR * 2)), NOON)
    assert answer == Deny(Why.AUTHENTICATION, f"rule one {WEAK.format('none')}", "one")
    assert decide(rules, as_alice(proof(HOUR)), NOON) == Permit("two", permit("two").obligations)


def test_a_deny_denies_whoever_has_authenticated_in_whatever_way() -> None:
    rules = policy(permit("one", demand=OTP), deny("no"))
    for found in (None, proof(0), proof(0, "otp")):
        answer = decide(rules, as_alice(found), NOON)
        assert isinstance(answer, Deny) and (answer.why, answer.rule) == (Why.RULE, "no")


def test_a_command_that_is_missing_gets_the_same_answer_as_one_that_is_there() -> None:
    """Else a demand that is not met would tell which files exist."""
    rules = policy(permit("one", demand=OTP))
    answers = {decide(rules, as_alice(proof(0), is_missing=missing), NOON) for missing in (False, True)}
    assert len(answers) == 1


def test_nobody_without_a_ticket_meets_a_demand() -> None:
    for demand in (OTP, FRESH, HERE):
        answer = decide(policy(permit("one", demand=demand)), as_alice(None), NOON)
        assert answer == Deny(Why.AUTHENTICATION, f"rule one {NONE}", "one")


demands = st.builds(
    Demand,
    st.lists(st.sampled_from(["otp", "pkinit", "spake"]), max_size=2, unique=True).map(tuple),
    st.none() | st.integers(1, 7200),
    st.sampled_from(["allow", "refuse"]),
)
proofs = st.none() | st.builds(
    lambda ago, indicators, flags: proof(ago, *indicators, flags=flags),
    st.integers(-1000, 10000),
    st.lists(st.sampled_from(["otp", "pkinit", "spake"]), max_size=2, unique=True),
    st.sampled_from([(), ("forwarded",), ("pre-authent", "proxy")]),
)


@given(st.lists(demands, min_size=1, max_size=4), demands, st.integers(0, 3), proofs)
def test_a_demand_more_never_turns_a_denial_into_a_permit(
    made: list[Demand], more: Demand, where: int, found: Authentication | None
) -> None:
    where %= len(made)
    rules = [permit(f"rule {n}", demand=demand) for n, demand in enumerate(made)]
    before = decide(policy(*rules), as_alice(found), NOON)
    old = rules[where].demand
    if old.is_none:
        rules[where] = replace(rules[where], demand=more)
        after = decide(policy(*rules), as_alice(found), NOON)
        assert isinstance(before, Permit) or isinstance(after, Deny)
    wants = next((n for n, demand in enumerate(made) if not demand.lack(found, NOON)), None)
    assert (before.rule if isinstance(before, Permit) else None) == (None if wants is None else f"rule {wants}")


def test_a_rule_and_its_approvals_say_what_they_demand() -> None:
    owed = (Approval(2, ("group:ops",), OTP), Approval(1, ("group:security",)))
    assert describe_approvals(owed) == ("2 approvals from group:ops (authenticated with otp or pkinit) and 1 from group:security")
    assert "authenticated at most 1 hour ago" in describe(permit("one", demand=FRESH))


# --- in an approval ------------------------------------------------------------------------------------------------------

STRONG = Approval(1, ("group:ops",), Demand(("otp",), HOUR, "refuse"))
PLAIN = Approval(1, ("group:ops",))


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (proof(0, "otp"), True),
        (None, False),
        (proof(0), False),
        (proof(HOUR + 1, "otp"), False),
        (proof(0, "otp", flags=("forwarded",)), False),
    ],
)
def test_an_approver_who_lacks_something_is_asked_and_does_not_count(found: Authentication | None, counts: bool) -> None:
    """THREATS K-13, K-20."""
    approver = replace(BOB, authentication=found)
    assert may_review((STRONG,), approver, ALICE) == {0}
    assert may_approve((STRONG,), approver, ALICE) == ({0} if counts else set())
    assert bool(lack((STRONG,), approver, ALICE)) is not counts
    assert tally((STRONG,), (approver,), ALICE) == (0 if counts else 1)
    assert may_approve((STRONG, PLAIN), approver, ALICE) == ({0, 1} if counts else {1})
    assert lack((STRONG, PLAIN), approver, ALICE) == ""


def test_who_may_not_review_lacks_nothing() -> None:
    assert lack((STRONG,), replace(ALICE, groups=frozenset({"ops"})), ALICE) == ""
    assert lack((STRONG,), ALICE, BOB) == ""


def test_two_who_approve_are_counted_where_they_meet_the_demand() -> None:
    strong, weak = replace(BOB, authentication=proof(0, "otp")), replace(CAROL, authentication=proof(0))
    assert tally((PLAIN, STRONG), (strong, weak), ALICE) == 0
    assert tally((STRONG, STRONG), (strong, weak), ALICE) == 1


def test_a_review_keeps_the_age_at_which_it_was_given() -> None:
    """An approver's ticket gets older while the request or its lease lives, and the approval is worth what it was."""
    asked = replace(scene.asked(), state=RequestState.PENDING, obligations=scene.permit(STRONG).obligations)
    bob = replace(scene.person("bob"), authentication=proof(0, "otp", at=scene.START))
    after, _ = transition(asked, scene.review(asked, bob), scene.moment(HOUR - 1))
    assert after.state is RequestState.APPROVED
    given_ = after.reviews[0].by.authentication
    assert given_ is not None and given_.age_at(given_.looked_at) == HOUR - 1
    with pytest.raises(NotYours, match="yours is 1 hour 1 second old: kinit -l 1h"):
        transition(asked, scene.review(asked, bob), scene.moment(HOUR + 1))


def test_who_lacks_what_an_approval_demands_may_deny() -> None:
    asked = replace(scene.asked(), state=RequestState.PENDING, obligations=scene.permit(STRONG).obligations)
    after, _ = transition(asked, scene.review(asked, scene.person("bob"), Verdict.DENY), scene.moment(1))
    assert after.state is RequestState.DENIED
    with pytest.raises(NotYours, match="you have no Kerberos ticket"):
        transition(asked, scene.review(asked, scene.person("bob")), scene.moment(1))


def test_a_rule_that_demands_more_while_a_request_waits_holds_beside_the_old_one() -> None:
    old, new = scene.permit(PLAIN).obligations, scene.permit(STRONG).obligations
    assert set(narrow(old, new).approvals) == {PLAIN, STRONG} == set(narrow(new, old).approvals)
    assert narrow(new, new).approvals == (STRONG,)


def test_what_is_stored_reads_back() -> None:
    asked = replace(
        scene.asked(who=replace(scene.person("alice"), authentication=proof(5, "otp"))),
        obligations=scene.permit(STRONG, PLAIN).obligations,
    )
    assert round_trip(asked) == asked
