# SPDX-License-Identifier: Apache-2.0
"""The grant that an approved request gets, and when jitd ends a run under it: tables at the edges of what was asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core.command import Command
from jitd.core.decision import Terms
from jitd.core.grant import Grant
from jitd.core.law import DAEMON
from jitd.core.request import Request, ends_of, issued
from tests.scene import START, asked, free, moment, permit, thing


def approved(what: Command | None = None, **changes: Any) -> Request:
    """A request of alice's that waits for nothing any more; its rule gives five uses and an hour."""
    return replace(asked(what=what, **changes), obligations=permit().obligations, rule="rule-1", because="approved by bob")


def grant_of(request: Request) -> Grant:
    return issued(request, moment(60)).grant


# what is asked for, the uses of the grant, how long it lasts in seconds, whether it is a lease
GRANTED: dict[str, tuple[dict[str, Any], int, int, bool]] = {
    "one run": ({}, 1, 3600, False),
    "a time": ({"lasts_for": 600}, 5, 600, True),
    "the longest time": ({"lasts_for": 3600}, 5, 3600, True),
    "a longer time than the rule gives": ({"lasts_for": 9999}, 5, 3600, True),
    "one use, said so": ({"uses": 1}, 1, 3600, True),
    "two uses": ({"uses": 2}, 2, 3600, True),
    "as many uses as the rule gives": ({"uses": 5}, 5, 3600, True),
    "more uses than the rule gives": ({"uses": 6}, 5, 3600, True),
    "a time and uses": ({"lasts_for": 600, "uses": 2}, 2, 600, True),
    "a thing": ({"what": thing()}, 1, 3600, True),
    "a thing for a time": ({"what": thing(), "lasts_for": 600}, 1, 600, True),
    "a thing and uses, which nobody can count": ({"what": thing(), "uses": 3}, 1, 3600, True),
}


@pytest.mark.parametrize(("changes", "uses", "lasts_for", "is_lease"), GRANTED.values(), ids=list(GRANTED))
def test_a_grant_gives_what_was_asked_for_and_never_more_than_the_rule(
    changes: dict[str, Any], uses: int, lasts_for: int, is_lease: bool
) -> None:
    made = grant_of(approved(**changes))
    assert (made.uses, made.left, made.begun, made.living) == (uses, uses, 0, ())
    assert (made.issued_at, made.ends_at) == (moment(60).at, moment(60 + lasts_for).at)
    assert made.ends_boot == moment(60 + lasts_for).boot
    assert made.is_lease is is_lease
    assert (made.begins_at, made.begins_boot) == (None, None)


def test_a_rule_with_one_use_gives_one_whatever_is_asked_for() -> None:
    strict = replace(approved(uses=4, lasts_for=600), obligations=permit(uses=1).obligations)
    assert grant_of(strict).uses == 1


def test_a_grant_for_later_says_when_it_begins_on_both_clocks() -> None:
    made = grant_of(approved(starts_at=START + timedelta(hours=4), lasts_for=600))
    assert (made.begins_at, made.begins_boot) == (START + timedelta(hours=4), moment(4 * 3600).boot)
    assert (made.ends_at, made.ends_boot) == (START + timedelta(hours=4, seconds=600), moment(4 * 3600 + 600).boot)
    assert made.issued_at == moment(60).at


def test_a_grant_is_its_requests_and_the_daemon_issues_it() -> None:
    request = approved(service="sudo")
    event = issued(request, moment(60))
    made = event.grant
    assert (event.id, event.by, made.id) == (request.id, DAEMON, request.id)
    assert (made.holder, made.host, made.boot_id, made.service) == (request.requester, request.host, "boot-1", "sudo")
    assert (made.command, made.login_session) == (request.command, request.claims.login_session)
    assert (made.rule, made.because, made.terms) == ("rule-1", "approved by bob", permit().obligations.terms)


@pytest.mark.parametrize(("of_rule", "own", "granted"), [(None, None, None), (60, None, 60), (None, 9, 9), (60, 9, 9)])
def test_a_grant_has_the_shorter_timeout_of_its_rule_and_of_what_was_asked_for(
    of_rule: int | None, own: int | None, granted: int | None
) -> None:
    """THREATS A-36. Its approvers were shown that, so a later use of a lease gets no more."""
    request = approved(timeout_for=own)
    assert request.obligations is not None
    terms = replace(request.obligations.terms, timeout_for=of_rule)
    made = grant_of(replace(request, obligations=replace(request.obligations, terms=terms)))
    assert made.terms == replace(terms, timeout_for=granted)
    assert issued(request, moment()).detail().get("timeout_for") == own


RULES, OWN, GRANTS = "its rule's timeout is over", "its timeout is over", "its grant has ended"
LEASES = "the timeout of its grant is over"
# the grant's terms, the terms of the request's rule, what the request asks for, seconds until the run is ended, and why
ENDS: dict[str, tuple[int | None, int | None, int | None, float, str]] = {
    "no timeout": (None, None, None, 3000, GRANTS),
    "the timeout of the grant": (60, None, None, 60, LEASES),
    "the timeout of the request's rule": (None, 60, None, 60, RULES),
    "the timeout that was asked for": (None, None, 60, 60, OWN),
    "the shortest is the grant's": (60, 70, 80, 60, LEASES),
    "the one that was asked for is that of the grant": (60, None, 60, 60, OWN),
    "the shortest is the request's rule's": (80, 60, 70, 60, RULES),
    "the shortest is the one that was asked for": (80, 70, 60, 60, OWN),
    "the rule comes first of two that are the same": (60, 60, 60, 60, RULES),
    "a timeout that ends with the grant is none": (3000, 3000, 3000, 3000, GRANTS),
    "a timeout just before its end is one": (None, None, 2999, 2999, OWN),
    "a longer one gives no more time": (9999, 9999, 9999, 3000, GRANTS),
}


@pytest.mark.parametrize(("of_grant", "of_rule", "own", "after", "because"), ENDS.values(), ids=list(ENDS))
def test_a_run_ends_with_the_first_of_its_timeouts_or_with_its_grant(
    of_grant: int | None, of_rule: int | None, own: int | None, after: float, because: str
) -> None:
    """The run begins 660 seconds after the scene, the grant ends at 3660."""
    held = replace(grant_of(approved(lasts_for=3600)), terms=Terms(timeout_for=of_grant))
    request = replace(asked(timeout_for=own), obligations=free(terms=Terms(timeout_for=of_rule)).obligations)
    now = moment(660).boot
    assert ends_of(held, request, now) == (now + after, because)


def test_what_has_not_been_approved_gets_no_grant_and_no_time() -> None:
    with pytest.raises(AssertionError, match="an approved request has its obligations"):
        issued(asked(), moment())
    with pytest.raises(AssertionError, match="an approved request has its obligations"):
        ends_of(grant_of(approved()), asked(), 0.0)
