# SPDX-License-Identifier: Apache-2.0
"""The sentences that say a record to people (``events.sentence``). The journal and ``jitd audit show`` say the same.

Law: every record has a sentence, whatever is in it. All that somebody could have chosen goes through ``shown``, so the sentence
is one line that moves no cursor; words that people typed stand in quotes. A part that the reader may not see is said as the word
that stands in its place (``core.wording.INSTEAD``), and is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jitd.core.deed import deed_of
from jitd.core.duration import spell_duration
from jitd.core.run import NEVER_LOOKED_AT, Traces
from jitd.core.spelling import unspelled
from jitd.core.wording import HIDDEN, INSTEAD, count, in_quotes, is_in_quotes, listed
from jitpam.wire.shown import reshown, shown, shown_argument, shown_command

SOMEBODY = "somebody"  # who has done what the reader may not know of whom


def beginning(words: Iterable[bytes], most: int) -> tuple[list[bytes], int]:
    """Return the beginning of ``words``, which has more than ``most`` bytes if not all is returned, and the number of bytes that
    are left out. To show a megabyte takes long, and a reader of ``most`` bytes sees none of what is left out.
    """
    kept: list[bytes] = []
    n_more, room = 0, most + 2  # one more than `most`, and the space after the last word
    for word in words:
        if room > 0:
            kept.append(word[:room])
            n_more += len(word) - len(kept[-1])
        else:
            n_more += 1 + len(word)
        room -= len(word) + 1
    return kept, n_more


def left_behind(traces: object) -> str:
    """Return what the member ``traces`` of a run names, as words. If it names nothing, return an empty string."""
    if not isinstance(traces, dict):
        return ""
    told = Traces(**{field.name: tuple(map(str, _list(traces.get(field.name)))) for field in fields(Traces)}).told()
    return reshown(f"{told}; not looked at: {NEVER_LOOKED_AT}") if told else ""


class Told:
    """The parts of a record, each ready to be printed. A part that is missing or empty is an empty text."""

    def __init__(self, record: Mapping[str, Any], most: int | None = None) -> None:
        self.most = most
        self._about = _table(record.get("about"))
        self.detail = _table(record.get("detail"))
        self.event = str(record.get("event") or "")
        self.id = _text(record.get("id"))
        self.state = _text(record.get("state"))
        self._actor = str(record.get("actor") or "")
        self.who = _who(record.get("actor"))
        self.by_door = _by_door(_table(record.get("peer")) or _table(self.detail.get("peer")))

    def text(self, name: str) -> str:
        return _text(self.detail.get(name))

    def person(self, name: str) -> str:
        return _who(self.detail.get(name))

    def quoted(self, name: str, before: str = ": ") -> str:
        """Return the words that a person typed, after ``before``."""
        said = self.detail.get(name)
        if said in (None, "", []):
            return ""
        begins, more = self._begins(str(said))
        return f"{before}{in_quotes(_text(begins))}{more}"

    def _begins(self, typed: str) -> tuple[str, str]:
        """Return as much of ``typed`` as leaves room for the rest of the sentence, and a text that says how much is left out."""
        room, n = len(typed) * 10 if self.most is None else self.most // 4, len(typed)
        while len(text := shown(typed[:n])) > room:
            n = min(n - 1, n * room // len(text))
        return typed[:n], f"...(+{len(typed) - n})" if n < len(typed) else ""

    def because(self, *, is_typed: bool = False) -> str:
        """Return the reason after a colon, quoted if a person typed it. Who has done it stands before."""
        said = str(self.detail.get("because") or "")
        for known in (f"revoked by {self._actor}", f"stopped by {self._actor}", "withdrawn by its requester"):
            if said == known or said.startswith(f"{known}: "):
                said, is_typed = said[len(known) + 2 :], True
        if said and is_typed and not is_in_quotes(said):  # a person's words never read as a fact of jitd
            said = in_quotes(said)
        begins, more = self._begins(said)
        end = '"' if more and begins.count('"') % 2 else ""  # the quote that was left out
        return f": {reshown(begins)}{end}{more}" if said else ""

    def time(self, name: str, before: str) -> str:
        """Return the time ``name`` in UTC, after ``before``."""
        at = self.detail.get(name)
        if at in (None, ""):
            return ""
        try:
            return f"{before} {datetime.fromisoformat(str(at)).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        except (ValueError, OverflowError):
            return f"{before} {_text(at)}"

    def count(self, name: str, noun: str) -> str:
        n = self.detail.get(name)
        return count(n, noun) if type(n) is int else f"{_text(n) or '?'} {noun}s"

    def duration(self, name: str, before: str) -> str:
        seconds = self.detail.get(name)
        if type(seconds) is int and seconds >= 0:
            return f"{before} {spell_duration(seconds)}"
        return f"{before} {_text(seconds)}" if seconds not in (None, "") else ""

    def list(self, name: str) -> list[Any]:
        return _list(self.detail.get(name))

    def of_command(self, before: str = ": ") -> str:
        """Return the command that the record is about, if the reader is told, after ``before``."""
        command, account = self._about.get("command"), _account(self._about.get("run_as"))
        if not isinstance(command, str) or not command:
            return ""
        return f"{before}{command}{f' as {account}' if account else ''}"


# --- parts of sentences --------------------------------------------------------------------------------------------------


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _by_door(peer: Mapping[str, Any]) -> str:
    """Return the end of a sentence about somebody who came through the door. Of anybody else, return an empty string."""
    if "carrier" not in peer:
        return ""
    return f" (by the door: {_text(peer.get('carrier'))} from {_text(peer.get('source'))}, as the carrier tells)"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return ``value`` as one visible line."""
    if value is None:
        return ""
    text = str(value)
    return text if text in INSTEAD else shown(text)


def _typed(value: object) -> str:
    """Return the words that somebody has chosen, in quotes. What stands in the place of such words is not quoted."""
    return in_quotes(_text(value))


_PLAIN = re.compile(r"[A-Za-z0-9@%+:.,/_-]*")


def _member(value: object) -> str:
    """Return a part of a record of which nobody knows whether somebody has chosen it: in quotes, unless it is one plain word."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_member(name)} {_member(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_member, value)) + "]"
    return _typed(value) if isinstance(value, str) and not _PLAIN.fullmatch(value) else _text(value)


def _who(value: object) -> str:
    if value in (None, "", HIDDEN):
        return SOMEBODY
    return f"the {value}" if value in ("clock", "monitor", "policy") else _text(value)


def _account(value: object) -> str:
    """Return ``user:group`` without the group if it has the name of the user."""
    user, _, group = _text(value).partition(":")
    return user if group in ("", user) else f"{user}:{group}"


def _word(word: object) -> bytes:
    """Return the bytes of a word, which the record spells (``core.spelling``)."""
    text = str(word)
    try:
        return unspelled(text)
    except ValueError:  # nothing that was spelled
        return text.encode("utf-8", "surrogatepass")


def _argument(word: object) -> str:
    """Return an argument as approvers see it."""
    return shown_argument(_word(word))


def _command(told: Told, since: int = 0) -> str:
    words = list(map(_word, told.list("argv")[since:]))
    return shown_command(words if told.most is None else beginning(words, told.most)[0]) or HIDDEN


def _people(words: list[Any]) -> str:
    return listed(tuple(map(_text, words)), "or") if words else SOMEBODY


def _approval(need: object, of_whom: list[Any]) -> str:
    n = count(need, "approval") if type(need) is int else f"{_text(need)} approvals"
    return f"{n} from {_people(of_whom)}"


def _way(way: object) -> str:
    """Return one way to approve, such as ``1 approval from group:ops after 15m``."""
    row = _table(way)
    after = row.get("after")
    demand = f" ({_text(row['demand'])})" if row.get("demand") else ""
    also = f" who is also in {_text(row['also'])}" if row.get("also") else ""
    late = f" after {spell_duration(after)}" if type(after) is int and after > 0 else ""
    return f"{_approval(row.get('need'), _list(row.get('from')))}{also}{demand}{late}"


def _approvals(told: Told) -> str:
    """Return the approvals that a permit needs, or an empty text."""
    if ways := told.list("ways"):
        return " and ".join(" or ".join(map(_way, _list(one))) or HIDDEN for one in ways)
    asked = [one for one in told.list("approvals") if isinstance(one, list) and one]
    return listed(tuple(_approval(one[0], one[1:]) for one in asked), "and") if asked else ""


_ANSWERS = {"pass": "has no objection", "require": "requires more", "deny": "denies", "silent": "did not answer"}


def _gatekeepers(told: Told) -> str:
    rows = [one for one in told.list("gatekeepers") if isinstance(one, list) and len(one) > 1]
    said = []
    for name, answer, *more in rows:
        told_why = {"deny": _typed, "silent": _text}.get(str(answer))  # why it is silent, jitd says itself
        because = f" ({told_why(more[0])})" if told_why is not None and more and more[0] else ""
        said.append(f"gatekeeper {_text(name)} {_ANSWERS.get(str(answer), _text(answer))}{because}")
    return "".join(f"; {one}" for one in said)


def unknown(told: Told) -> str:
    """Return a sentence about an event that this version does not know."""
    values = ", ".join(f"{_member(name)} {_member(value)}" for name, value in told.detail.items())
    return f"{told.who}: {_text(told.event) or 'an event without a name'}{f' ({values})' if values else ''}"


# --- requests ------------------------------------------------------------------------------------------------------------


def submitted(told: Told) -> str:
    point, service = _table(told.detail.get("point")), told.text("service")
    through = f", through {service}" if service and not deed_of(service).is_executed else ""
    glass = ", breaking glass," if told.detail.get("break_glass") else ""
    account = _account(told.detail.get("run_as"))
    ending = f"{told.time('starts_at', ' from')}{if_any(told.text('extends'), ', to extend lease {}')}{told.quoted('reason')}"
    if things := told.list("gives"):
        stays = ", to keep until its time is over" if told.detail.get("stays") else ""
        return f"{told.who} asked{glass} for {listed(tuple(map(_text, things)), 'and')}{stays}{ending}"
    as_whom = f" as {account}" if account else ""
    if point.get("stage") == "session":
        host = _member(point.get("remote_host"))
        return f"{told.who} asked{glass} to log in{as_whom}{through}{if_any(host, ' from {}')}{ending}"
    doubt = if_any(told.text("doubt"), "; it is not certain what this runs: {}")
    if undoes := told.text("undoes"):
        does = "make" if "makes" in told.detail else "remove" if "removes" in told.detail else "edit"
        what = f"to take back what {undoes} has {'removed' if does == 'make' else 'written'}: to {does}"
        together = " together" if "texts" in told.detail else ""
        return f"{told.who} asked{glass} {what} {_command(told, 1)}{together}{as_whom}{_texts(told)}{ending}"
    if "texts" in told.detail:
        return f"{told.who} asked{glass} to edit {_command(told, 1)} together{as_whom}{ending}"
    if "text_after" in told.detail:
        does, new = "make" if "makes" in told.detail else "edit", _table(told.detail.get("makes"))
        mode = if_any(_member(new.get("mode")), " with the mode {}")
        return f"{told.who} asked{glass} to {does} {_command(told, 1)}{mode}{as_whom}{_texts(told)}{ending}"
    place = "" if told.detail.get("cwd") in (None, "", HIDDEN) else f" in {_argument(told.detail['cwd'])}"
    return f"{told.who} asked{glass} to run {_command(told)}{as_whom}{place}{through}{ending}{doubt}"


def _texts(told: Told) -> str:
    """Return the beginnings of the digests of the old and the new text of a file, if the reader is told."""
    digests = [told.text(name) for name in ("text_before", "text_after")]
    told_of = [digest[:16] for digest in digests if digest and digest not in INSTEAD]
    return f" (SHA-256 {' to '.join(told_of)})" if told_of else ""


def if_any(text: str, pattern: str) -> str:
    return pattern.format(text) if text else ""


def screened(told: Told) -> str:
    rule = if_any(told.text("rule"), "rule {}") or "the policy"
    if told.detail.get("decision") == "deny":
        name, because = told.text("rule"), told.text("because")
        by = "" if not name or f"rule {name}" in because else f" by rule {name}"
        return f"denied{by}{told.because()}{_gatekeepers(told)}"
    glass = _table(told.detail.get("break_glass"))
    if glass:
        skipped = _text(glass.get("instead_of"))
        return f"{rule} permits it because glass is broken: the approvals of rule {skipped} are skipped{_gatekeepers(told)}"
    lease, approvals = told.text("lease"), _approvals(told)
    if lease:
        what = f"permits it under lease {lease}"
    elif approvals:
        what = f"requires {approvals}"
    elif told.list("approvals"):  # the reader may not know them
        what = "permits it with approvals"
    else:
        what = "permits it without an approval"
    end = "" if told.state in ("", "approved", "pending", "screening") else f"; the request is {told.state}"
    return f"{rule} {what}{_gatekeepers(told)}{end}"


def reviewed(told: Told) -> str:
    is_approval = told.detail.get("verdict") != "deny"
    word = "approved it" if is_approval else "denied it"
    follows = {
        "pending": "; it needs more approvals",
        "screening": "; the policy decides again",
        "denied": f"; but it is denied now{told.because()}",
    }
    kdc = "; the KDC did not answer" if told.detail.get("kdc") == "no answer" else ""
    return f"{told.who} {word}{told.quoted('comment')}{follows.get(told.state, '') if is_approval else ''}{kdc}"


def relisted(told: Told) -> str:
    lists = _table(told.detail.get("lists"))
    said = [
        f"{_text(name)} is {_people(list(map(str, among))) if isinstance(among, list) and among else 'nobody known'}"
        for name, among in lists.items()
    ]
    return f"a list of approvers changed{if_any('; '.join(said), ': {}')}"


# --- grants and runs -----------------------------------------------------------------------------------------------------


def issued(told: Told) -> str:
    period = f"{told.time('begins_at', ' from')}{told.time('ends_at', ' until')}"
    return f"approved: {told.person('holder')} gets {told.count('uses', 'use')}{period}{told.of_command()}"


def used(told: Told) -> str:
    request = told.text("request")
    other = f" of lease {told.id}, for request {request}" if request and told.id and request != told.id else ""
    return f"{told.who} took a use{other}{told.of_command()}"


def returned(told: Told) -> str:
    if told.detail.get("was_started") is False:
        return f"{told.text('run')} was not begun: its use can be taken again"
    run = told.text("run")
    return f"run {run} is over" if run != told.id else "the run is over"


def ended(told: Told) -> str:
    number, ending = told.text("number"), told.text("ending")
    if ending == "exited":
        what = f"exited with status {number}"
    elif ending == "signaled":
        what = f"was ended by signal {number}"
    elif ending == "lost":
        what = "was lost"
    else:
        what = f"was {ending}" if ending else "ended"
    traces = left_behind(told.detail.get("traces"))
    return f"the command {what}{told.because()}{told.of_command()}{if_any(traces, '; left behind: {}')}"


# --- things and locks ----------------------------------------------------------------------------------------------------


def giving(told: Told) -> str:
    stays = ", also after their client has ended" if told.detail.get("stays") else ""
    return f"{told.person('to')} is given {told.text('thing')}{told.time('until', ' until')}{stays}"


def holding_ended(told: Told) -> str:
    ended = {
        "taken": "it was taken back",
        "left": "it was taken back as far as it can be",
        "not given": "it was not given",
    }
    return f"{ended.get(told.text('ending'), 'it has ended')}{told.because()}"


def thing(said: str) -> Callable[[Told], str]:
    def of(told: Told) -> str:
        return f"{told.text('thing') or 'a thing'} ({told.text('holding')}) {said}{told.because()}"

    return of


def _locked_whom(told: Told) -> str:
    whom = told.text("whom")
    return "everybody" if whom == "all" else f"{ {'user': 'account'}.get(whom, whom) } {told.text('name')}".strip()


def placed(told: Told) -> str:
    lasts = told.duration("lasts_for", " for") or " until the lock is lifted"
    return f"{told.who} locked {_locked_whom(told)}{lasts}{told.quoted('reason')}"


# --- notes ---------------------------------------------------------------------------------------------------------------


_NOTICES = {
    "waits": "a request waits",
    "opened": "a further way to approve is open",
    "reminder": "a request still waits",
    "decided": "a request was decided",
    "break_glass": "glass was broken",
    "overdue": "a review of broken glass is overdue",
    "reviewed": "broken glass was reviewed",
    "not_taken": "a thing cannot be taken back",
    "taken": "a thing was taken back",
}


def notice_sent(told: Told) -> str:
    event = told.text("event")
    return f"{told.text('to')} was told through {told.text('channel')} that {_NOTICES.get(event, event)}"


def selected(told: Told) -> str:
    """Return what a report or an export was asked for."""
    who, rule = if_any(told.text("who"), " about {}"), if_any(told.text("rule"), " under rule {}")
    return f"{who}{rule}{told.time('since', ' from')}{told.time('until', ' until')}"


def standing_recorded(told: Told) -> str:
    unseen = told.count("unseen", "thing")
    return f"{told.who} told of {told.count('n', 'standing privilege')} on this host; {unseen} could not be judged"


def policy_loaded(told: Told) -> str:
    untested = ", without trying its tables" if told.detail.get("untested") is True else ""
    return f"{told.who} put a policy with {told.count('rules', 'rule')} in force{untested}"


def policy_refused(told: Told) -> str:
    faults = "; ".join(map(_text, told.list("faults")))
    return f"{told.who} put no new policy in force, because it has a fault{if_any(faults, ': {}')}"


def key_made(told: Told) -> str:
    return f"jitd made a key that signs the record ({told.text('because') or HIDDEN})"


def sink_refused(told: Told) -> str:
    which = f"records {told.text('first')} to {told.text('last')}"
    return f"sink {told.text('sink')} will never take {told.count('n', 'record')} of {which}"


def set_aside(told: Told) -> str:
    what = " ".join(f"{name} {told.text(name)}" for name in ("request", "grant", "run") if told.detail.get(name))
    return f"jitd found {what or 'an object'} damaged in its database, and it permits nothing any more{told.because()}"


def filled(pattern: str, told: Told) -> str:
    """Return ``pattern`` as a sentence: ``{who}`` did it, ``{because}``, ``{of}`` the command; others are parts of the record."""
    said = {"who": lambda: told.who, "because": told.because, "of": told.of_command}
    return pattern.format(**{name: said[name]() if name in said else told.text(name) for name in _names(pattern)})


@cache
def _names(pattern: str) -> tuple[str, ...]:
    return tuple(part.partition("}")[0] for part in pattern.split("{")[1:])
