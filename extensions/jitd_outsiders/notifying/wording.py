# SPDX-License-Identifier: Apache-2.0
"""Writes the text of notices. This module turns a Notice and its Request into a Message.
A message names the requester, the kind of thing that is requested, the target account, the host and the time limit. The message
also says which command the reader can type. The setting ``shows`` adds more details: the rule, or the rule together with the
command, the worst that the command gives, and the reason. A message does not show everything that an approver needs for a
decision. ``jitd show`` shows everything.
Law: pure, except for the time zone of the host. A rule may limit the people who see the contents of its requests
(``visible_to``). If a rule does so, a message that leaves this host shows only the id of the request. A message contains no
link. The subject of a message contains no text of a requester. The module ``foreign`` makes all foreign text safe. Text for a
terminal is converted to ASCII, and its times are in the time zone of this host. Text for every other channel is treated as text
that leaves this host, and its times are in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

from jitd.core.deed import deed_of
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.grade import Damage, Grade
from jitd.core.keys.approvals import describe_approvals
from jitd.core.notice import Back, Event, Notice, Whom, decider
from jitd.core.request import Request, RequestState, open_ways
from jitd.core.root_groups import whose_power
from jitd.core.subject import Identity, Subject
from jitd.core.visibility import shown_elsewhere
from jitd.core.what import Doubted, Login, Program, Things
from jitd.core.wording import count, in_quotes, name_in_sentence
from jitd_outsiders.notifying import foreign
from jitd_outsiders.notifying.channel import Message
from jitpam.wire.shown import shown, shown_command, unshown

TERMINALS = "terminals"  # the only kind of channel whose messages do not leave this host
DIGEST = "digest"  # the event name of a message about many requests
LONGEST_NAME = 64  # characters of a name, for example the name of an account or a rule
LONGEST_SENTENCE = 200  # characters of the text about the approvals that a rule demands
MOST_BYTES = 4 * (foreign.MOST + 2)  # bytes for the beginning of a long command. A character has at most four
MOST_LISTED = 12  # requests that a digest lists

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}")  # chosen by administrators, not requesters, so not changed
Plain = Callable[[str, int], str]  # makes foreign text safe for a message, with at most this number of characters


@dataclass(frozen=True, slots=True)
class _Words:
    """The parts of sentences about ``request``. ``plain`` makes foreign text safe. ``zone`` None is this host's time zone."""

    request: Request
    plain: Plain
    zone: tzinfo | None

    def name(self, text: str) -> str:
        return text if _NAME.fullmatch(text) else self.plain(text, LONGEST_NAME)

    @property
    def who(self) -> str:
        return self.person(self.request.requester)

    def person(self, who: Identity) -> str:
        """Return the account of ``who``, and the principal if there is no account or its name is another one."""
        if not isinstance(who, Subject):
            return self.name(who.principal)
        is_plain = who.is_root or who.is_local or who.is_by_pam or who.principal.partition("@")[0] == who.user
        return self.name(who.user) if is_plain else f"{self.name(who.user)} ({self.name(who.principal)})"

    @property
    def host(self) -> str:
        """The name of this host. The host name is not changed, because the administrator chose it."""
        return self.request.host

    @property
    def short_host(self) -> str:
        return self.request.host.partition(".")[0]

    @property
    def deed(self) -> str:
        """The requested action, as the rest of a sentence that begins with the requester."""
        request, run_as = self.request, self.name(self.request.command.run_as.user)
        match request.command.what:
            case Things(names):
                return "to be given a ticket" if len(names) == 1 else f"to be given {len(names)} things"
            case Edit():
                return f"to edit a file as {run_as}"
            case Edits(files=files):
                return f"to edit {len(files)} files as {run_as}"
            case NewFile():
                return f"to make a file as {run_as}"
            case Removal():
                return f"to remove a file as {run_as}"
            case Program() | Login() | Doubted():
                by = "" if deed_of(request.service).is_executed else f" ({self.name(request.service)})"
                begins_session = request.point is not None and request.point.process is not None
                return f"to {'log in' if begins_session else 'run a command'} as {run_as}{by}"

    def told(self, shows: str) -> list[str]:
        """Return the additional lines that the setting ``shows`` requires."""
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
            what = "Thing:   " if request.command.things else "Command: "
            lines.append(f"{what} {self.plain(shown_command(_beginning(request.command.told_argv)), foreign.MOST)}")
        lines += self._worst()
        if request.claims.reason:
            lines.append(f"Reason:   {in_quotes(self.plain(request.claims.reason, foreign.MOST))}")
        return lines

    def _worst(self) -> list[str]:
        """Return a line with the worst of what the command gives beyond its words, and one with the worst of what it destroys or
        stops. A harmless command has none.
        """
        command, lines = self.request.command, list[str]()
        found = command.findings or ()
        lost = [one for one in found if one.damage]
        for one in dict.fromkeys((*found[:1], *lost[:1])):
            whose = "root" if command.run_as.uid == 0 else whose_power(self.name(command.run_as.user), command.run_as.group)
            power = {Grade.GIVES: f"gives {whose}: ", Grade.LEADS: f"can lead to {whose}: "}.get(one.grade, "")
            file = f" ({name_in_sentence(one.path)}: {one.matters})" if one.path else ""
            text = shown(unshown(f"{one.what}{file}"))
            label = _LOST.get(one.damage) or _LABELS[one.grade]
            label = "Not known:" if one.damage and one.grade is Grade.UNKNOWN else label
            lines.append(f"{label:9} {'' if one.damage else power}{self.plain(text, LONGEST_SENTENCE)}")
        return lines

    @property
    def until(self) -> list[str]:
        """The lines that say until when the request can be answered, and when its grant begins if that is later."""
        times = (("Until:", self.request.expires_at), ("Begins:", self.request.terms.starts_at))
        return [f"{label:9} {at.astimezone(self.zone):%Y-%m-%d %H:%M:%S %Z}" for label, at in times if at is not None]


def say(notice: Notice, request: Request, kind: str, shows: str, to: tuple[str, ...] = ()) -> Message:
    """Return the message to the accounts in ``to``, or to a group if it is empty. ``kind`` and ``shows`` are settings of the
    channel. ``visible_to`` does not limit a terminal, which only the requester and possible reviewers read.
    """
    if kind == TERMINALS:
        words = _Words(request, foreign.on_terminal, None)
    else:
        words, shows = _Words(request, foreign.outside, UTC), shown_elsewhere(request, shows)
    subject, lines = _SAID[notice.event](notice, words, shows)
    return Message(str(notice.event), request.id, subject, tuple(lines), to)


def digest(said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...] = ()) -> Message:
    """Return one message for many, with the first MOST_LISTED ids of ``said``, and no text of a requester."""
    host = said[0][1].host
    lines = [f"{request.id}: {_IN_BRIEF[notice.event]}" for notice, request in said[:MOST_LISTED]]
    if len(said) > MOST_LISTED:
        lines.append(f"and {len(said) - MOST_LISTED} more")
    subject = f"{count(len(said), 'message')} about requests on {host.partition('.')[0]}"
    first = f"There were too many messages within a minute on {host}. In brief:"
    return Message(DIGEST, "", subject, (first, "", *lines, "", *_typed(host, "jitd requests")), to)


# --- what is said of each event ---------------------------------------------------------------------------------------

_Said = tuple[str, list[str]]
_LABELS: Mapping[Grade, str] = {
    Grade.GIVES: "Danger:",
    Grade.LEADS: "Danger:",
    Grade.CHANGES: "Changes:",
    Grade.READS: "Reads:",
    Grade.UNKNOWN: "Unknown:",
    Grade.HARMLESS: "Note:",
}
_LOST: Mapping[Damage, str] = {Damage.DESTROYS: "Destroys:", Damage.STOPS: "Stops:"}


def _waits(notice: Notice, words: _Words, shows: str) -> _Said:
    return _asked(words, shows, f"{words.who} asks {words.deed} on {words.host}.", "asks")


def _opened(notice: Notice, words: _Words, shows: str) -> _Said:
    first = f"This request still waits, and you may answer it from now on: {words.who} asks {words.deed} on {words.host}."
    return _asked(words, shows, first, "still asks")


def _reminder(notice: Notice, words: _Words, shows: str) -> _Said:
    first = f"Half of the time is over, and this still waits: {words.who} asks {words.deed} on {words.host}."
    return _asked(words, shows, first, "still asks")


def _asked(words: _Words, shows: str, first: str, verb: str) -> _Said:
    id = words.request.id
    lines = [first, "", f"Request:  {id}", *words.told(shows), *words.until, ""]
    lines += _typed(words.host, f"jitd show {id}", f"jitd approve {id}", f"jitd deny {id}")
    if any(way.demand.door for approval in open_ways(words.request) for way in approval.ways):
        lines += ["or elsewhere, by the door:", f"    jitd approve {id}@{words.host}"]
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
    why = "You could have approved this request, so you are asked to review it now."
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


def _not_taken(notice: Notice, words: _Words, shows: str) -> _Said:
    first = f"What {words.who} was given on {words.host} cannot be taken back now, but the time of the grant is over."
    lines = [first, "jitd tries again. Until jitd has succeeded, they may still have it.", "", *_of_back(notice, words, shows)]
    return f"{words.request.id}: not taken back on {words.short_host}", [*lines, *_to_see(words)]


def _taken(notice: Notice, words: _Words, shows: str) -> _Said:
    first = f"What {words.who} was given on {words.host} is taken back now. Before, this was not possible."
    lines = [first, "", *_of_back(notice, words, shows)]
    return f"{words.request.id}: taken back on {words.short_host}", [*lines, *_to_see(words)]


def _of_back(notice: Notice, words: _Words, shows: str) -> list[str]:
    """The thing, such as a group membership, is shown only if ``shows`` is ``command``."""
    back, lines = notice.back, [f"Request:  {words.request.id}"]
    if back is not None and shows == "command":
        lines.append(f"Thing:    {words.plain(back.thing, LONGEST_NAME)}")
        lines += [f"{label} {words.plain(said, LONGEST_SENTENCE)}" for label, said in _told_of(back) if said]
    return [*lines, ""]


def _told_of(back: Back) -> tuple[tuple[str, str], ...]:
    return ("Because: ", back.why), ("Left:    ", back.left)


def _to_see(words: _Words) -> list[str]:
    return _typed(words.host, f"jitd show {words.request.id}")


def _to_review(words: _Words) -> list[str]:
    return _typed(words.host, f"jitd show {words.request.id}", f"jitd review {words.request.id}")


def _typed(host: str, *commands: str) -> list[str]:
    return [f"Type on {host}:", *(f"    {command}" for command in commands)]


_SAID: Mapping[Event, Callable[[Notice, _Words, str], _Said]] = {
    Event.WAITS: _waits,
    Event.OPENED: _opened,
    Event.REMINDER: _reminder,
    Event.DECIDED: _decided,
    Event.BREAK_GLASS: _broken_glass,
    Event.OVERDUE: _overdue,
    Event.REVIEWED: _reviewed,
    Event.NOT_TAKEN: _not_taken,
    Event.TAKEN: _taken,
}
_IN_BRIEF: Mapping[Event, str] = {
    Event.WAITS: "waits for you",
    Event.OPENED: "waits, and you may answer it now",
    Event.REMINDER: "still waits",
    Event.DECIDED: "is decided",
    Event.BREAK_GLASS: "was done without an approval",
    Event.OVERDUE: "was not reviewed in time",
    Event.REVIEWED: "is reviewed",
    Event.NOT_TAKEN: "has something that cannot be taken back",
    Event.TAKEN: "has nothing left that must be taken back",
}
_ENDS: Mapping[RequestState, str] = {
    RequestState.APPROVED: "approved",
    RequestState.DENIED: "denied",
    RequestState.WITHDRAWN: "withdrawn",
    RequestState.EXPIRED: "not answered in time",
}


def _beginning(argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return a little more of a long ``argv`` than is shown, so that the caller notices that it must mark the cut."""
    found, left = list[bytes](), MOST_BYTES
    for word in argv:
        found.append(word[:left])
        left -= len(word) + 1
        if left <= 0:
            break
    return tuple(found)
