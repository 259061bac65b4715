# SPDX-License-Identifier: Apache-2.0
"""The holdings that one use of a grant has begun: the things that were asked for together.

Law: they are given one after another, in the order in which they were asked for. Once one of them is not given or is taken back,
all are. The client is told of all of them, once.
"""

from __future__ import annotations

from jitd.core.holding import Ended, Ending, Holding, HoldingState, Outcome, Taking
from jitd.core.law import DAEMON, Actor
from jitd.store import Store

_ON = (HoldingState.GIVING, HoldingState.HELD)


def of_one_use(store: Store, one: Holding) -> tuple[Holding, ...]:
    """Return the holdings of the use that ``one`` belongs to, in the order in which they are given. Raises StoreError."""
    if not one.together:
        return (one,)
    return tuple(found for id in one.together if (found := store.holding(id)) is not None)


def are_held(all_of_it: tuple[Holding, ...]) -> bool:
    """True if every thing of a use is given."""
    return all(one.state is HoldingState.HELD for one in all_of_it)


def next_to_give(all_of_it: tuple[Holding, ...]) -> Holding | None:
    """Return the holding whose turn it is: the first one that is not given yet. None if none is to be given."""
    found = next((one for one in all_of_it if one.state is not HoldingState.HELD), None)
    return found if found is not None and found.state is HoldingState.GIVING else None


def taking(all_of_it: tuple[Holding, ...], by: Actor, because: str) -> tuple[Taking, ...]:
    """Return the events by which everything of a use is taken back. The thing that was given last is taken back first."""
    return tuple(Taking(one.id, by, because) for one in reversed(all_of_it) if one.state in _ON)


def not_given(all_of_it: tuple[Holding, ...], refused: Holding, why: str) -> tuple[Ended | Taking, ...]:
    """Return the events that follow if the giver refuses to give the thing of ``refused``: all others are taken back."""
    others = tuple(one for one in all_of_it if one.id != refused.id)
    ended = Ended(refused.id, DAEMON, Outcome(Ending.NOT_GIVEN, why))
    return ended, *taking(others, DAEMON, f"{refused.thing} was not given: {why}")


def why_not_given(all_of_it: tuple[Holding, ...]) -> str:
    """Return the sentence that says why the things of a use were not given; empty if they were, or if they may still be. If there
    are several, it is said only after all that was given, or may have been given, is taken back.
    """
    failed = _failed(all_of_it)
    if failed is None or failed.state is HoldingState.GIVING:
        return ""
    if len(all_of_it) > 1 and any(one.is_live for one in all_of_it if one is failed or one.given_at is not None):
        return ""
    return f"{failed.thing} could not be given: {_because(failed)}"


def why_not_taken(all_of_it: tuple[Holding, ...], one: Holding, why: str) -> str:
    """Return the sentence for a client that gets nothing, if ``one`` cannot be taken back now, and ``why``. Empty if all was
    given, or if ``one`` certainly never was.
    """
    failed = _failed(all_of_it)
    if failed is None or (one.given_at is None and one.id != failed.id):
        return ""
    return f"{failed.thing} could not be given: {_because(failed)}; {one.thing} is not taken back yet, and this goes on: {why}"


def _failed(all_of_it: tuple[Holding, ...]) -> Holding | None:
    """Return the first thing that was not given: no other one after it was asked for."""
    return next((one for one in all_of_it if one.given_at is None), None)


def _because(failed: Holding) -> str:
    return failed.because or (failed.outcome.because if failed.outcome else "")
