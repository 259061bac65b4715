# SPDX-License-Identifier: Apache-2.0
"""A holding: a thing is given and taken back. The first kind of thing is leave to get a ticket from the KDC.

Law: LAW and MAY_CAUSE hold all that decides a holding's state. A holding is recorded before the thing is given, and it is open
until the thing is taken back. A thing that was given is never forgotten. It is never recorded as taken before it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core.effects import Give, ListsChanged, Moment, Take, TellHolder
from jitd.core.law import Actor, IllegalEvent, Role, check
from jitd.core.run import Returned


class HoldingState(StrEnum):
    """The state of a holding."""

    GIVING = "giving"
    HELD = "held"
    TAKING = "taking"
    ENDED = "ended"


class Ending(StrEnum):
    """How a holding ended."""

    TAKEN = "taken"
    NOT_GIVEN = "not given"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a holding ended. ``because`` is a sentence: why the thing was not given, or what the person still has of it."""

    ending: Ending
    because: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that one person has under ``grant``, for ``request``.

    ``thing`` is the name of the thing as a rule has it, ``to`` the principal of the person. ``until`` is when the holding ends,
    by the wall clock: the giver of the thing (the KDC) has no other clock. ``stays``: the person asked for the thing until then.
    If the client has said that it keeps the thing (``kept_at``), the holding does not end with the client's connection.
    ``together`` are the ids of all holdings of one use, this one among them, in the order in which they are given; empty if there
    is no other. ``has_secret``: the giver has handed out a secret that the person needs to use the thing. It is stored nowhere.
    """

    id: str
    grant: str
    request: str
    thing: str
    to: str
    until: datetime
    stays: bool
    giving_at: datetime
    given_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    because: str = ""
    state: HoldingState = HoldingState.GIVING
    version: int = 1
    kept_at: datetime | None = None
    together: tuple[str, ...] = ()
    has_secret: bool = False

    @property
    def is_first(self) -> bool:
        """True if no other holding of the same use is given before this one. So none is given unless this one is."""
        return self.together[:1] in ((), (self.id,))

    @property
    def is_live(self) -> bool:
        """True until the thing is taken back."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class Giving:
    """A use of the grant was taken. This event creates the holding, before anything is given."""

    life: ClassVar[str] = "holding"
    id: str
    by: Actor
    grant: str
    request: str
    thing: str
    to: str
    until: datetime
    stays: bool
    at: datetime
    together: tuple[str, ...] = ()

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {
            "grant": self.grant,
            "request": self.request,
            "thing": self.thing,
            "to": self.to,
            "until": self.until.isoformat(),
            "stays": self.stays,
            **({"together": list(self.together)} if self.together else {}),
        }


@dataclass(frozen=True, slots=True)
class Given:
    """The giver says that the person has the thing. ``has_secret``: see Holding."""

    life: ClassVar[str] = "holding"
    id: str
    by: Actor
    has_secret: bool = False

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"has_secret": True} if self.has_secret else {}


@dataclass(frozen=True, slots=True)
class Kept:
    """The client has the thing and leaves it to the person: it stays after the client's connection."""

    life: ClassVar[str] = "holding"
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {}


@dataclass(frozen=True, slots=True)
class Taking:
    """The thing has to be taken back: its grant ended, the person gave it back, or nobody knows whether it was given."""

    life: ClassVar[str] = "holding"
    id: str
    by: Actor
    because: str

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"because": self.because}


@dataclass(frozen=True, slots=True)
class Ended:
    """The giver says that the thing is taken back, or that it never gave it."""

    life: ClassVar[str] = "holding"
    id: str
    by: Actor
    outcome: Outcome

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"ending": str(self.outcome.ending), "because": self.outcome.because}


Event = Given | Kept | Taking | Ended

LAW: dict[HoldingState, dict[type, frozenset[HoldingState]]] = {
    HoldingState.GIVING: {
        Given: frozenset({HoldingState.HELD}),
        Taking: frozenset({HoldingState.TAKING}),
        Ended: frozenset({HoldingState.ENDED}),
    },
    HoldingState.HELD: {
        Kept: frozenset({HoldingState.HELD}),
        Taking: frozenset({HoldingState.TAKING}),
    },
    HoldingState.TAKING: {
        Given: frozenset({HoldingState.TAKING}),
        Taking: frozenset({HoldingState.TAKING}),
        Ended: frozenset({HoldingState.ENDED}),
    },
    HoldingState.ENDED: {},
}
"""state × event → the states it may lead to. Total: the ended state is there, and empty. What is held ends through TAKING
alone.
"""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Giving: frozenset({Role.REQUESTER}),
    Given: frozenset({Role.DAEMON}),
    Kept: frozenset({Role.REQUESTER}),
    Taking: frozenset({Role.REQUESTER, Role.APPROVER, Role.OPERATOR, Role.CLOCK, Role.DAEMON}),
    Ended: frozenset({Role.DAEMON}),
}
"""Maps each event to the roles that may cause it."""


def give(event: Giving) -> tuple[Holding, tuple[Any, ...]]:
    """Return the new holding, and what follows."""
    asked = event.grant, event.request, event.thing, event.to, event.until, event.stays, event.at
    holding = Holding(event.id, *asked, together=event.together)
    return holding, (Give(holding.id), ListsChanged())


def transition(holding: Holding, event: Event, now: Moment) -> tuple[Holding, tuple[Any, ...]]:
    """Return ``holding`` after ``event``, and what follows. Raises IllegalEvent, and then changes nothing."""
    check(LAW, MAY_CAUSE, holding.state, event)
    follows: tuple[Any, ...]
    match event:
        case Given():
            state = HoldingState.TAKING if holding.state is HoldingState.TAKING else HoldingState.HELD
            after = replace(holding, state=state, given_at=holding.given_at or now.at)
            after = replace(after, has_secret=holding.has_secret or event.has_secret)
            follows = (TellHolder(holding.id), ListsChanged())
        case Kept():
            if not holding.stays:
                raise IllegalEvent(f"holding {holding.id} was asked for only until a connection ends")
            after = replace(holding, kept_at=holding.kept_at or now.at)
            follows = (ListsChanged(),)
        case Taking():
            after = replace(holding, state=HoldingState.TAKING, because=holding.because or event.because)
            follows = (Take(holding.id), TellHolder(holding.id), ListsChanged())
        case Ended():
            if (event.outcome.ending is Ending.NOT_GIVEN) != (holding.given_at is None):
                raise IllegalEvent(f"holding {holding.id} cannot have ended as {event.outcome.ending}")
            after = replace(holding, state=HoldingState.ENDED, outcome=event.outcome, ended_at=now.at)
            # If the first thing of a use was not given, none was. If it was, a ticket may be left: the use is not returned.
            is_used = event.outcome.ending is not Ending.NOT_GIVEN or not holding.is_first
            follows = (Returned(holding.grant, event.by, holding.id, is_used), TellHolder(holding.id), ListsChanged())
    if after.state not in LAW[holding.state][type(event)]:
        raise IllegalEvent(f"holding {holding.id} cannot go from {holding.state} to {after.state}")
    return replace(after, version=holding.version + 1), follows


def outcome_of(holding: Holding, now: Moment) -> Outcome:
    """Return how ``holding`` ends if the giver has taken the thing back ``now``.

    A ticket that was issued before stays valid until its own end. A replica of the KDC issues tickets by the grant until it
    hears that the grant was taken. Nobody can take that back, so the outcome says it.
    """
    if holding.given_at is None:
        return Outcome(Ending.NOT_GIVEN, holding.because)
    if now.at < holding.until:
        until = holding.until.strftime("%Y-%m-%d %H:%M:%S UTC")
        issued = f"a ticket that was issued before is good until {until}, and what was opened by it goes on"
        lag = "another KDC of the realm may issue one, too, until it hears that the grant was taken"
        return Outcome(Ending.LEFT, f"{issued}; {lag}")
    return Outcome(Ending.TAKEN)
