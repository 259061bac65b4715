# SPDX-License-Identifier: Apache-2.0
"""The questions of the board: what stands above each of them, how it is asked, and what follows from an answer.

Law: a question about a request carries the row that stands on the screen, and its answer is sent with that row's fingerprint.
Only a line answers, and the empty line is a no. Nothing is sent before the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jitd.cli.answer import Row, words
from jitd.cli.assent import question, what
from jitd.cli.brief import brief
from jitd.cli.call import NotDone, called, called_as_reviewer
from jitd.cli.columns import wrapped
from jitd.cli.labels import laid_out
from jitd.cli.lists import LOCKS
from jitd.cli.page import page
from jitd.cli.question import WORD
from jitd.cli.reviewing import given
from jitd.cli.verdict import fetched, fingerprint_of, must_be_approvable, sent
from jitd.core.duration import read_duration
from jitpam.wire.messages import Lock, Revoke, Stop, Unlock

Deed = Callable[[], str]
"""Does what was answered, and returns the sentence that jitd says to it. It may block; it raises one of call.ENDINGS."""
WIDE = 60
"""Cells that a command takes in the question before something is ended."""


@dataclass(frozen=True)
class Question:
    """A question. ``row`` is what it is about, as it stands on the screen; empty if it is about nothing that has a row."""

    row: Row

    @property
    def id(self) -> str:
        """The id of what it is about; empty if it is about nothing that has one."""
        return words(self.row, "id", "")

    def lines(self, width: int) -> list[str]:
        """Return what stands above the question, on a terminal of ``width`` cells a line."""
        return page(self.row, width)

    def asked(self, width: int, *, is_unread: bool) -> str:
        """Return the question itself; ``is_unread`` if not all of ``lines`` was on the screen."""
        raise NotImplementedError

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        """Return what follows from the line ``typed``: what is to be done, another question, or nothing."""
        raise NotImplementedError


@dataclass(frozen=True)
class Approval(Question):
    """Whether to approve a request: as ``jitd approve`` asks it."""

    def lines(self, width: int) -> list[str]:
        return brief(self.row, width)

    def asked(self, width: int, *, is_unread: bool) -> str:
        return question(self.row, width, is_unread=is_unread)[0]

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        is_yes = f"{typed}\n".encode(errors="surrogateescape") in question(self.row, width, is_unread=is_unread)[1]
        return (lambda: _reviewed(self.row, "approve", "")) if is_yes else None


@dataclass(frozen=True)
class Denial(Question):
    """Why a request is denied."""

    def lines(self, width: int) -> list[str]:
        return brief(self.row, width)

    def asked(self, width: int, *, is_unread: bool) -> str:
        return f"deny {self.id}: why ({words(self.row, 'account')} is told; empty: not denied)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        return (lambda: _reviewed(self.row, "deny", typed)) if typed else None


@dataclass(frozen=True)
class OwedReview(Question):
    """Whether the person has reviewed what somebody did who broke glass."""

    def asked(self, width: int, *, is_unread: bool) -> str:
        unread = "not all of it was on the screen; " if is_unread else ""
        return f"{unread}have you reviewed {self.id}? type yes: "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        return (lambda: _reviewed(self.row, "reviewed", "")) if f"{typed}\n".encode(errors="replace") in WORD else None


@dataclass(frozen=True)
class Ending(Question):
    """Why a grant is revoked, or a run is stopped. ``ends`` is the id of that grant or run, and ``verb`` what is done."""

    verb: str
    ends: str

    @property
    def id(self) -> str:
        return self.ends

    def asked(self, width: int, *, is_unread: bool) -> str:
        noun = "grant" if self.verb == "revoke" else "run"
        whose = f"{words(self.row, 'account')}'s {what(self.row, WIDE)}"
        return f"{self.verb} {noun} {self.ends}, {whose}: why (they are told; empty: not done)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        if not typed:
            return None
        if self.verb == "revoke":
            return lambda: _done(Revoke(id=self.ends, of=None, reason=typed), "revoked")
        return lambda: _done(Stop(id=self.ends, reason=typed), "stopped")


@dataclass(frozen=True)
class Unlocking(Question):
    """Why a lock is lifted."""

    def lines(self, width: int) -> list[str]:
        return laid_out(((head.lower(), column(self.row)) for head, column in LOCKS.items()), width)

    def asked(self, width: int, *, is_unread: bool) -> str:
        return f"lift lock {self.id} on {LOCKS['ON'](self.row)}: why (recorded; empty: not lifted)? "

    def follows(self, typed: str, width: int, *, is_unread: bool) -> Deed | Question | None:
        return (lambda: _done(Unlock(id=self.id, whom=None, name=None, reason=typed), "unlocked")) if typed else None


@dataclass(frozen=True)
class Locking(Question):
    """Who is locked; then for how long; then why. Law: whom a lock is on is typed, and never guessed."""

    whom: str = ""
    lasts_for: int | None = None
    has_time: bool = False

    def lines(self, width: int) -> list[str]:
        return wrapped("A lock permits nothing new to somebody, and ends their requests, grants and runs.", width)

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
            return Locking({}, typed)
        if not self.has_time:
            seconds = None if typed == "-" else read_duration(typed)
            return self if seconds is None and typed != "-" else Locking({}, self.whom, seconds, has_time=True)
        return lambda: _done(Lock(whom="user", name=self.whom, lasts_for=self.lasts_for, reason=typed), "locked")


def about(key: str, row: Row) -> Question:
    """Return the question that ``key`` leads to for ``row``, a row of the list that the key belongs to. It asks jitd, and may
    block. Raises one of call.ENDINGS.
    """
    id = words(row, "id")
    if key == "u":
        return Unlocking(row)
    if key in "rs":
        with called() as daemon:
            return Ending(fetched(daemon, id), "revoke" if key == "r" else "stop", id)
    with called_as_reviewer() as daemon:
        shown = fetched(daemon, id)
    fingerprint_of(shown)  # this raises if there is nothing to bind an answer to
    if key == "a":
        must_be_approvable(shown)
        return Approval(shown)
    if key == "d":
        return Denial(shown)
    owed = shown.get("owed_review")
    if not isinstance(owed, dict) or not owed.get("may_give"):
        lacks = owed.get("lacks") if isinstance(owed, dict) else None
        raise NotDone(f"you may not give the review of {id}{f': its rule {lacks}' if lacks else ''}", "forbidden")
    return OwedReview(shown)


def _reviewed(row: Row, verdict: str, comment: str) -> str:
    with called_as_reviewer() as daemon:
        return given(daemon, row, comment) if verdict == "reviewed" else sent(daemon, row, verdict, comment)


def _done(message: Revoke | Stop | Lock | Unlock, otherwise: str) -> str:
    with called() as daemon:
        return daemon.do(message) or otherwise
