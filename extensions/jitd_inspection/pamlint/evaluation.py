# SPDX-License-Identifier: Apache-2.0
"""Follows the way of libpam through a stack, with all possible answers of each module.
Law: the results are the same as in libpam 1.5.2 (pam_dispatch.c). tests/pamlint/test_same_as_libpam.py compares ``step`` with the
library itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from jitd.hosts.control import (
    AUTHTOK_EXPIRED,
    BAD,
    DIE,
    DONE,
    IGNORED,
    INCOMPLETE,
    NEW_AUTHTOK_REQD,
    OK,
    OUTSIDE,
    PERM_DENIED,
    RESET,
    SUCCESS,
)
from jitd.hosts.stack import Handler

UNDECIDED, FOR, AGAINST = 0, 1, -1  # decisions at one point of a walk through a stack ("impression" in libpam)
MOST_STATES = 200_000


class TooInvolved(Exception):
    """The number of possible ways through a stack is above the limit of this module."""


class State(NamedTuple):
    """The state of a walk through a stack. ``at`` is the index of the next handler. ``impression`` and ``status`` are the
    decision at this point. ``level`` is the number of substacks around the present handler. ``before`` contains one pair for each
    level: the impression and the status at the beginning of that level.
    """

    at: int
    impression: int
    status: int
    before: tuple[tuple[int, int], ...]
    level: int


START = State(0, UNDECIDED, PERM_DENIED, ((UNDECIDED, PERM_DENIED),), 0)


def step(stack: Sequence[Handler], state: State, code: int) -> State:
    """Return the state after the present handler has answered ``code``. If ``at`` of the new state is equal to the number of
    handlers, the walk has ended.
    """
    handler = stack[state.at]
    level, at = handler.level, state.at + 1
    impression, status, before = state.impression, state.status, state.before
    before = (*before[:level], (impression, status)) if state.level < level else before[: level + 1]
    if handler.is_substack:
        return State(at, impression, status, before, level)
    if code == INCOMPLETE:
        return State(len(stack), AGAINST, INCOMPLETE, before, level)
    action = BAD if code == OUTSIDE else handler.table[code]
    if code == OUTSIDE:
        code = PERM_DENIED
    if action == RESET:
        impression, status = before[level]
    elif action in (OK, DONE):
        if impression == UNDECIDED or (impression == FOR and status == SUCCESS):
            impression, status = FOR, code
        if impression == FOR and action == DONE:
            at = _end_of_level(stack, at, level)
    elif action in (BAD, DIE):
        if impression != AGAINST:
            impression, status = AGAINST, PERM_DENIED if code == IGNORED else code
        if action == DIE:
            at = _end_of_level(stack, at, level)
    elif action > 0:
        at, missing = _jumped(stack, at, level, action)
        if missing:
            impression, status = AGAINST, PERM_DENIED
    return State(at, impression, status, before, level)


def _end_of_level(stack: Sequence[Handler], at: int, level: int) -> int:
    while at < len(stack) and stack[at].level >= level:
        at += 1
    return at


def _jumped(stack: Sequence[Handler], at: int, level: int, lines: int) -> tuple[int, int]:
    """Return the index where a jump over ``lines`` lines ends. Also return the number of missing lines. This number is 0, unless
    the stack or substack ends before ``lines`` lines were skipped. A substack is counted as one line.
    """
    while lines and at < len(stack) and stack[at].level >= level:
        at += 1
        while at < len(stack) and stack[at].level > level:
            at += 1
        lines -= 1
    return at, lines


def result(state: State) -> int:
    """Return the result that libpam returns to the program at the end of the stack."""
    return PERM_DENIED if state.status == SUCCESS and state.impression != FOR else state.status


# --- all ways through it -----------------------------------------------------------------------------------------------


class Skipped(NamedTuple):
    """No gate was reached, because handler ``by`` answered one of ``codes``."""

    by: int
    codes: tuple[int, ...]


class Answered(NamedTuple):
    """The gate was reached, and answered one of ``codes``. Success is not one of these codes."""

    gate: int
    codes: tuple[int, ...]


class Passed(NamedTuple):
    """A gate answered with success."""


Way = Skipped | Answered | Passed | None  # of the gates on a way through the stack. None until the first one
PASSED = Passed()


def _alike(handler: Handler, codes: Iterable[int]) -> list[tuple[int, ...]]:
    """Group the codes so that ``step`` takes the same action for all codes of a group. Within a group, only the status may
    differ. Success is never in the same group as another code.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for code in sorted(codes):
        action = BAD if code == OUTSIDE else handler.table[code] if code != INCOMPLETE else DIE
        special = PERM_DENIED if code == OUTSIDE else _simple(code)
        groups.setdefault((action, special), []).append(code)
    return [tuple(group) for group in groups.values()]


def _simple(code: int) -> int:
    """Return ``code`` if programs treat this code in a special way. For all other codes, return PERM_DENIED."""
    return code if code in (SUCCESS, NEW_AUTHTOK_REQD, AUTHTOK_EXPIRED, IGNORED, INCOMPLETE, OUTSIDE) else PERM_DENIED


def endings(
    stack: Sequence[Handler], possible: Callable[[Handler], Iterable[int]], gates: Sequence[int] = ()
) -> set[tuple[int, Way]]:
    """Return every pair (result, way) that is possible with the answers of the handlers. ``possible`` returns the codes that a
    handler may answer. Results about an expired password are kept as separate results. All other results that deny are treated
    as the same result. Raises TooInvolved.
    """
    if not stack:
        return {(PERM_DENIED, None)}
    groups = [
        [(PERM_DENIED,)] if handler.must_fail or handler.is_substack else _alike(handler, possible(handler)) for handler in stack
    ]
    # The action depends on the code itself. The status depends only on ``_simple(code)``. So the first code of a group represents
    # all codes of the group.
    found: set[tuple[int, Way]] = set()
    waiting: list[tuple[State, Way]] = [(START, None)]
    seen = set(waiting)
    while waiting:
        state, way = waiting.pop()
        for group in groups[state.at]:
            after = step(stack, state, group[0])
            after = after._replace(
                status=_simple(after.status), before=tuple((thought, _simple(status)) for thought, status in after.before)
            )
            known = _way(way, state.at, after.at, group, gates)
            if after.at >= len(stack):
                found.add((result(after), known))
            elif (after, known) not in seen:
                seen.add((after, known))
                waiting.append((after, known))
                if len(seen) > MOST_STATES:
                    raise TooInvolved
    return found


def _way(way: Way, at: int, then: int, group: tuple[int, ...], gates: Sequence[int]) -> Way:
    if way == PASSED:
        return way
    if at in gates:
        return PASSED if group == (SUCCESS,) else Answered(at, group)
    if way is None and any(at < gate < then for gate in gates):
        return Skipped(at, group)
    return way
