# SPDX-License-Identifier: Apache-2.0
"""What a check that changes nothing answers: the very object that it was given, because every decision passes all checks.

Law: a copy of a request or an event costs more than the check itself.
"""

from __future__ import annotations

from jitd.core import break_glass, lock
from jitd.core.gatekeeping import folded
from jitd.core.policy import ROOTS
from jitd.core.request import decide_by, lease_for, to_be_asked
from jitd.core.several import for_all
from tests.scene import asked, moment, permit, screened


def test_a_permit_that_nobody_was_asked_about_is_given_on() -> None:
    decision = permit()
    assert folded(decision, (), None) is decision


def test_the_answer_to_one_question_is_given_on() -> None:
    decision = permit()
    assert for_all([decision]) is decision


def test_an_event_that_no_lock_and_no_owed_review_changes_is_given_on() -> None:
    made = asked()
    event = screened(made, permit())
    assert lock.under((), made, event) is event
    assert break_glass.under(lambda person: iter(()), lambda id: None, made, event) is event


def test_no_lease_is_found_again_where_none_was_found() -> None:
    assert lease_for(permit(), ROOTS.obligations) is None


def test_a_deadline_that_was_set_stays() -> None:
    made = asked()
    waiting = to_be_asked(made, permit(), moment())
    assert decide_by(waiting, ROOTS.obligations, moment(500.0)) == (waiting.expires_at, waiting.expires_boot)
