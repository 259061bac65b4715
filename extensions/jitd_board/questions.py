# SPDX-License-Identifier: Apache-2.0
"""The questions of the board. Each question has a page to read, the text of the question, and an action for the typed answer.

Law: if a question is about a request, the page above the question is made from the request's row. The answer is sent together
with the fingerprint of this row. The answer is a complete line, and an empty line means no. Only a Review is answered by single
keys, with the same keys and in the same cases as in ``decide``. Nothing is sent before the person has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from jitd.cli.assent import question, what, why_the_word
from jitd.cli.brief import brief
from jitd.cli.call import NotDone, called, called_as_reviewer
from jitd.cli.colour import Painted
from jitd.cli.columns import wrapped
from jitd.cli.labels import laid_out
from jitd.cli.lists import LOCKS
from jitd.cli.page import page
from jitd.cli.reading import BETWEEN, Key
from jitd.cli.reviewing import given
from jitd.cli.signing import of_unlock
from jitd.cli.verdict import fetched, fingerprint_of, must_be_reviewable, sent
from jitd.core.duration import read_duration
from jitpam.wire import rows
from jitpam.wire.messages import Lock, Revoke, Stop, Unlock
from jitpam.wire.rows import Listed, Request

Deed = Callable[[], str]
"""Sends the person's answer, and returns jitd's reply, a sentence. May block, and raise one of call.ENDINGS."""
WIDE = 60  # cells for the command in the question whether to end its grant or run


LONGEST = 1000  # characters of an answer


class Question:
    """A question to the person."""

    @property
    def id(self) -> str:
        """The id of the request, grant, run or lock that the question is about, or empty."""
        return ""

    @property
    def busy(self) -> str:
        """What stands on the screen while jitd does what the person has answered."""
        return "this is being done ..."

    def lines(self, width: int) -> list[Painted]:
        """Return the lines above the question. ``width`` is the number of cells in a line of the terminal."""
        raise NotImplementedError

    def asked(self, width: int, *, is_unread: bool) -> str:
        """Return the text of this question. ``is_unread`` is True if a part of ``lines`` was not on the screen."""
        raise NotImplementedError

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        """``typed`` is the line that the person typed as the answer. Return the action that jitd must now perform, or the next
        question to the person. Return None if the answer is no.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class AboutRequest(Question):
    """A question about the request in ``row``. If ``is_whole`` is True, the page above the question shows everything."""

    row: Request
    is_whole: bool = False

    @property
    def id(self) -> str:
        return self.row.id

    def lines(self, width: int) -> list[Painted]:
        return page(self.row, width) if self.is_whole else brief(self.row, width)


class Signable(AboutRequest):
    """A question whose answer may be signed. What the agent asks for has no other place on this screen."""

    @property
    def busy(self) -> str:
        return "this is being done: if a key of yours blinks, touch it ..." if self.row.keys else super().busy


@dataclass(frozen=True)
class Review(Signable):
    """Shows a request, and waits for a single key."""

    def keys(self, *, is_unread: bool) -> list[Key]:
        """Return the keys that count now."""
        row = self.row
        may_review = row.state == "pending" and row.may_review and not row.mine
        may_approve = may_review and not (row.lacks or row.barred or is_unread)
        return [
            *([("a", "approve")] if may_approve else []),
            *([("d", "deny")] if may_review else []),
            ("s", "skip"),
            ("v", "view less" if self.is_whole else "view all"),
            ("q", "quit"),
        ]

    def asked(self, width: int, *, is_unread: bool) -> str:
        return BETWEEN.join(f"{letter} {deed}" for letter, deed in self.keys(is_unread=is_unread))

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        if typed not in [letter for letter, _ in self.keys(is_unread=is_unread)]:
            return self
        if typed == "a":
            is_enough = not why_the_word(self.row)
            return (lambda: _reviewed(self.row, "approve", "")) if is_enough else Word(self.row, self.is_whole)
        if typed == "d":
            return Denial(self.row, self.is_whole)
        return replace(self, is_whole=not self.is_whole) if typed == "v" else None


@dataclass(frozen=True)
class Word(Signable):
    """Asks for the word yes, after the key that approves."""

    def asked(self, width: int, *, is_unread: bool) -> str:
        return question(self.row, width)

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        if typed == "yes":
            return lambda: _reviewed(self.row, "approve", "")
        return self if typed else Review(self.row, self.is_whole)


@dataclass(frozen=True)
class Denial(AboutRequest):
    """Asks why the person wants to deny a request."""

    def asked(self, width: int, *, is_unread: bool) -> str:
        return f"deny {self.id}: why ({self.row.account} is told; empty: back to the keys)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        return (lambda: _reviewed(self.row, "deny", typed)) if typed else Review(self.row, self.is_whole)


@dataclass(frozen=True)
class OwedReview(Signable):
    """Asks whether the viewer has reviewed another person's use of break-glass."""

    is_whole: bool = True

    def asked(self, width: int, *, is_unread: bool) -> str:
        unread = "not all of it was on the screen; " if is_unread else ""
        return f"{unread}have you reviewed {self.id}? type yes: "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        return (lambda: _reviewed(self.row, "reviewed", "")) if typed == "yes" else None


@dataclass(frozen=True)
class Ending(AboutRequest):
    """Asks why to end the grant or run ``ends``. ``verb`` is ``revoke`` for a grant and ``stop`` for a run."""

    is_whole: bool = True
    verb: str = field(kw_only=True)
    ends: str = field(kw_only=True)

    @property
    def id(self) -> str:
        return self.ends

    def asked(self, width: int, *, is_unread: bool) -> str:
        noun = "grant" if self.verb == "revoke" else "run"
        whose = f"{self.row.account}'s {what(self.row, WIDE)}"
        return f"{self.verb} {noun} {self.ends}, {whose}: why (they are told; empty: not done)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        if not typed:
            return None
        if self.verb == "revoke":
            return lambda: _done(Revoke(id=self.ends, of=None, reason=typed), "revoked")
        return lambda: _done(Stop(id=self.ends, reason=typed), "stopped")


@dataclass(frozen=True)
class Unlocking(Question):
    """Asks why the person wants to remove a lock."""

    row: rows.Lock

    @property
    def id(self) -> str:
        return self.row.id

    def lines(self, width: int) -> list[Painted]:
        return laid_out(((head.lower(), column(self.row)) for head, column in LOCKS.items()), width)

    def asked(self, width: int, *, is_unread: bool) -> str:
        return f"lift lock {self.id} on {LOCKS['ON'](self.row)}: why (recorded; empty: not lifted)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        return (lambda: _done(Unlock(id=self.id, whom=None, name=None, reason=typed), "unlocked")) if typed else None


@dataclass(frozen=True)
class Locking(Question):
    """Asks who will be locked, for how long, and why. Law: a person types the account, which the board never suggests."""

    whom: str = ""
    lasts_for: int | None = None
    has_time: bool = False

    def lines(self, width: int) -> list[Painted]:
        text = "While somebody is locked, nothing new is permitted to them. The lock also ends their requests, grants and runs."
        return [(line, None) for line in wrapped(text, width)]

    def asked(self, width: int, *, is_unread: bool) -> str:
        if not self.whom:
            return "lock which account (empty: nobody)? "
        if not self.has_time:
            return f"lock user {self.whom} for how long (such as 1h; - for no end; empty: not locked)? "
        how_long = "until it is lifted" if self.lasts_for is None else f"for {self.lasts_for} s"
        return f"lock user {self.whom} {how_long}: why (they are told; empty: not locked)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        if not typed:
            return None
        if not self.whom:
            return Locking(typed)
        if not self.has_time:
            seconds = None if typed == "-" else read_duration(typed)
            return self if seconds is None and typed != "-" else Locking(self.whom, seconds, has_time=True)
        return lambda: _done(Lock(whom="user", name=self.whom, lasts_for=self.lasts_for, reason=typed), "locked")


def about(key: str, row: Listed) -> Question:
    """Return the question about ``row`` that the person opens with ``key``. ``row`` is a row of the list to which ``key``
    belongs. The function ``about`` asks jitd and may block. Raises an error of one of the classes in call.ENDINGS.
    """
    id = row.id
    if isinstance(row, rows.Lock):
        return Unlocking(row)
    if key in "rs":
        with called() as daemon:
            return Ending(fetched(daemon, id), verb="revoke" if key == "r" else "stop", ends=id)
    with called() if key in "av" else called_as_reviewer() as daemon:  # root may look
        shown = fetched(daemon, id)
    fingerprint_of(shown)  # raises an error if the row has no fingerprint, because an answer must be bound to it
    if key in "av":
        return Review(shown)
    if key == "d":
        must_be_reviewable(shown)
        return Denial(shown)
    owed = shown.owed_review
    if owed is None or not owed.may_give:
        if owed and owed.barred:
            raise NotDone(owed.barred, "forbidden")
        lacks = owed.lacks if owed else ""
        raise NotDone(f"you may not give the review of {id}{f': its rule {lacks}' if lacks else ''}", "forbidden")
    return OwedReview(shown)


def row_of(id: str) -> Request:
    """Return the row of the request ``id``, as ``jitd show`` gets it. Raises one of call.ENDINGS."""
    with called() as daemon:
        return fetched(daemon, id)


def _reviewed(row: Request, verdict: str, comment: str) -> str:
    with called_as_reviewer() as daemon:
        return given(daemon, row, comment) if verdict == "reviewed" else sent(daemon, row, verdict, comment)


def _done(message: Revoke | Stop | Lock | Unlock, otherwise: str) -> str:
    with called() as daemon:
        if isinstance(message, Unlock):
            message = of_unlock(daemon, message)
        return daemon.do(message) or otherwise
