# SPDX-License-Identifier: Apache-2.0
"""Which clock decides: the one that counts since the boot, whatever the one on the wall says.

Law: every table moves the two apart, in both directions; the wall is only ever shown to people.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jitd.core import grant, request
from jitd.core.decision import Terms
from jitd.core.effects import Moment, SetDeadline
from jitd.core.grant import Grant, GrantState, Issued, NoUseLeft, Used, covers
from jitd.core.law import MONITOR
from jitd.core.run import Returned
from tests.scene import START, actor, asked, free, locked, moment, permit, person, screened

DAY = timedelta(days=1)
BEGAN, LASTS = 1000.0, 3600
"""The scene's boot clock when the grants below are issued, and how long they last, in seconds."""

# (what the wall clock does, what it shows, the boot clock, whether the grant's time is over)
CLOCKS = [
    ("both go on", timedelta(seconds=1), BEGAN + 1, False),
    ("both are a moment before the end", timedelta(seconds=3599), BEGAN + 3599.999, False),
    ("both are at the end", timedelta(seconds=3600), BEGAN + 3600, True),
    ("both are past it", timedelta(seconds=3601), BEGAN + 3601, True),
    ("the wall is set forward", DAY, BEGAN + 1, False),
    ("the wall is set forward, a moment before the end", DAY, BEGAN + 3599.999, False),
    ("the wall is set back, a moment before the end", -DAY, BEGAN + 3599.999, False),
    ("the wall is set back, at the end", -DAY, BEGAN + 3600, True),
    ("the wall is set back, past the end", -DAY, BEGAN + 9999, True),
    ("the wall stands still", timedelta(0), BEGAN + 3600, True),
]
every_clock = pytest.mark.parametrize(("wall", "boot", "is_over"), [row[1:] for row in CLOCKS], ids=[row[0] for row in CLOCKS])


def lease() -> Grant:
    """Five uses within an hour, issued when the scene begins."""
    made = asked(lasts_for=LASTS, uses=5)
    _, follows = request.transition(made, screened(made, free(), attended=False), moment())
    (issued,) = [event for event in follows if isinstance(event, Issued)]
    return issued.grant


def at(wall: timedelta, boot: float) -> Moment:
    return Moment(START + wall, boot, "boot-1")


@every_clock
def test_a_lease_answers_while_the_boot_clock_says_so(wall: timedelta, boot: float, is_over: bool) -> None:
    """THREATS G-01."""
    held = lease()
    assert covers(held, held.holder, held.host, held.service, held.command, held.rule, at(wall, boot)) is not is_over


@every_clock
def test_a_use_is_taken_while_the_boot_clock_says_so(wall: timedelta, boot: float, is_over: bool) -> None:
    """THREATS G-01."""
    held = lease()
    event = Used(held.id, actor(person("alice")), held.id, Terms())
    if is_over:
        with pytest.raises(NoUseLeft):
            grant.transition(held, event, at(wall, boot))
    else:
        after, _ = grant.transition(held, event, at(wall, boot))
        assert after.left == held.left - 1


@every_clock
def test_a_use_is_given_back_while_the_boot_clock_says_so(wall: timedelta, boot: float, is_over: bool) -> None:
    """THREATS G-01: past its end there is nothing to give back, and with nothing alive under it the grant is spent."""
    used, _ = grant.transition(lease(), Used("K7QM-2XVD", actor(person("alice")), "K7QM-2XVD", Terms()), moment())
    after, _ = grant.transition(used, Returned(used.id, MONITOR, used.living[0], was_started=False), at(wall, boot))
    assert (after.left, after.state) == ((0, GrantState.SPENT) if is_over else (5, GrantState.ACTIVE))


@pytest.mark.parametrize("wall", [timedelta(seconds=1), DAY, -DAY])
def test_in_another_boot_a_lease_has_no_time_left_whatever_the_clocks_say(wall: timedelta) -> None:
    """THREATS G-01."""
    now = replace(at(wall, BEGAN + 1), boot_id="boot-2")
    held = lease()
    assert not covers(held, held.holder, held.host, held.service, held.command, held.rule, now)
    with pytest.raises(NoUseLeft):
        grant.transition(held, Used(held.id, actor(person("alice")), held.id, Terms()), now)
    used, _ = grant.transition(held, Used(held.id, actor(person("alice")), held.id, Terms()), moment())
    after, _ = grant.transition(used, Returned(used.id, MONITOR, used.living[0], was_started=False), now)
    assert (after.left, after.state) == (0, GrantState.SPENT)


@every_clock
def test_a_lock_holds_while_the_boot_clock_says_so(wall: timedelta, boot: float, is_over: bool) -> None:
    """THREATS G-01."""
    assert locked(lasts_for=LASTS).is_over_at(at(wall, boot)) is is_over


# --- what each end is, on both clocks --------------------------------------------------------------------------------


def test_a_grant_ends_so_long_after_it_was_issued_on_either_clock() -> None:
    """``ends_at`` is for people, and is neither before the beginning nor decided by."""
    held = lease()
    assert (held.issued_at, held.ends_at, held.ends_boot) == (START, START + timedelta(seconds=LASTS), BEGAN + LASTS)
    _, (deadline,) = grant.issue(Issued(held.id, actor(person("alice")), held))
    assert deadline == SetDeadline("grant", held.id, BEGAN + LASTS)


def test_a_request_expires_so_long_after_it_was_screened_on_either_clock() -> None:
    waiting, follows = request.transition(asked(), screened(asked(), permit(expires_for=900)), moment(5))
    assert waiting.expires_at == START + timedelta(seconds=905)
    assert waiting.expires_boot == BEGAN + 905
    assert SetDeadline("request", waiting.id, BEGAN + 905) in follows
