# SPDX-License-Identifier: Apache-2.0
"""The holdings of one use of a grant, that is, the things that were requested together.
Law: the things are given one after another, in the order of the request. If one thing is refused or taken back, all other things
of this use are taken back. The client gets one message about all these things.
"""

from __future__ import annotations

from jitd.core.holding import Ended, Ending, Holding, HoldingState, Outcome, Taking
from jitd.core.law import DAEMON, Actor
from jitd.store import Store

_ON = (HoldingState.GIVING, HoldingState.HELD)


def of_one_use(store: Store, one: Holding) -> tuple[Holding, ...]:
    """Return all holdings that belong to the same use of the grant as the holding ``one``. The holdings are in the order in
    which their things are given. Raises StoreError.
    """
    if not one.together:
        return (one,)
    return tuple(found for id in one.together if (found := store.holding(id)) is not None)


def are_held(all_of_it: tuple[Holding, ...]) -> bool:
    """True if the things of all holdings in ``all_of_it`` have been given."""
    return all(one.state is HoldingState.HELD for one in all_of_it)


def next_to_give(all_of_it: tuple[Holding, ...]) -> Holding | None:
    """Return the first holding in ``all_of_it`` whose thing still has to be given. Return None if all things of the holdings
    are given. Also return None if one of the things is being taken back or could not be given.
    """
    found = next((one for one in all_of_it if one.state is not HoldingState.HELD), None)
    return found if found is not None and found.state is HoldingState.GIVING else None


def taking(all_of_it: tuple[Holding, ...], by: Actor, because: str) -> tuple[Taking, ...]:
    """Return the events that take all these things back, the one given last first."""
    return tuple(Taking(one.id, by, because) for one in reversed(all_of_it) if one.state in _ON)


def not_given(all_of_it: tuple[Holding, ...], refused: Holding, why: str) -> tuple[Ended | Taking, ...]:
    """``refused`` is the holding whose thing the giver has refused. Return the events that end this holding, and the events
    that take back the things of all other holdings in ``all_of_it``.
    """
    others = tuple(one for one in all_of_it if one.id != refused.id)
    ended = Ended(refused.id, DAEMON, Outcome(Ending.NOT_GIVEN, why))
    return ended, *taking(others, DAEMON, f"{refused.thing} was not given: {why}")


def why_not_given(all_of_it: tuple[Holding, ...], missed: Holding | None = None) -> str:
    """Return the sentence that says why the things of the holdings ``all_of_it`` were not given. Return an empty string if the
    things were given, or if they can still be given. If there are several things, also return an empty string until jitd has
    taken back every thing that it gave or tried to give. ``missed`` is a holding whose thing was given too late. The thing is
    given too late if jitd is already taking back the things of the holdings ``all_of_it``.
    """
    failed = _failed(all_of_it) or missed
    if failed is None or failed.state is HoldingState.GIVING:
        return ""
    if len(all_of_it) > 1 and any(one.is_live for one in all_of_it if one is failed or one.given_at is not None):
        return ""
    return f"{failed.thing} could not be given: {_because(failed)}"


def why_not_taken(all_of_it: tuple[Holding, ...], one: Holding, why: str, missed: Holding | None = None) -> str:
    """Return the sentence for a client that gets nothing. The sentence says which thing could not be given. The sentence also
    says that the thing of the holding ``one`` is not taken back yet, for the reason ``why``. Return an empty string if all
    things were given, or if it is certain that the thing of ``one`` was not given. For ``missed``, see ``why_not_given``.
    """
    failed = _failed(all_of_it) or missed
    if failed is None or (one.given_at is None and one.id != failed.id):
        return ""
    goes_on = f"{one.thing} is not taken back yet, and jitd goes on trying: {why}"
    return f"{failed.thing} could not be given: {_because(failed)}; {goes_on}"


def _failed(all_of_it: tuple[Holding, ...]) -> Holding | None:
    """Return the first holding whose thing has not been given. jitd has not tried to give the things of the later holdings."""
    return next((one for one in all_of_it if one.given_at is None), None)


def _because(failed: Holding) -> str:
    return failed.because or (failed.outcome.because if failed.outcome else "")
