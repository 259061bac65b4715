# SPDX-License-Identifier: Apache-2.0
"""A holding records that jitd gives a thing to a person and later takes the thing back. The first kind of thing is the permission
to get a ticket from the KDC.

Law: only the tables LAW and MAY_CAUSE decide which state a holding can have. jitd records a holding before it gives the thing.
The holding stays open until the thing is taken back. jitd never forgets a thing that it has given. jitd first takes a thing back,
and then records that it has done so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from jitd.core.effects import Give, ListsChanged, Moment, Take, TellHolder
from jitd.core.law import IllegalEvent, LifeEvent, Role, check
from jitd.core.run import Returned
from jitd.core.subject import User
from jitd.core.values import TEXT, value


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
    """How a holding ended: ``because`` says why it was not given, or what the person still has."""

    ending: Ending
    because: Annotated[str, TEXT] = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of this host for which a thing is given."""

    name: str
    uid: int


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that one person has because of ``grant`` and ``request``.

    ``thing`` is the name of the thing in the same form as in a rule. ``to`` is the principal of the person. ``until`` is the end
    of the holding on the wall clock. jitd uses the wall clock for ``until`` because the KDC issues the tickets, and the KDC knows
    only the wall clock. ``stays`` is True if the person asked to keep the thing until ``until``. If ``stays`` is True, the client
    can report that the person keeps the thing (``kept_at``). After this report, the holding does not end together with the
    client's connection.

    ``together`` contains the ids of all holdings of one use, including this holding. The ids are in the order in which jitd gives
    the things. ``together`` is empty if the use has only one holding. The giver is the part of jitd that gives the thing.
    ``has_secret`` is True if the giver has issued a secret that the person needs to use the thing. The secret is stored nowhere.
    ``taking_at`` is the time at which the holding first entered the state TAKING.

    ``account`` is here, although the grant has it too, because a thing is taken back by its holding alone, whatever has become of
    its grant. ``used_by``: see ``Run``.
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
    because: Annotated[str, TEXT] = ""
    state: HoldingState = HoldingState.GIVING
    version: int = 1
    kept_at: datetime | None = None
    together: tuple[str, ...] = ()
    has_secret: bool = False
    taking_at: datetime | None = None
    account: Account = field(kw_only=True)
    used_by: tuple[User, ...] = ()

    @property
    def is_first(self) -> bool:
        """True if this holding is the first of all holdings of the same use. If jitd cannot give the thing of the first holding,
        it does not give the other things of this use either.
        """
        return self.together[:1] in ((), (self.id,))

    @property
    def is_live(self) -> bool:
        """True until the holding has ended."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class Untaken:
    """A thing that cannot be taken back, or whose grant cannot be renewed, since the first attempt, for ``why``."""

    why: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class HoldingEvent(LifeEvent):
    """An event of a holding."""

    life = "holding"


@dataclass(frozen=True, slots=True)
class Giving(HoldingEvent):
    """A use of the grant was taken. This event creates the holding, before jitd gives the thing."""

    grant: str
    request: str
    thing: str
    to: str
    until: datetime
    stays: bool
    at: datetime
    together: tuple[str, ...] = ()
    account: Account = field(kw_only=True)
    used_by: tuple[User, ...] = ()

    def detail(self) -> dict[str, Any]:
        return {
            "grant": self.grant,
            "request": self.request,
            "thing": self.thing,
            "to": self.to,
            "until": self.until.isoformat(),
            "stays": self.stays,
            **({"together": list(self.together)} if self.together else {}),
            "account": asdict(self.account),
        }


@dataclass(frozen=True, slots=True)
class Given(HoldingEvent):
    """The giver reports that the person has the thing, and whether it has issued a secret (see Holding)."""

    has_secret: bool = False

    def detail(self) -> dict[str, Any]:
        return {"has_secret": True} if self.has_secret else {}


@dataclass(frozen=True, slots=True)
class Kept(HoldingEvent):
    """The client has got the thing and passes it on: the person keeps it even if the client's connection ends."""


@dataclass(frozen=True, slots=True)
class Taking(HoldingEvent):
    """The thing must be taken back: the grant ended, the person gave it back, or it may or may not have been given."""

    because: str

    def detail(self) -> dict[str, Any]:
        return {"because": value("because", self.because)}


@dataclass(frozen=True, slots=True)
class Ended(HoldingEvent):
    """The giver reports that it took the thing back, or that the thing was never given."""

    outcome: Outcome

    def detail(self) -> dict[str, Any]:
        return {"ending": str(self.outcome.ending), "because": value("because", self.outcome.because)}


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
"""Maps each state and event to the states that may follow. What is HELD must be TAKING before it is ENDED."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Giving: frozenset({Role.REQUESTER}),
    Given: frozenset({Role.DAEMON}),
    Kept: frozenset({Role.REQUESTER}),
    Taking: frozenset({Role.REQUESTER, Role.APPROVER, Role.OPERATOR, Role.CLOCK, Role.DAEMON}),
    Ended: frozenset({Role.DAEMON}),
}


def give(event: Giving) -> tuple[Holding, tuple[Any, ...]]:
    """Return the new holding and the resulting effects."""
    holding = Holding(
        id=event.id,
        grant=event.grant,
        request=event.request,
        thing=event.thing,
        to=event.to,
        until=event.until,
        stays=event.stays,
        giving_at=event.at,
        together=event.together,
        account=event.account,
        used_by=event.used_by,
    )
    return holding, (Give(holding.id), ListsChanged())


def transition(holding: Holding, event: Event, now: Moment) -> tuple[Holding, tuple[Any, ...]]:
    """Return ``holding`` after ``event``, and what follows. If IllegalEvent is raised, nothing has changed."""
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
                raise IllegalEvent(f"holding {holding.id} was asked for only until the client's connection ends")
            after = replace(holding, kept_at=holding.kept_at or now.at)
            follows = (ListsChanged(),)
        case Taking():
            after = replace(holding, state=HoldingState.TAKING, because=holding.because or event.because)
            after = replace(after, taking_at=holding.taking_at or now.at)
            follows = (Take(holding.id), TellHolder(holding.id), ListsChanged())
        case Ended():
            if (event.outcome.ending is Ending.NOT_GIVEN) != (holding.given_at is None):
                raise IllegalEvent(f"holding {holding.id} cannot have ended as {event.outcome.ending}")
            after = replace(holding, state=HoldingState.ENDED, outcome=event.outcome, ended_at=now.at)
            # If the first thing of a use was not given, no thing was given, so the grant gets the use back.
            is_used = event.outcome.ending is not Ending.NOT_GIVEN or not holding.is_first
            follows = (Returned(holding.grant, event.by, holding.id, is_used), TellHolder(holding.id), ListsChanged())
    if after.state not in LAW[holding.state][type(event)]:
        raise IllegalEvent(f"holding {holding.id} cannot go from {holding.state} to {after.state}")
    return replace(after, version=holding.version + 1), follows


def outcome_of(holding: Holding, now: Moment, left: str = "", ends_at: datetime | None = None) -> Outcome:
    """At ``now``, the giver has taken back the thing of ``holding``. Return the outcome. If the person still has a part of the
    thing, ``left`` is a sentence from the giver about this part. If the person has nothing left, ``left`` is empty.

    ``ends_at`` is the time at which a service ticket would have ended by itself, and None for all other things. Until then, two
    effects may remain. A ticket that was issued earlier stays valid until its own end. A replica of the KDC may continue to issue
    tickets until the replica learns that the permission was taken back. jitd cannot prevent these effects. Therefore the outcome
    mentions both effects.
    """
    if holding.given_at is None:
        return Outcome(Ending.NOT_GIVEN, holding.because)
    if left:
        return Outcome(Ending.LEFT, left)
    if ends_at is not None and now.at < ends_at:
        issued = (
            f"a ticket that was issued before is valid until {_utc(ends_at)}, and connections opened with this ticket continue"
        )
        lag = "another KDC of the realm may issue more tickets until this KDC learns that the permission was taken back"
        return Outcome(Ending.LEFT, f"{issued}; {lag}")
    return Outcome(Ending.TAKEN)


def ends_by_itself(ends_at: datetime, now: Moment) -> str:
    """Return the end of a sentence about a service ticket that jitd cannot take back, or cannot renew, at ``now``."""
    if ends_at <= now.at:
        return f"the KDC has given no ticket for it since {_utc(ends_at)}, because its grant has ended there by itself"
    return f"the KDC gives no ticket for it after {_utc(ends_at)}, even if kadmind never answers"


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
