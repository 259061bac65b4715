# SPDX-License-Identifier: Apache-2.0
"""Makes sentences for the requester from core objects. Law: all text that other people wrote goes through ``shown``. No text is
shortened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from jitd.core.decision import Approval
from jitd.core.duration import duration_in_words
from jitd.core.edit import OldFile, Removal
from jitd.core.effects import Moment
from jitd.core.keys.approvals import describe_approvals
from jitd.core.notice import Heard, Missed
from jitd.core.request import WITHDRAWN, Request, RequestState, Review, Verdict, open_ways
from jitd.core.visibility import words_of
from jitd.core.ways import best, flat
from jitd.core.wording import count, with_words
from jitd.deciding.seats import Seats
from jitpam.wire.shown import reshown, shown, shown_argument, shown_command


def asking(names: tuple[str, ...]) -> str:
    """Return words that name the gatekeepers that jitd waits for: ``asking change-calendar and ticket-check``."""
    return f"asking {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"


def too_late(request: Request) -> str:
    """Return how ``request``, about which nothing can be decided any more, has ended. Why it was denied stands on its page."""
    if request.because == WITHDRAWN:
        return f"{shown(request.requester.user)} withdrew request {request.id}"
    ended = f"request {request.id} {'expired' if request.state is RequestState.EXPIRED else f'was {request.state}'}"
    is_told = request.state in (RequestState.WITHDRAWN, RequestState.EXPIRED) or request.lock
    return f"{ended}: {reshown(request.because)}" if is_told and request.because else f"{ended} already"


def asked(request: Request) -> list[str]:
    """Return the lines that the requester reads when the request begins to wait."""
    command, run_as = request.command, request.command.run_as
    host = request.host.partition(".")[0]
    whom = shown(run_as.user) if run_as.group == run_as.user else f"{shown(run_as.user)} with group {shown(run_as.group)}"
    lines = [f"request {request.id}: {shown_command(command.told_argv)} (as {whom} on {shown(host)})"]
    lines += mounted(request)
    if isinstance(gone := command.writes, Removal):
        lines.append(f"an approval removes {shown_argument(command.edited)}, which {gone.undoes} has made")
    if request.obligations is not None:
        lines.append(owing(request))
    return lines


def mounted(request: Request) -> list[str]:
    """Return a line if processes would keep the old text of the edited file, because they have the file itself mounted, and one
    if they would lose what is mounted over it.
    """
    lines = []
    for one in request.command.each:
        if isinstance(found := one.what, OldFile):
            file, holders, covers = shown_argument(one.edited), reshown(found.mounted), reshown(found.covered)
            if holders:
                lines.append(f"{file} itself is mounted in {holders}, which keeps the old text until it is started again")
            if covers:
                lines.append(f"something is mounted over {file} in {covers}: this takes it off, and the file is seen there")
    return lines


def already(others: list[Request], is_attended: Callable[[str], bool]) -> list[str]:
    """Return a line for each of ``others``, open requests that ask for the same as the request that was just made. The line tells
    how the requester can go on with it. ``is_attended`` tells whether another client waits for a request.
    """
    return [
        f"{other.id} asks for the same and waits: "
        + ("another jitsudo of yours waits for it" if is_attended(other.id) else f"jitsudo --resume={other.id}")
        for other in others
    ]


def owing(request: Request) -> str:
    """Return one sentence about the approvals that ``request`` needs, and the gatekeepers that must answer first."""
    assert request.obligations is not None, "what is owed is known"
    within = duration_in_words(request.obligations.expires_for)
    wants = shown(describe_approvals(request.obligations.approvals))
    names = request.obligations.gatekeepers
    if request.state is not RequestState.SCREENING or not names:
        return f"rule {shown(request.rule)} requires {wants}, within {within}"
    if not request.obligations.approvals:
        return f"rule {shown(request.rule)} is {asking(names)}, within {within}"
    return f"rule {shown(request.rule)} is {asking(names)}, and then requires {wants}, all within {within}"


def glass_broken(request: Request) -> list[str]:
    """If ``request`` breaks glass, return a line with its id for those who will ask about it. Otherwise return no line."""
    glass = None if request.obligations is None else request.obligations.break_glass
    if glass is None:
        return []
    return [f"request {request.id} breaks glass, and has to be reviewed within {duration_in_words(glass.review_for)}"]


def opening(request: Request, until: int) -> list[str]:
    """Return a line for each way to approve that has opened since ``until`` seconds after the submission."""
    approvals = () if request.obligations is None else request.obligations.approvals
    ways = (way for approval in approvals for way in approval.ways if until < way.after <= request.opened)
    return [f"{way.need} from {_words(way)} may approve it now, too" for way in ways]


class SeatNews:
    """What one requester has been told about the people who could approve, so that each sentence is said once."""

    def __init__(self) -> None:
        self._lacks: list[str] = []
        self._unheard: list[str] = []

    def about(self, request: Request, found: Mapping[Approval, Seats], now: Moment) -> list[str]:
        """Return what is new. ``found`` maps each way of approval, open or closed, to the people who could approve."""
        lacks, unheard = lacking(request, found), _unheard(request, found)
        news = unseated(request, found, now) if lacks != self._lacks else []
        if self._lacks and not lacks:
            news.append(f"request {request.id}: somebody can give the missing approval again")
        elif self._unheard and not lacks and not unheard:
            news.append(f"request {request.id}: somebody who can give the missing approval takes notices again")
        news += unheard if unheard != self._unheard else []
        self._lacks, self._unheard = lacks, unheard
        return news


def unseated(request: Request, found: Mapping[Approval, Seats], now: Moment) -> list[str]:
    """Return a line for each approval of ``request`` that too few people could give now. The line also tells what happens next.
    ``found`` maps each way of approval, open or closed, to the people who could approve. If the search for people was incomplete
    and found nobody, the line says that the search was incomplete. If an incomplete search found some people, there is no line.
    """
    return [line + _next_seats(request, approval, found, now) for approval, line in _lacking(request, found)]


def lacking(request: Request, found: Mapping[Approval, Seats]) -> list[str]:
    """Like ``unseated``, without what happens next: of what is not requested yet."""
    return [line for _, line in _lacking(request, found)]


def _lacking(request: Request, found: Mapping[Approval, Seats]) -> list[tuple[Approval, str]]:
    lines, is_named = [], words_of(request) is None
    for approval, now_open in _open_now(request):
        if any(len(found[way].people) >= way.need for way in now_open):
            continue
        is_sure, is_known = all(found[way].is_whole for way in now_open), any(found[way].people for way in now_open)
        if is_sure or not is_known:
            lines.append((approval, _unseated(approval, now_open, found, is_named=is_named)))
    if not lines and (n_owed := _owed_by_all(request, found)):
        approval = _open_now(request)[0][0]
        lines.append(
            (approval, f"too few people can give all approvals at present: one person counts once, and {n_owed} more must")
        )
    return lines


def _owed_by_all(request: Request, found: Mapping[Approval, Seats]) -> int:
    """Return how many persons would still be missing if everybody approved who could: two approvals may rest on one person."""
    now_open = [ways for _, ways in _open_now(request)]
    if len(now_open) < 2 or not all(ways and all(found[way].is_whole for way in ways) for ways in now_open):
        return 0
    n_enough = sum(max(way.need for way in ways) for ways in now_open)  # a way that so many could use lacks nobody
    each = [replace(way, without_kdc="deny") for way in flat(open_ways(request))]  # as ``found`` has them
    people = {account for way in each for account in found[way].people[:n_enough]}
    eligible = [frozenset(n for n, way in enumerate(each) if one in found[way].people) for one in sorted(people)]
    return best(open_ways(request), eligible).n_owed


def _unheard(request: Request, found: Mapping[Approval, Seats]) -> list[str]:
    """Return a line for each approval of ``request`` that enough people could give, but too few of them take notices."""
    lines: list[str] = []
    if request.obligations is None or not request.obligations.notify:
        return lines
    approved = {one.by.account for one in request.reviews if one.verdict is Verdict.APPROVE}
    for approval, now_open in _open_now(request):
        could = [way for way in now_open if len(found[way].people) >= way.need]
        n_told = {way: len(found[way].people) - len(set(found[way].muted) - approved) for way in could}
        is_sure = all(found[way].is_whole for way in now_open)
        if could and is_sure and all(n_told[way] < way.need for way in could):
            who = "too few" if any(n_told.values()) else "none"
            what = f"the {'approval' if approval.need == 1 else 'approvals'} of {' or '.join(map(_words, now_open))}"
            lines.append(f"{who} of those who can give {what} take notices at present: ask them yourself")
    return lines


def _open_now(request: Request) -> list[tuple[Approval, list[Approval]]]:
    approvals = () if request.obligations is None else request.obligations.approvals
    return [(approval, [way for way in approval.ways if way.after <= request.opened]) for approval in approvals]


def _unseated(approval: Approval, now_open: list[Approval], found: Mapping[Approval, Seats], *, is_named: bool) -> str:
    about = " or ".join(_words(way) for way in now_open)
    what = f"the {'approval' if approval.need == 1 else 'approvals'} of {about}"
    because = next((found[way].because for way in now_open if found[way].because), "")
    if because:
        return f"nobody can give {what} at present: {shown(because)}"
    if not all(found[way].is_whole for way in now_open):
        return f"whether somebody can give {what} at present cannot be known: no directory lists all people"
    silent = next((way for way in now_open if way.also and way.among is None), None)
    if silent is not None:
        provider, _, name = silent.also.partition(":")
        return f"nobody can give {what} at present: provider {shown(provider)} does not say who is on {shown(name)}"
    empty = next((way for way in now_open if way.also and not way.among), None)
    if empty is not None:
        return f"nobody can give {what} at present: the list {shown(empty.also)} is empty"
    most = max(now_open, key=lambda way: len(found[way].people))
    n_there, keys = len(found[most].people), _without_a_key([found[way] for way in now_open], is_named=is_named)
    if not n_there:
        return f"nobody can give {what} at present{keys and f': {keys}'}"
    return (
        f"too few people can give {what} at present: {count(most.need, 'person')} must, and {n_there} could{keys and f'; {keys}'}"
    )


def _without_a_key(found: list[Seats], *, is_named: bool) -> str:
    """Return words on those who lack only a key for a receipt, by number alone if not ``is_named``, or ""."""
    lack = sorted({one for seats in found for one in seats.keyless})
    whom = _people(tuple(lack)) if is_named else _counted(len(lack))
    return f"no key that would do counts on this host for {whom}" if lack else ""


def _next_seats(request: Request, approval: Approval, found: Mapping[Approval, Seats], now: Moment) -> str:
    """Return words that tell what happens next if nobody can give ``approval`` now."""
    for way in approval.ways:
        if way.after > request.opened and not found[way].is_empty:
            return f"; in {_left(request.submitted_boot + way.after - now.boot)} {_words(way)} may give it"
    if request.expires_boot is None:
        return ""
    return f"; unless that changes, the request ends in {_left(request.expires_boot - now.boot)}"


MOST_NAMED = 5  # people who are named in one sentence
_NOBODY = {
    Missed.FAILED: "nobody could be told {how} yet; jitd tries again",
    Missed.LATER: "people are told {how} within a minute, because you ask for much",
    Missed.UNWILLING: "no approver {will}: {who} messages off ({on}); ask them yourself",
    Missed.AWAY: "nobody who may approve it is logged in here",
}
_OTHERS = {
    Missed.FAILED: "others could not be told yet; jitd tries again",
    Missed.LATER: "others are told within a minute, because you ask for much",
    Missed.UNWILLING: "nobody else here takes messages now",
    Missed.AWAY: "nobody else is logged in here",
}
"""What is said of the people who were not told. If there are several reasons, the first one is given."""


def notified(heard: tuple[Heard, ...], *, is_named: bool) -> list[str]:
    """Return a line for each channel in ``heard``. The line tells the requester whom the channel has told that the request waits.
    If ``is_named`` is False, the line has only the number of people.
    """
    lines = []
    for one in heard:
        how = "on their terminals" if one.is_on_terminals else f"by {shown(one.channel)}"
        rest = next((why for why in _OTHERS if why in one.missed), None)
        if one.told:
            whom = "" if one.told == ("",) else f": {_people(one.told)}" if is_named else f": {_counted(len(one.told))}"
            lines.append(f"told {how}{whom}" + ("" if rest is None else f"; {_OTHERS[rest]}"))
        elif rest is not None:
            lines.append(_NOBODY[rest].format(how=how, **_messages_off(one, is_named=is_named)))
    return lines


def _messages_off(heard: Heard, *, is_named: bool) -> dict[str, str]:
    """Return the words on those who want no messages. Everybody can see which terminal takes none (who -T), and nobody who has
    muted notices.
    """
    n_off = len(heard.refusing) + heard.n_muted
    named = _people(heard.refusing) if is_named else _counted(len(heard.refusing))
    whom = " and ".join([*([named] if heard.refusing else []), *([_counted(heard.n_muted)] if heard.n_muted else [])])
    return {
        "will": "sees this now" if Missed.AWAY in heard.missed else "will see this",
        "who": f"{whom} {'has' if n_off == 1 else 'have'}",
        "on": " or ".join([*(["mesg y"] if heard.refusing else []), *(["jitd mute --off"] if heard.n_muted else [])]),
    }


def _people(names: tuple[str, ...]) -> str:
    n_more = len(names) - MOST_NAMED
    return ", ".join(map(shown, names[:MOST_NAMED])) + (f" and {n_more} more" if n_more > 0 else "")


def _counted(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _left(seconds: float) -> str:
    """Return ``seconds`` in words. A long time is rounded to whole minutes."""
    whole = max(1, round(seconds))
    return duration_in_words(whole if whole < 120 else -(-whole // 60) * 60)


def _words(way: Approval) -> str:
    return shown(" or ".join(way.of_whom) + (f" on {way.also}" if way.also else ""))


def reviewed(review: Review) -> str:
    """Return one review in words, such as ``approved by bob@EXAMPLE.ORG: "go ahead"``."""
    word = "approved" if review.verdict is Verdict.APPROVE else "denied"
    proved = f" (proved {review.by.proved})" if review.by.is_by_pam else ""
    return with_words(f"{word} by {shown(review.by.principal)}{proved}", shown(review.comment))
