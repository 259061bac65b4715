# SPDX-License-Identifier: Apache-2.0
"""One side of a conversation that an engine carries in messages (PROTOCOL.md section 14): numbers, acknowledgements, credit.
Both ends use it. It does no I/O, and the caller says what time it is.

Law: the bytes that come out are those that went in at the other side, in the same order, each once, or the conversation ends. A
message that is not acknowledged in time ends it. An end that does not take its bytes is waited for without a limit, and holds at
most WINDOW of them.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, IntEnum

WINDOW = 256 * 1024  # how many bytes a side may send before the other side has taken them
MOST_PIECE = 32 * 1024
RETURNED_AT = WINDOW // 4  # credit is returned in amounts of at least so many bytes
RECEIVED_WITHIN = 5.0
QUIET_FOR = 10.0  # seconds after which a side that has said nothing asks whether the other one is still there
HEAD = 5
MOST_NUMBER = 2**32 - 1


class Kind(IntEnum):
    """The first byte of a message. All but ``RECEIVED`` are numbered, by each side for itself, and acknowledged."""

    OPENED = 1
    DATA = 2
    RECEIVED = 3
    CREDIT = 4
    PROBE = 5
    END = 6


class Why(Enum):
    """How a conversation has ended. Those with a number are said by ``END``."""

    DONE = 0
    NO_DOOR = 1
    FULL = 2
    BROKEN = 3
    LEFT = 4
    MANGLED = "mangled"
    UNHEARD = "unheard"
    NOBODY = "nobody"
    SILENT = "silent"
    TWO = "two"
    ENGINE = "engine"


class Broken(Exception):
    """The conversation cannot go on."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.name)
        self.why = why


class Side:
    """The side of the host, which says first that it is there, or that of the client, which has asked it."""

    def __init__(self, *, is_host: bool, now: float) -> None:
        self._number = self._expected = 0
        self._unheard: deque[tuple[int, float]] = deque()
        self._out: list[bytes] = []
        self._credit = WINDOW
        self._untaken = self._unreturned = 0
        self._is_ending = False
        self._opened_by = None if is_host else now + RECEIVED_WITHIN
        self._probe_at = now + QUIET_FOR
        self.ended_by: Why | None = None  # how the other side has ended the conversation, once it has
        if is_host:
            self._say(Kind.OPENED, b"", now)

    @staticmethod
    def refusal(why: Why) -> bytes:
        """Return the one message of a host that takes no conversation."""
        return _message(Kind.END, 0, bytes((why.value,)))

    # --- what is sent

    def room(self) -> int:
        """Return how many bytes may be said now."""
        is_open = self._opened_by is None and not self._is_ending and self.ended_by is None
        return min(self._credit, MOST_PIECE) if is_open else 0

    def say(self, data: bytes, now: float) -> None:
        """Send ``data``, of at most ``room`` bytes."""
        assert 0 < len(data) <= self.room()
        self._credit -= len(data)
        self._say(Kind.DATA, data, now)

    def take(self, n: int, now: float) -> None:
        """Note that the one behind this side has taken ``n`` bytes of what was heard."""
        self._unreturned += n
        if self._unreturned >= RETURNED_AT and self.ended_by is None and not self._is_ending:
            self._untaken -= self._unreturned
            self._say(Kind.CREDIT, self._unreturned.to_bytes(4, "big"), now)
            self._unreturned = 0

    def end(self, why: Why, now: float) -> None:
        """End the conversation from this side."""
        if not self._is_ending and self.ended_by is None and isinstance(why.value, int):
            self._is_ending = True
            self._say(Kind.END, bytes((why.value,)), now)

    def outgoing(self) -> list[bytes]:
        """Return the messages that are to be sent, each once."""
        out, self._out = self._out, []
        return out

    @property
    def is_over(self) -> bool:
        """True if nothing is left to be sent or heard."""
        return self.ended_by is not None or (self._is_ending and not self._unheard)

    def _say(self, kind: Kind, body: bytes, now: float) -> None:
        if self._number > MOST_NUMBER:
            raise Broken(Why.MANGLED)
        self._out.append(_message(kind, self._number, body))
        self._unheard.append((self._number, now + RECEIVED_WITHIN))
        self._number += 1
        self._probe_at = now + QUIET_FOR

    # --- what is heard

    def hear(self, message: bytes, now: float) -> bytes:
        """Take ``message`` of the other side. Return the bytes in it, of which the conversation consists. Raises Broken."""
        kind, number, body = _parts(message)
        if kind is Kind.RECEIVED:
            if body or not self._unheard or self._unheard[0][0] != number:
                raise Broken(Why.MANGLED)
            self._unheard.popleft()
            return b""
        is_first = self._opened_by is not None
        if kind is Kind.OPENED and not is_first:
            raise Broken(Why.TWO)
        if number != self._expected or self.ended_by is not None or (is_first and kind not in (Kind.OPENED, Kind.END)):
            raise Broken(Why.MANGLED)
        self._opened_by = None
        self._expected += 1
        self._out.append(_message(Kind.RECEIVED, number))
        if kind is Kind.DATA:
            self._untaken += len(body)
            if not 0 < len(body) <= MOST_PIECE or self._untaken > WINDOW:
                raise Broken(Why.MANGLED)
            return body
        if kind is Kind.CREDIT:
            amount = int.from_bytes(body, "big")
            if len(body) != 4 or not 0 < amount <= WINDOW - self._credit:
                raise Broken(Why.MANGLED)
            self._credit += amount
        elif kind is Kind.END:
            if len(body) != 1 or body[0] > Why.LEFT.value:
                raise Broken(Why.MANGLED)
            self.ended_by = Why(body[0])
        elif body:
            raise Broken(Why.MANGLED)
        return b""

    # --- the time

    def due(self) -> float:
        """Return when ``tick`` has to be called, unless something happens before."""
        if self._opened_by is not None:
            return self._opened_by
        return min(self._unheard[0][1], self._probe_at) if self._unheard else self._probe_at

    def tick(self, now: float) -> None:
        """Note the time. Raises Broken if an answer is missing."""
        if self._opened_by is not None and now >= self._opened_by:
            raise Broken(Why.SILENT)
        if self._unheard and now >= self._unheard[0][1]:
            raise Broken(Why.UNHEARD)
        if now >= self._probe_at and not self._is_ending and self.ended_by is None and self._opened_by is None:
            self._say(Kind.PROBE, b"", now)


def _message(kind: Kind, number: int, body: bytes = b"") -> bytes:
    return bytes((kind,)) + number.to_bytes(4, "big") + body


def _parts(message: bytes) -> tuple[Kind, int, bytes]:
    try:
        kind = Kind(message[0])
    except (ValueError, IndexError):
        raise Broken(Why.MANGLED) from None
    if len(message) < HEAD:
        raise Broken(Why.MANGLED)
    return kind, int.from_bytes(message[1:HEAD], "big"), message[HEAD:]
