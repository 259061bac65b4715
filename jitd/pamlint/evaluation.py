# SPDX-License-Identifier: Apache-2.0
"""How libpam walks through a stack: with one answer of each module (``dispatch``), or with all possible answers (``endings``).

Law: pure, and the same as libpam 1.5.2 (pam_dispatch.c). Both functions use the same step. tests/pamlint/test_same_as_libpam.py
compares the step with the library itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from jitd.pamlint.control import (
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
from jitd.pamlint.stack import Handler

UNDECIDED, FOR, AGAINST = 0, 1, -1
"""What the walk has decided so far. libpam calls it the impression."""
MOST_STATES = 200_000


class TooInvolved(Exception):
    """A stack has more ways through it than are looked at."""


class State(NamedTuple):
    """The state of a walk through a stack. ``at`` is the index of the next handler. ``impression`` and ``status`` are what the
    walk has decided so far. ``level`` is how many substacks the walk is in. For each level, ``before`` has the impression and the
    status that the walk had when it entered that level.
    """

    at: int
    impression: int
    status: int
    before: tuple[tuple[int, int], ...]
    level: int


START = State(0, UNDECIDED, PERM_DENIED, ((UNDECIDED, PERM_DENIED),), 0)


def step(stack: Sequence[Handler], state: State, code: int) -> State:
    """Return the state after the present handler has answered ``code``. An ``at`` behind the last handler ends the walk."""
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
    """Return where a jump ends, and how many of its lines are left at the end of its substack. A substack counts as one line."""
    while lines and at < len(stack) and stack[at].level >= level:
        at += 1
        while at < len(stack) and stack[at].level > level:
            at += 1
        lines -= 1
    return at, lines


def result(state: State) -> int:
    """Return what the application is told at the end."""
    return PERM_DENIED if state.status == SUCCESS and state.impression != FOR else state.status


def dispatch(stack: Sequence[Handler], answers: Sequence[int]) -> int:
    """Return the stack's result if its handlers give these ``answers``. Handlers without a module answer as they do in libpam."""
    state = START
    while state.at < len(stack):
        state = step(stack, state, PERM_DENIED if stack[state.at].must_fail else answers[state.at])
    return result(state)


# --- all ways through it -----------------------------------------------------------------------------------------------


class Skipped(NamedTuple):
    """No gate was asked, because handler ``by`` answered one of ``codes``."""

    by: int
    codes: tuple[int, ...]


class Answered(NamedTuple):
    """The gate was asked, and answered one of ``codes``, which do not include success."""

    gate: int
    codes: tuple[int, ...]


class Passed(NamedTuple):
    """A gate said success."""


Way = Skipped | Answered | Passed | None
"""What is noted of a way through the stack; None as long as no gate was asked or skipped."""
PASSED = Passed()


def _alike(handler: Handler, codes: Iterable[int]) -> list[tuple[int, ...]]:
    """Group the codes so that all codes of a group make the same step. Only the status may differ between codes of a group, if it
    is not success.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for code in sorted(codes):
        action = BAD if code == OUTSIDE else handler.table[code] if code != INCOMPLETE else DIE
        special = PERM_DENIED if code == OUTSIDE else _simple(code)
        groups.setdefault((action, special), []).append(code)
    return [tuple(group) for group in groups.values()]


def _simple(code: int) -> int:
    """Return ``code`` if programs treat it specially; else PERM_DENIED, which stands for all other codes."""
    return code if code in (SUCCESS, NEW_AUTHTOK_REQD, AUTHTOK_EXPIRED, IGNORED, INCOMPLETE, OUTSIDE) else PERM_DENIED


def endings(
    stack: Sequence[Handler], possible: Callable[[Handler], Iterable[int]], gates: Sequence[int] = ()
) -> set[tuple[int, Way]]:
    """Return every (result, way) that is possible if each handler answers any of its ``possible`` codes. Raises TooInvolved.

    All results that deny count as one, except those about an expired password.
    """
    if not stack:
        return {(PERM_DENIED, None)}
    groups = [
        [(PERM_DENIED,)] if handler.must_fail or handler.is_substack else _alike(handler, possible(handler)) for handler in stack
    ]
    # The action depends on the code itself, the status only on ``_simple(code)``. So the first code of a group stands for all.
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
