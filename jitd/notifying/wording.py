# SPDX-License-Identifier: Apache-2.0
"""What a notice says: a Notice and its Request become a Message.

A message says who asks for what kind of thing, as whom, where, until when, and what to type. ``shows`` adds the rule, or the rule
with the command and the reason. It is not what an approver decides by: ``jitd show`` has all of it.
Law: pure. A message that leaves this host shows the id alone if the rule says who is shown the contents of its requests
(``visible_to``). There is no link. The subject has no word that a requester wrote. All foreign text passes ``foreign``: what
goes to a terminal is ASCII, and all else is taken to leave this host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from jitd.core.deed import deed_of
from jitd.core.notice import Event, Notice, Whom, decider
from jitd.core.policy import describe_approvals
from jitd.core.request import Request, RequestState
from jitd.core.subject import Subject
from jitd.core.visibility import shown_elsewhere
from jitd.core.wording import count
from jitd.notifying import foreign
from jitd.notifying.channel import Message
from jitpam.wire.shown import shown_command

TERMINALS = "terminals"
"""The one kind of channel whose messages do not leave this host."""
DIGEST = "digest"
"""The event of a message that tells of many requests."""
LONGEST_NAME = 64
"""Most characters of an account, a host or a rule."""
LONGEST_SENTENCE = 200
"""Most characters of the words for the approvals that a rule asks for."""
MOST_BYTES = 4 * (foreign.MOST + 2)
"""Most bytes of a command that can count for what is shown of it: a character has at most four."""
MOST_LISTED = 12
"""Most requests that a digest lists."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}")
"""Names that stand as they are: administrators choose them, and no requester."""
Plain = Callable[[str, int], str]
"""Makes foreign text fit to stand in a message, of at most so many characters."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The pieces of sentences about ``request``, as ``plain`` makes them fit to be shown."""

    request: Request
    plain: Plain

    def name(self, text: str) -> str:
        return text if _NAME.fullmatch(text) else self.plain(text, LONGEST_NAME)

    @property
    def who(self) -> str:
        return self.person(self.request.requester)

    def person(self, who: Subject) -> str:
        """Return the account of ``who``, and the principal too if it has another name."""
        is_plain = who.is_root or who.is_local or who.is_by_pam or who.principal.partition("@")[0] == who.user
        return self.name(who.user) if is_plain else f"{self.name(who.user)} ({self.name(who.principal)})"

    @property
    def host(self) -> str:
        """The name of this host: the administrator's word, which stands as it is."""
        return self.request.host

    @property
    def short_host(self) -> str:
        return self.request.host.partition(".")[0]

    @property
    def deed(self) -> str:
        """What is asked for: the rest of a sentence that begins with who asks."""
        request, run_as = self.request, self.name(self.request.command.run_as.user)
        if request.command.gives:
            n_things = len(request.command.things)
            return "to be given a ticket" if n_things == 1 else f"to be given {n_things} things"
        if request.point is not None and request.point.process is not None:
            return f"to log in as {run_as} ({self.name(request.service)})"
        by = "" if deed_of(request.service).is_executed else f" ({self.name(request.service)})"
        return f"to run a command as {run_as}{by}"

    def told(self, shows: str) -> list[str]:
        """Return the lines that ``shows`` adds."""
        request, lines = self.request, list[str]()
        if shows == "id":
            return lines
        if request.rule:
            lines.append(f"Rule:     {self.name(request.rule)}")
        if request.obligations is not None and request.obligations.approvals:
            lines.append(f"Asks:     {self.plain(describe_approvals(request.obligations.approvals), LONGEST_SENTENCE)}")
        if shows != "command":
            return lines
        if request.command.argv:
            what = "Thing:   " if request.command.gives else "Command: "
            lines.append(f"{what} {self.plain(shown_command(_beginning(request.command.argv)), foreign.MOST)}")
        if request.claims.reason:
            lines.append(f"Reason:   {self.plain(request.claims.reason, foreign.MOST)}")
        return lines

    @property
    def until(self) -> list[str]:
        """The lines that say until when it can be answered, and when it begins if that is later than the answer."""
        times = (("Until:", self.request.expires_at), ("Begins:", self.request.starts_at))
        return [f"{label:9} {_instant(at)}" for label, at in times if at is not None]


def say(notice: Notice, request: Request, kind: str, shows: str, to: tuple[str, ...] = ()) -> Message:
    """Return what ``to`` (accounts; empty for a group) is told by a channel. ``kind`` and ``shows`` are those of its settings
    (``settings.channels``). On a terminal it is one of those who may review the request who reads it, or its requester.
    """
    if kind == TERMINALS:
        words = _Words(request, foreign.on_terminal)
    else:
        words, shows = _Words(request, foreign.outside), shown_elsewhere(request, shows)
    subject, lines = _SAID[notice.event](notice, words, shows)
    return Message(str(notice.event), request.id, subject, tuple(lines), to)


def digest(said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...] = ()) -> Message:
    """Return one message in place of many: what each of ``said`` is about, by its id. It says nothing that a requester wrote."""
    host = said[0][1].host
    lines = [f"{request.id}: {_IN_BRIEF[notice.event]}" for notice, request in said[:MOST_LISTED]]
    if len(said) > MOST_LISTED:
        lines.append(f"and {len(said) - MOST_LISTED} more")
    subject = f"{count(len(said), 'message')} about requests on {host.partition('.')[0]}"
    first = f"There was too much to tell within a minute on {host}. In brief:"
    return Message(DIGEST, "", subject, (first, "", *lines, "", *_typed(host, "jitd requests")), to)


# --- what is said of each event ---------------------------------------------------------------------------------------

_Said = tuple[str, list[str]]


def _waits(notice: Notice, words: _Words, shows: str) -> _Said:
    return _asked(words, shows, f"{words.who} asks {words.deed} on {words.host}.", "asks")


def _opened(notice: Notice, words: _Words, shows: str) -> _Said:
    first = f"You may answer this from now on, since nobody else has: {words.who} asks {words.deed} on {words.host}."
    return _asked(words, shows, first, "still asks")


def _reminder(notice: Notice, words: _Words, shows: str) -> _Said:
    first = f"Half of the time is over, and this still waits: {words.who} asks {words.deed} on {words.host}."
    return _asked(words, shows, first, "still asks")


def _asked(words: _Words, shows: str, first: str, verb: str) -> _Said:
    id = words.request.id
    lines = [first, "", f"Request:  {id}", *words.told(shows), *words.until, ""]
    lines += _typed(words.host, f"jitd show {id}", f"jitd approve {id}", f"jitd deny {id}")
    return f"{id}: {words.who} {verb} {words.deed} on {words.short_host}", lines


def _decided(notice: Notice, words: _Words, shows: str) -> _Said:
    request = words.request
    how = _ENDS.get(request.state, str(request.state))
    by = decider(request)
    became = how if by is None else f"{how} by {words.person(by)}"
    if notice.whom is Whom.REQUESTER:
        lines = [f"Your request {request.id} on {words.host} was {became}."]
        if request.state is RequestState.APPROVED and not deed_of(request.service).asks_again:
            lines += ["", *_typed(words.host, f"jitsudo --resume={request.id}")]
    else:
        lines = [f"The request {request.id} of {words.who} on {words.host} was {became}.", "", "You have nothing left to do."]
    return f"{request.id} on {words.short_host}: {became}", lines


def _broken_glass(notice: Notice, words: _Words, shows: str) -> _Said:
    id = words.request.id
    first = f"{words.who} was permitted {words.deed} on {words.host} without an approval, because they broke the glass."
    why = "You could have approved it otherwise, so you are asked to review it now."
    lines = [first, why, "", f"Request:  {id}", *words.told(shows), ""]
    return f"{id}: {words.who} broke the glass on {words.short_host}", [*lines, *_to_review(words)]


def _overdue(notice: Notice, words: _Words, shows: str) -> _Said:
    id = words.request.id
    first = f"Nobody has reviewed in time what {words.who} did without an approval on {words.host}."
    lines = [first, "", f"Request:  {id}", *words.told(shows), ""]
    return f"{id}: a review is overdue on {words.short_host}", [*lines, *_to_review(words)]


def _reviewed(notice: Notice, words: _Words, shows: str) -> _Said:
    id = words.request.id
    by = words.name(notice.by)
    first = f"{by} has reviewed what {words.who} did without an approval on {words.host}, request {id}."
    return f"{id} on {words.short_host}: reviewed by {by}", [first, "", "You have nothing left to do."]


def _to_review(words: _Words) -> list[str]:
    return _typed(words.host, f"jitd show {words.request.id}", f"jitd review {words.request.id}")


def _typed(host: str, *commands: str) -> list[str]:
    """Return the lines that say what to type."""
    return [f"Type on {host}:", *(f"    {command}" for command in commands)]


_SAID: Mapping[Event, Callable[[Notice, _Words, str], _Said]] = {
    Event.WAITS: _waits,
    Event.OPENED: _opened,
    Event.REMINDER: _reminder,
    Event.DECIDED: _decided,
    Event.BREAK_GLASS: _broken_glass,
    Event.OVERDUE: _overdue,
    Event.REVIEWED: _reviewed,
}
_IN_BRIEF: Mapping[Event, str] = {
    Event.WAITS: "waits for you",
    Event.OPENED: "waits, and you may answer it now",
    Event.REMINDER: "still waits",
    Event.DECIDED: "is decided",
    Event.BREAK_GLASS: "was done without an approval",
    Event.OVERDUE: "was not reviewed in time",
    Event.REVIEWED: "is reviewed",
}
_ENDS: Mapping[RequestState, str] = {
    RequestState.APPROVED: "approved",
    RequestState.DENIED: "denied",
    RequestState.WITHDRAWN: "withdrawn",
    RequestState.EXPIRED: "not answered in time",
}


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _beginning(argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return as much of ``argv`` as can be shown, and a little more, so that what is cut is seen to be cut."""
    found, left = list[bytes](), MOST_BYTES
    for word in argv:
        found.append(word[:left])
        left -= len(word) + 1
        if left <= 0:
            break
    return tuple(found)
