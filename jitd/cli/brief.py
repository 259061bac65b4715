# SPDX-License-Identifier: Apache-2.0
"""The page that an approver reads before they answer the question. An ordinary request takes about twelve lines. The module
``page`` makes a longer page that shows everything.

Law: the page shows all values that limit the run, except the most usual values, and it shortens no value. Therefore two
different requests never look the same, unless they differ only in what nobody can judge by reading: digests and the locale. The
page never says that a request is harmless. Text of the requester stands only in the column of texts.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli import comparison
from jitd.cli.answer import NOT_SHOWN, Row, command_of, printable, quoted, words
from jitd.cli.asked_time import begins_and_extends, in_other_words
from jitd.cli.authenticated import age_in_short, flaws
from jitd.cli.colour import Painted
from jitd.cli.columns import wrapped
from jitd.cli.findings import findings
from jitd.cli.glass import in_short as glass_in_short
from jitd.cli.instants import in_words, left
from jitd.cli.labels import LEAST, Line, counted, laid_out, members
from jitd.cli.needs import asks, others_asked, present, still_needed
from jitd.cli.past import review_in_words
from jitd.cli.principals import who
from jitd.cli.scripts import scripts
from jitd.cli.what import (
    SEEN,
    STREAMS,
    command_without_scripts,
    directory,
    edited,
    is_anothers,
    is_login,
    lets,
    outlives,
    recorded_in_short,
    script,
)
from jitd.cli.who import users, without_ticket
from jitd.core.grade import Grade
from jitpam.wire.rows import Request
from jitpam.wire.shown import cells

COLUMN = 10  # width of the column of labels, in cells
USUAL_DIRECTORY = "/usr/bin/"  # not shown. A program of another directory has a line of its own
ORIGINS = {"local": "begun on this host", "console": "at the console", "remote": "a login from another host"}
"""Maps the words for where a login session began (``core.origin``) to the words of the page."""
OPEN = ("screening", "pending")  # the states in which people can still decide about a request
WIDEST = 100  # maximum number of cells before the right end of the first line


def brief(row: Row, screen: int | None, place: str = "") -> list[Painted]:
    """Return the lines of the page that an approver reads. ``screen`` is the width of the terminal in cells. If ``screen`` is
    None, no line is folded. ``place`` is printed first. If there are several requests, ``place`` is the position of this request,
    such as ``1 of 3:``.
    """
    return [*_head(row, screen, place), *laid_out(_lines(row, screen), screen, column=COLUMN, indent=0)]


def _head(row: Row, screen: int | None, place: str) -> list[Painted]:
    """Return the first line: who asks for which account on which host, and at its right end the id and the time that is left."""
    text, state = printable(f"{place}{heading(row)}"), words(row, "state")
    end = words(row, "id") + ("" if state == "pending" else f": {state}")
    is_open = row.get("expires_at") and state in OPEN
    end = printable(f"{end}, {left(row['expires_at'])} left" if is_open else end)
    if screen is None or cells(text) + cells(end) + 2 <= screen:
        room = 0 if screen is None else min(screen, WIDEST) - cells(text) - cells(end)
        return [(text + " " * max(2, room) + end, "head")]
    first, *others = wrapped(text, max(LEAST, screen - COLUMN))
    others += wrapped(end, max(LEAST, screen - COLUMN))
    return [(first, "head"), *((" " * COLUMN + piece, "head") for piece in others)]


def heading(row: Row) -> str:
    """Return a line that says who asks for what account, or for which kind of thing, on which host."""
    name, host, service = who(row), words(row, "host"), words(row, "service")
    by = f", by {service}" if is_anothers(row) else ""
    if row.get("gives"):
        return f"{name} asks to be given, on {host}{by}:"
    if row.get("doubt"):
        return f"{name} asks {service} on {host}"
    account, group = words(row, "run_as"), words(row, "run_as_group")
    if is_login(row):
        return f"{name} asks for a login as {account} on {host}{by}"
    return f"{name} asks for {account}{'' if group == account else f', group {group},'} on {host}{by}"


def _lines(row: Row, screen: int | None) -> Iterator[Line]:
    yield from _what(row, screen)
    yield "why", _reason(row)
    yield from _dangers(row)
    yield from comparison.new(row)
    if not (row.get("gives") or row.get("doubt") or row.get("edit") or is_login(row)):
        yield from _unusual(row)
    yield from _terms(row)
    yield from outlives(row)
    yield from _needs(row)
    yield "from", " · ".join(_whence(row))
    yield from scripts(row)


# --- what is asked for ---------------------------------------------------------------------------------------------------


def _what(row: Row, screen: int | None) -> Iterator[Line]:
    """Yield the lines about the command, the things, or the login. Nothing of them is shortened."""
    if row.get("gives"):
        for thing in members(row, "gives"):
            yield "thing", str(thing)
            yield from (("lets them", sentence) for sentence in lets(row, str(thing)))
        if words(row, "brought", ""):
            yield "for key", words(row, "brought")
    elif is_login(row) and not row.get("doubt"):
        yield "LOGIN", f"a session in which any command of {words(row, 'run_as')} may be run"
    elif row.get("narrowed"):
        yield "edits" if row.get("edit") else "runs", command_of(row)
    elif row.get("edit"):
        yield from edited(row)
    else:
        yield from _numbered("typed" if row.get("doubt") else "runs", command_without_scripts(row), screen)
        for at, argument in enumerate(members(row, "argv")):
            yield from script(at, str(argument))


def _numbered(label: str, text: str, screen: int | None) -> Iterator[Line]:
    """Yield ``text`` with ``label``. If the text does not fit on one line of the terminal, the labels number its lines."""
    pieces = [text] if screen is None else wrapped(printable(text), max(LEAST, screen - COLUMN), whole_words=True)
    for number, piece in enumerate(pieces, 1):
        yield (f"{label if number == 1 else '':<5}{number:>3}" if len(pieces) > 1 else label), piece


def _reason(row: Row) -> str:
    account = words(row, "account", "the requester")
    if not row.get("reason"):
        return f"{account} gives no reason"
    return words(row, "reason") if row.get("narrowed") else f"{account} says: {words(row, 'reason')}"


# --- what it gives, and what is wrong with it ----------------------------------------------------------------------------


def _dangers(row: Row) -> Iterator[Line]:
    found = list(findings(Request.read(row)))
    if row.get("doubt") and not any(words(row, "doubt") in text for _, text in found):
        yield "DOUBT", f"{words(row, 'doubt')}: take it for root"
    yield from found
    yield from glass_in_short(row)
    yield from users(row)
    for label, text in without_ticket(row):
        yield ("NO PROOF" if text.startswith("NONE") else label), text.removeprefix("NONE: ")
    yield from (("NO PROOF" if label == "no proof" else "ticket", text) for label, text in flaws(row.get("authentication")))
    if row.get("gone"):
        account = words(row, "account")
        yield "GONE", f"{account}'s jitsudo has gone away: nothing runs until {account} comes back with --resume"
    for id in members(row, "alike"):
        yield "alike", f"{id} asks for the same and waits too"
    if row.get("lock"):
        yield "locked", f"by lock {words(row, 'lock')}"
    if row.get("narrowed"):
        yield "hidden", "its rule does not show you the reason, the arguments and what follows from them"


# --- what is not as usual ------------------------------------------------------------------------------------------------


def _unusual(row: Row) -> Iterator[Line]:
    """Yield the lines about a known command that are not as usual: its file, what else binds it or does not, and its streams."""
    name = words({"name": next(iter(members(row, "argv")), "")}, "name", "")
    path = words(row, "path", "")
    is_unread = (
        "" if row.get("digest") or row.get("mine") or row.get("own") else "its content is not bound: no rule let it be read"
    )
    if path not in (name, USUAL_DIRECTORY + name) or is_unread:
        yield "file", ": ".join(filter(None, (quoted(path), is_unread)))
    for one in members(row, "interpreters"):
        if isinstance(one, dict):
            loose = "" if one.get("digest") else ", NOT BOUND: it can still be changed"
            yield "run by", f"{quoted(words(one, 'path'))}: {words(one, 'because')}{loose}"
    yield from _operands(row)
    if is_anothers(row):
        yield "held by", f"{words(row, 'service')} alone: jitd cannot check that this is still what it runs"
        if row.get("writable"):
            yield "", f"{words(row, 'service')} opens the file by name: its content is not bound, nor what executes it"
    for option in members(row, "options"):
        yield "option", f"{option} of {words(row, 'service')}, which changes what is run"
    for pair in members(row, "variables"):
        if isinstance(pair, list) and len(pair) == 2:
            yield "variable", NOT_SHOWN if row.get("narrowed") else f"{pair[0]}={quoted(str(pair[1]))}"
    if not is_anothers(row):
        yield from _streams(row)


def _operands(row: Row) -> Iterator[Line]:
    """Yield the lines about the files that arguments name, except those whose text is on the page. Of a harmless command, an
    operand that is not bound is only named: it is data, and a warning on each page of ``du /var`` would teach nobody to read it.
    """
    loose = []
    texts = {(one.get("argument"), one.get("path")): one for one in members(row, "scripts") if isinstance(one, dict)}
    for one in members(row, "operands"):
        if not isinstance(one, dict):
            continue
        text = texts.get((one.get("argument"), one.get("path")), {})
        if text.get("text"):
            continue
        name = f"argument {words(one, 'argument')}, {quoted(words(one, 'path'))}"
        if not one.get("digest") and row.get("grade") == Grade.HARMLESS.word:
            loose.append(name)
            continue
        unseen = f"NOT SHOWN: {words(text, 'told', 'jitd does not say why')}" if text else ""
        because = words(one, "because")
        bound = "bound until the command starts" if one.get("digest") else "NOT BOUND: it may be another file by then"
        if because.startswith("not bound: ") or because.endswith(" is not bound"):  # said once; a path stands at neither end
            bound = ""
        yield "names", " · ".join(filter(None, (f"{name}: {because}", unseen, bound)))
    if loose:
        yield "names", f"{' and '.join(loose)}: not bound"


def _streams(row: Row) -> Iterator[Line]:
    """Yield a line about those of the file descriptors 0 to 2 that are not a terminal."""
    kinds = [str(kind) for kind in members(row, "streams")]
    told = [SEEN.get(kind, kind) for kind in kinds]
    if len(kinds) != len(STREAMS):
        yield "streams", "not known before the run"
    elif len(set(kinds)) == 1:
        if kinds[0] != "terminal":
            yield "streams", f"input, output and errors: {told[0]}"
    else:
        named = zip(("input", "output", "errors"), told, strict=True)
        yield "streams", " · ".join(f"{name}: {text}" for name, text in named if text != SEEN["terminal"])


# --- on what terms, and whose word is needed -----------------------------------------------------------------------------


def how_often(row: Row) -> str:
    """Return how often and for how long the request asks to run the command, or to have the thing."""
    gets = row["gets"] if isinstance(row.get("gets"), dict) else {}
    lasts_for = row.get("lasts_for") if isinstance(row.get("lasts_for"), int) else gets.get("lasts_for")
    within = in_words(lasts_for) if isinstance(lasts_for, int) else "the time that the rule gives"
    if row.get("gives"):
        return f"for at most {within}"
    if not isinstance(row.get("lasts_for"), int) and not isinstance(row.get("uses"), int):
        return "once"
    uses = row.get("uses") if isinstance(row.get("uses"), int) else gets.get("uses")
    noun = "use" if is_anothers(row) else "run"
    return f"{counted(uses, noun) if isinstance(uses, int) else f'as many {noun}s as the rule allows'} within {within}"


def _terms(row: Row) -> Iterator[Line]:
    """Yield the line about how often, how long and under what watch it runs."""
    parts = [how_often(row) + begins_and_extends(row)]
    terms = row.get("terms")
    if row.get("gives"):
        ends = "when the time is over" if row.get("stays") else "when their command ends, or the time is over"
        parts.append(f"taken back {ends}")
    elif isinstance(terms, dict) and is_login(row) and not row.get("doubt"):
        ends = "is ended" if terms.get("session") == "end" else "GOES ON"
        parts.append(f"when the time of its grant is over, the session {ends}")
    elif isinstance(terms, dict):
        parts += _terms_of_a_run(row, terms)
    parts += in_other_words(row)
    if not row.get("waits", True):
        parts.append(f"{words(row, 'account')} does not wait, and comes back for it")
    yield "terms", " · ".join(parts)


def _terms_of_a_run(row: Row, terms: Row) -> Iterator[str]:
    by = words(row, "service")
    if is_anothers(row):
        yield "NOT recorded by jitd"
        if terms.get("options"):
            yield f"ALL options of {by} are allowed"
    else:
        if not row.get("edit"):  # nothing runs at the terminal
            yield recorded_in_short(terms, [str(kind) for kind in members(row, "streams")])
        if terms.get("observed"):
            yield "runs only while an approver watches"
        if isinstance(terms.get("timeout_for"), int) and terms["timeout_for"] != row.get("timeout_for"):
            yield f"ends after {in_words(terms['timeout_for'])}"
        if terms.get("leftovers") == "keep":
            yield "what it leaves behind STAYS"
        if terms.get("namespace") == "always":
            yield "runs in a pid namespace of its own"
        if terms.get("namespace") == "never" and words(row, "run_as") != "root":
            yield "what a user manager moves away MAY LIVE"
    if terms.get("bound"):
        yield "files that others may change must be bound"
    if terms.get("writable"):
        yield "files that OTHERS MAY CHANGE are allowed"


def _needs(row: Row) -> Iterator[Line]:
    """Yield the lines about the approvals and gatekeepers that the rule demands, the reviews so far, and the viewer's part."""
    asked = Request.read(row)
    reviews = [one for one in members(row, "reviews") if isinstance(one, dict)]
    is_viewers = row.get("awaits_me") and not (row.get("lacks") or row.get("barred") or row.get("mine"))
    parts = [
        f"{asks(asked)}{': you' if is_viewers else ''}{present(asked)}",
        *([f"still {still_needed(asked)}"] if reviews else []),
    ]
    yield "needs", " · ".join([*parts, f"rule {words(row, 'rule', 'none decided yet')}"])
    for _, other in others_asked(asked):
        yield "", other
    for review in reviews:
        yield "so far", review_in_words(review, row.get("realm"))
    if row.get("mine"):
        yield "you", "asked for this yourself: somebody else has to review it"
    elif row.get("barred"):
        yield "you", words(row, "barred")
    elif row.get("lacks"):
        yield "you", f"may only deny it: its rule {words(row, 'lacks')}"


def _whence(row: Row) -> Iterator[str]:
    """Yield where the person comes from, the working directory, the age of the ticket, and the facts that the rule has used."""
    facts = [pair for pair in members(row, "facts") if isinstance(pair, list) and len(pair) == 2]
    point = row.get("point")
    if isinstance(point, dict):
        by = f", {words(point, 'authenticated')}" if point.get("authenticated") else ""
        yield f"{words(point, 'remote_host', 'this host')}{by}"
    yield from (ORIGINS.get(str(value), f"a login from {value}") for name, value in facts if name == "fact.origin")
    if not (row.get("gives") or row.get("edit") or is_login(row)):
        yield f"in {directory(row)}"
    if (said := age_in_short(row.get("authentication"))) and not row.get("proved"):
        yield said
    if words(row, "requester") == "root":
        yield "local root"
    yield from (f"{name} {quoted(str(value))}" for name, value in facts if name != "fact.origin")
