# SPDX-License-Identifier: Apache-2.0
"""The end of a connection to the door: somebody whom a carrier brings (PROTOCOL.md section 13).

Law: a Visit stands in the place of a Peer, and has neither a uid nor a process, so nothing at the door can be decided by those of
the carrier. Every message but those that permit nothing (PERMIT_NOTHING) needs a stamp.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from jitd.core.effects import Moment
from jitd.core.law import ByDoor
from jitd.core.party import Party
from jitd.core.request import Verdict
from jitd.core.subject import Identity
from jitd.deciding.account_policy import WITHIN
from jitd.server.handshake import Handshake
from jitd.server.identifying import SLOW_AFTER, Slow
from jitd.server.peer import Count, Say
from jitd.server.services import Services
from jitd.verbs.refusal import DELEGATED, Refusal
from jitpam.wire import messages
from jitpam.wire.conversation import DOOR
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import SEAL, SMALL
from jitpam.wire.messages import CARRIERS, MOST_SOURCE, STAMPED_WITHIN, Message

IDLE_FOR = 60.0  # maximum time, in seconds, for which somebody at the door asks nothing
PERMIT_NOTHING = (
    messages.List,
    messages.Page,
    messages.Show,
    messages.Basis,
    messages.Watch,
    messages.Replay,
    messages.Status,
    messages.Audit,
    messages.Observe,  # what counts are the watcher's answers to heartbeats, and each has to come within seconds
    messages.Revoke,
    messages.Stop,
    messages.Lock,
    messages.Stamp,
    messages.Roll,
)
"""The messages that may come late: to hold one back permits nothing. A review that denies is another."""
_SOURCE = re.compile(rf"[!-~]{{1,{MOST_SOURCE}}}")


class Visit:
    """``now`` returns the present moment. ``is_room_for`` is asked once whether another conversation of this carrier and source
    may begin, and ``is_room_for_agent`` whether another agent may have the roll called. For the rest, see Peer.
    """

    law, limit, n_passed, signs = DOOR, SMALL + SEAL, 0, True
    uid = hold = None

    def __init__(
        self, now: Callable[[], Moment], is_room_for: Callable[[ByDoor], bool], is_room_for_agent: Callable[[], bool]
    ) -> None:
        self._now = now
        self._is_room_for = is_room_for
        self._is_room_for_agent = is_room_for_agent
        self._way: ByDoor | None = None
        self._stamped_at: float | None = None

    @property
    def way(self) -> ByDoor:
        """The way by which the person comes, as the carrier tells it."""
        assert self._way is not None, "the table of the door lets nobody come this far without the carrier's frame"
        return self._way

    def carried(self, message: messages.Carried) -> None:
        """Take the carrier's frame. Raises RemoteProtocolError if it is not valid, and Refusal if there is no room."""
        if message.carrier not in CARRIERS or not _SOURCE.fullmatch(message.source):
            raise RemoteProtocolError("the carrier or the source in the carrier's frame is not valid")
        self._way = ByDoor(message.carrier, message.source)
        if not self._is_room_for(self._way):
            raise Refusal("not_done", "too many conversations have begun from where you are: try again in a moment")

    def stamp(self) -> None:
        """Note the time at which the client is told that its next message may come."""
        self._stamped_at = self._now().boot

    def admit(self, message: Message) -> None:
        """``message`` was just read. Raises Refusal if it needs a stamp, and has none, or one that is too old."""
        if isinstance(message, PERMIT_NOTHING) or (isinstance(message, messages.Review) and message.verdict == Verdict.DENY):
            return
        stamped_at, self._stamped_at = self._stamped_at, None
        age = None if stamped_at is None else self._now().boot - stamped_at
        if age is None or not 0 <= age <= STAMPED_WITHIN:
            raise Refusal("late", f"your answer arrived more than {STAMPED_WITHIN:g} s late and was not used: answer again")

    def take(self, message: Message) -> None:
        match message:
            case messages.Carried():
                self.carried(message)
            case messages.Roll() if not self._is_room_for_agent():
                raise Refusal("not_done", "too many agents have the roll called at this door")
            case messages.Stamp():
                self.stamp()

    async def welcome(self, services: Services, party: Party, shaken: Handshake, say: Say, slow: Slow, count: Count) -> Identity:
        assert shaken.proof is not None, "the handshake takes nothing else at the door"
        if shaken.proof.is_delegated:  # on this host, the uid tells who uses it
            raise Refusal("unauthenticated", DELEGATED)
        who = await services.identifying.by_door(shaken.proof, slow)
        if who is None:
            principal = shaken.proof.principal.decode("utf-8", "replace")
            services.complaints.warn(party, "nobody by the door", principal=principal)
            raise Refusal("unauthenticated", services.identifying.why_nobody_by_door(shaken.proof))
        if not count(who.party):
            raise Refusal("not_done", "you have too many conversations with this host: end some, and try again")
        telling = asyncio.get_running_loop().call_later(SLOW_AFTER, slow, int((WITHIN - SLOW_AFTER) * 1000))
        try:
            await _refuse_kept_out(services, who)
        finally:
            telling.cancel()
        return who

    def asks_within(self, party: Party) -> float | None:
        return IDLE_FOR

    async def as_used(self, services: Services, who: Identity, *, must: bool = True) -> Identity:
        if must:
            await _refuse_kept_out(services, who)
        # the process is on another host, or hides among the carrier's: anybody may be the one
        return services.using.as_used_anywhere(who)

    def origin(self) -> ByDoor:
        return self.way


async def _refuse_kept_out(services: Services, who: Identity) -> None:
    """Raise Refusal if PAM does not let ``who``, who has come by the door, use their account on this host."""
    if (denial := await services.account_policy.denial_by_door(who)) is not None:
        raise Refusal("forbidden", denial.because)
