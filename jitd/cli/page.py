# SPDX-License-Identifier: Apache-2.0
"""All of one request on a page: what ``jitd approve`` prints before its question, and what ``jitd show`` prints.

Law: nothing is shortened. What jitd has checked and what the client only claims stand under different headings. On a terminal, a
long text is folded within its own column, so no text from a request begins in the column of labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jitd.cli.answer import Row, command_line, n_bytes, printable, quoted, words
from jitd.cli.authenticated import authenticated, in_short
from jitd.cli.columns import cells, folded
from jitd.cli.glass import broken
from jitd.cli.instants import in_words, told

LABEL = 15
"""The width of the column of labels, in cells."""
FEW = 8
"""Up to this number of arguments, none of them long, the command's line is enough. Otherwise each argument gets a line too."""
LONG = 200
"""An argument of more characters than this is long."""

OPEN = ("screening", "pending")
"""States in which a request can still be decided."""

_SEEN = {
    "terminal": "a terminal",
    "pipe": "a pipe you cannot see",
    "file": "a file you cannot see",
    "socket": "a socket you cannot see",
    "device": "a device you cannot see",
    "null": "/dev/null: nothing",
    "closed": "closed: nothing",
}
_STREAMS = {"stdin": "standard input", "stdout": "standard output", "stderr": "standard error"}

Line = tuple[str, str]
"""A label and its text. A heading is a label without text; an empty line has neither. Every text has a label. So, on a
terminal, a line without a label always continues the text above it."""


def page(row: Row, screen: int | None) -> list[str]:
    """Return the lines of the page for ``row``. ``screen`` is the terminal's width in cells; with None nothing is folded."""
    lines: list[str] = []
    for label, text in (*_about(row), *_command(row), *_terms(row), *_facts(row), *_claims(row), *_rule(row), *_history(row)):
        if not text:
            lines.append(printable(label))
            continue
        start = f"  {printable(label)}"
        start += " " * max(1, LABEL - cells(start))
        text = printable(text)
        pieces = [text] if screen is None else folded(text, max(20, screen - max(LABEL, cells(start))))
        lines.append(start + pieces[0])
        lines += [" " * LABEL + piece for piece in pieces[1:]]
    return lines


def _about(row: Row) -> Iterator[Line]:
    state = words(row, "state")
    yield f"request {words(row, 'id')}: {state}", ""
    if row.get("because"):
        yield "because", words(row, "because")
    if row.get("lock"):
        yield "ended by", f"lock {words(row, 'lock')}"
    if row.get("asking_at"):
        yield "asking", f"{' and '.join(str(name) for name in _list(row, 'gatekeepers'))}, since {told(row['asking_at'])}"
    yield "submitted", told(row.get("submitted_at"))
    if row.get("expires_at") and state in OPEN:
        yield "decide by", told(row["expires_at"])
    yield from broken(row)


def _command(row: Row) -> Iterator[Line]:
    if row.get("gives"):
        yield from _things(row)
    elif row.get("doubt"):
        yield from _in_doubt(row)
    elif not row.get("path") and _is_anothers(row):
        yield from _login(row)
    else:
        yield from _known_command(row)
    yield "asked for", _asked_for(row)


def _things(row: Row) -> Iterator[Line]:
    """What a person would be given, and what jitd can take back of it."""
    yield "", ""
    yield "WHAT WOULD BE GIVEN", ""
    for thing in _list(row, "gives"):
        kind, _, name = str(thing).partition(":")
        yield "thing", str(thing)
        if kind == "service-ticket":
            yield "lets them", f"get tickets for {name} from the KDC, and so use that service as {words(row, 'requester')}"
    yield "to", f"{words(row, 'requester')}, on {words(row, 'host')}, by {words(row, 'service')}"
    stays = (
        "when the time of the grant is over" if row.get("stays") else "when their command ends, or the time of the grant is over"
    )
    yield "taken back", stays
    yield "not seen", "jitd does not see what they do with it"
    yield "not undone", "a ticket can be copied; it is good until its end, and a connection that it has opened goes on"


def _is_anothers(row: Row) -> bool:
    """True if another program than jitsudo runs the command or opens the session, for example sudo or sshd."""
    return words(row, "service") != "jitsudo"


def _in_doubt(row: Row) -> Iterator[Line]:
    """Yield the lines for a command line that only the program itself can interpret for certain."""
    yield "", ""
    yield "WHAT WOULD RUN: not known for certain", ""
    yield "typed", command_line([str(word) for word in _list(row, "argv")])
    yield "in doubt", words(row, "doubt")
    yield "as", "not known for certain: take it for root"
    yield "on", f"{words(row, 'host')}, by {words(row, 'service')}"
    yield "in", _directory(row)


def _login(row: Row) -> Iterator[Line]:
    """Yield the lines for a login. jitd is not asked about the commands that are run in the session."""
    yield "", ""
    yield "WHAT WOULD HAPPEN", ""
    yield "login", f"a session of {words(row, 'run_as')}, in which any command of that account may be run"
    yield "on", f"{words(row, 'host')}, by {words(row, 'service')}"


def _known_command(row: Row) -> Iterator[Line]:
    argv = [str(argument) for argument in _list(row, "argv")]
    yield "", ""
    yield "WHAT WOULD RUN", ""
    yield "command", command_line(argv)
    size = sum(n_bytes(argument) for argument in argv)
    yield "size", f"{_count(len(argv), 'argument')}, {_count(size, 'byte')}, the command's name included"
    if len(argv) > FEW or any(len(argument) > LONG for argument in argv):
        for at, argument in enumerate(argv):
            yield f"argument {at}", f"{quoted(argument)}  ({_count(n_bytes(argument), 'byte')})"
    yield "file", quoted(words(row, "path"))
    unknown = (
        "not told: you cannot read the file, or no rule let it be read"
        if row.get("mine")
        else "unknown: no rule let the file be read"
    )
    yield "SHA-256", words(row, "digest", unknown)
    yield "as", f"{words(row, 'run_as')}, group {words(row, 'run_as_group')}"
    yield "on", f"{words(row, 'host')}, by {words(row, 'service')}"
    if _is_anothers(row):
        yield (
            "held by",
            f"{words(row, 'service')} alone: jitd cannot check that file and arguments are still these when it runs",
        )
        if row.get("writable"):
            yield "not bound", f"{words(row, 'service')} opens this by name: its content is not bound"
    for option in _list(row, "options"):
        yield "option", f"{option} of {words(row, 'service')}, which changes what is run"
    yield "in", _directory(row)
    for operand in _list(row, "operands"):
        if isinstance(operand, dict):
            yield "names", f"argument {words(operand, 'argument')}, {quoted(words(operand, 'path'))}: {words(operand, 'because')}"
            loose = "not bound: it may be another file when the command opens it"
            loose = f"not told, as you cannot read it, or {loose}" if row.get("mine") else loose
            yield "", f"SHA-256 {words(operand, 'digest', loose)}"
    yield from _pairs("variable", _list(row, "variables"), "none beside the usual ones")
    if _is_anothers(row):
        return
    yield from _pairs("locale", _list(row, "locale"), "none")
    kinds = _list(row, "streams")
    for at, name in enumerate(_STREAMS):
        kind = str(kinds[at]) if at < len(kinds) else ""
        yield name, f"{_STREAMS[name]} is {_SEEN.get(kind, kind) if kind else 'known when it is run'}"


def _directory(row: Row) -> str:
    return quoted(words(row, "cwd")) + (f" (named, and entered as {words(row, 'run_as')})" if row.get("chdir") else "")


def _terms(row: Row) -> Iterator[Line]:
    """Yield the lines about what the request's rule allows beside the command. While the request waits, these terms may become
    stricter, and never less strict.
    """
    terms = row.get("terms")
    if not isinstance(terms, dict) or row.get("gives"):  # nothing runs
        return
    yield "", ""
    yield "ON WHAT TERMS", ""
    by = words(row, "service")
    if not _is_anothers(row):
        yield "recorded", _recorded(terms, [str(kind) for kind in _list(row, "streams")])
        limit = terms.get("timeout_for")
        yield "time limit", f"ended after {in_words(limit)}" if isinstance(limit, int) else "NONE but the end of its grant"
        stays = "STAY, until the run is stopped or its grant is revoked"
        yield "left behind", f"processes that it leaves behind {stays if terms.get('leftovers') == 'keep' else 'end with it'}"
    elif row.get("path") or row.get("doubt"):
        yield "recorded", f"NOT by jitd: {by} runs it"
        yield "time limit", f"NONE by jitd: {by} runs it"
        options = "ALLOWED, also those that jitd does not know" if terms.get("options") else "refused"
        yield "options", f"options of {by} that change what is run are {options}"
    else:
        ends = "is ended" if terms.get("session") == "end" else "GOES ON, until it is revoked"
        yield "time limit", f"when the time of its grant is over the session {ends}"
        return
    if terms.get("bound"):
        yield "arguments", "those that name a file which others may change are refused, unless they are bound to its content"
    if not terms.get("writable"):
        yield "files", "those that others may change are refused, or bound to their content"
    elif _is_anothers(row):
        yield "files", f"those that OTHERS MAY CHANGE are allowed: {by} opens them by name, with the content that they then have"
    else:
        yield "files", "those that OTHERS MAY CHANGE are allowed: the command's own is bound, those that arguments name are not"


def _recorded(terms: Row, streams: list[str]) -> str:
    what = {
        "none": "NOT",
        "terminal": "NOT: it has no terminal"
        if streams and "terminal" not in streams
        else "what it writes to a terminal, if it has one",
        "output": "all that it writes",
        "all": "all that it writes, and reads from its standard input",
    }.get(words(terms, "record"), words(terms, "record"))
    goes_on = terms.get("record_failure") == "continue" and not what.startswith("NOT")
    return f"{what}; the run GOES ON if that cannot be recorded" if goes_on else what


def _facts(row: Row) -> Iterator[Line]:
    yield "", ""
    yield "WHO ASKS: jitd has checked this", ""
    yield "requester", words(row, "requester")
    yield "account", f"{words(row, 'account')} (uid {words(row, 'uid')})"
    yield "groups", " ".join(str(group) for group in _list(row, "groups")) or "none"
    ends = row.get("ticket_ends_at")
    if ends:
        yield "ticket ends", told(ends)
    elif words(row, "requester") == "root":
        yield "ticket", "none: local root"
    else:
        yield "ticket", f"NONE: {words(row, 'service')} says who it is, without a Kerberos proof"
    yield from authenticated(row.get("authentication"))
    point = row.get("point")
    if isinstance(point, dict):
        yield "from", words(point, "remote_host", "this host")
        if point.get("authenticated"):
            yield "came in by", words(point, "authenticated")
    for pair in _list(row, "facts"):
        if isinstance(pair, list) and len(pair) == 2:
            yield str(pair[0]), str(pair[1])


def _claims(row: Row) -> Iterator[Line]:
    claims = row.get("claims")
    claims = claims if isinstance(claims, dict) else {}
    reason = row.get("reason")
    parents = _list(claims, "parents")
    yield "", ""
    yield "WHAT THE REQUESTER SAYS: nobody has checked this", ""
    yield "reason", "none given" if reason is None else f'"{reason}"'
    yield "terminal", words(claims, "tty", "none")
    yield "session", words(claims, "login_session", "none")
    yield "started by", " < ".join(quoted(str(parent)) for parent in parents) or "unknown"


def _rule(row: Row) -> Iterator[Line]:
    approvals = [
        f"{words(a, 'need')} from {' or '.join(str(word) for word in _list(a, 'from'))}"
        + (f" ({words(a, 'demand')})" if a.get("demand") else "")
        for a in _list(row, "approvals")
        if isinstance(a, dict)
    ]
    yield "", ""
    yield "WHAT IS OWED", ""
    yield "rule", words(row, "rule", "none decided yet")
    yield "asks", " and ".join(approvals) or "no approval"
    answers = {words(one, "name"): one for one in _list(row, "passed") if isinstance(one, dict)}
    for name in _list(row, "gatekeepers"):
        yield "gatekeeper", f"{name} {_answered(answers.get(str(name)))}"
    if row.get("lease"):
        yield "lease", f"grant {row['lease']} answers for the approvals"
    yield "still owed", _count(int(row["owed"]), "approval") if isinstance(row.get("owed"), int) else words(row, "owed")
    yield "fingerprint", words(row, "fingerprint")


def _answered(passed: Row | None) -> str:
    """Return what a gatekeeper has answered, in words, if it has passed."""
    if passed is None:
        return "has not answered"
    until = f", until {words(passed, 'until')}" if passed.get("until") else ""
    mark = f" ({words(passed, 'mark')})" if passed.get("mark") else ""
    return f"passed {words(passed, 'at')}{until}{mark}; it is asked again before anything runs"


def _history(row: Row) -> Iterator[Line]:
    """Yield the lines about what has happened to the request, oldest first, as far as ``row`` tells."""
    events: list[tuple[str, int, str]] = []

    def happened(at: object, what: str) -> None:
        if at:
            events.append((str(at), len(events), what))

    happened(row.get("submitted_at"), f"submitted by {words(row, 'requester')}")
    for review in _list(row, "reviews"):
        if isinstance(review, dict):
            said = f': "{review["comment"]}"' if review.get("comment") else ""
            word = "approved" if review.get("verdict") == "approve" else "denied"
            void = " (does not count: locked)" if review.get("counts") is False else ""
            how = in_short(review.get("authentication"))
            happened(review.get("at"), f"{word} by {words(review, 'by')}{how}{said}{void}")
    grant = row.get("grant")
    if isinstance(grant, dict):
        id = words(grant, "id")
        happened(grant.get("issued_at"), f"grant {id} issued: {words(grant, 'uses')} to use until {words(grant, 'ends_at')}")
    for run in _list(row, "runs"):
        if isinstance(run, dict):
            id = words(run, "id")
            happened(run.get("started_at") or run.get("starting_at"), f"run {id} began")
            happened(run.get("ended_at"), f"run {id} {how_it_ended(run)}")
    for held in _list(row, "holdings"):
        if isinstance(held, dict):
            thing = f"{words(held, 'thing')} ({words(held, 'id')})"
            happened(held.get("given_at"), f"{thing} given until {words(held, 'until')}")
            happened(held.get("ended_at"), f"{thing} {how_it_was_taken(held)}")
    if len(events) < 2:  # the only event is the submission, which stands at the top of the page already
        return
    yield "", ""
    yield "HISTORY", ""
    for at, _, what in sorted(events):
        yield "*", f"{at}  {what}"
    if isinstance(grant, dict):
        ended = f": {grant['ended_because']}" if grant.get("ended_because") else ""
        yield "grant now", f"{words(grant, 'state')}, {words(grant, 'left')} of {words(grant, 'uses')} uses left{ended}"
    for held in _list(row, "holdings"):
        if isinstance(held, dict) and not held.get("outcome"):
            yield "given now", f"{words(held, 'thing')} ({words(held, 'id')}) {how_it_was_taken(held)}"
    for run in _list(row, "runs"):
        if isinstance(run, dict) and not run.get("outcome"):
            yield "running now", f"run {words(run, 'id')}, {words(run, 'state')}, pid {words(run, 'pid')}"


def how_it_was_taken(held: Row) -> str:
    """Return the outcome of a holding in words, or what is done with it now."""
    outcome = held.get("outcome")
    if not isinstance(outcome, dict):
        return {"giving": "is being given", "held": "is held", "taking": "is being taken back"}.get(words(held, "state"), "")
    because = f": {outcome['because']}" if outcome.get("because") else ""
    ended = {"taken": "taken back", "left": "taken back, as far as it can be"}.get(words(outcome, "ending"), "not given")
    return f"{ended}{because}"


def how_it_ended(run: Row) -> str:
    """Return a run's outcome in words; or, if the run has not ended, since when it runs."""
    outcome = run.get("outcome")
    if not isinstance(outcome, dict):
        return f"since {told(run.get('started_at') or run.get('starting_at'))}"
    number = words(outcome, "number")
    because = f": {outcome['because']}" if outcome.get("because") else ""
    match outcome.get("ending"):
        case "exited":
            return f"exited with {number}{because}"
        case "signaled":
            return f"ended by signal {number}{because}"
        case ending:
            return f"{ending}{because}"


def _asked_for(row: Row) -> str:
    lasts_for, uses = row.get("lasts_for"), row.get("uses")
    noun = "use" if _is_anothers(row) or row.get("gives") else "run"
    if row.get("gives"):
        text = f"at most {in_words(lasts_for)}" if isinstance(lasts_for, int) else "the time that the rule gives"
    elif not isinstance(lasts_for, int):
        text = f"one {noun}" if not isinstance(uses, int) else f"{_count(uses, noun)} within the time the rule gives"
    elif not isinstance(uses, int):
        text = f"A LEASE: as many {noun}s as the rule allows, for {in_words(lasts_for)}"
    else:
        text = f"A LEASE: {_count(uses, noun)} within {in_words(lasts_for)}"
    if isinstance(row.get("timeout_for"), int):
        text += f", ended after {in_words(row['timeout_for'])}"
    return text if row.get("waits", True) else f"{text}; the requester does not wait, and comes back to {noun} it"


def _pairs(label: str, pairs: Iterable[Any], none: str) -> Iterator[Line]:
    shown = False
    for pair in pairs:
        if isinstance(pair, list) and len(pair) == 2:
            yield label, f"{pair[0]}={quoted(str(pair[1]))}"
            shown = True
    if not shown:
        yield f"{label}s" if label == "variable" else label, none


def _list(row: Row, name: str) -> list[Any]:
    value = row.get(name)
    return value if isinstance(value, list) else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
