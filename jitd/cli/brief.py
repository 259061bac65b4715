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
from jitd.cli.answer import Row, command_of, printable, quoted
from jitd.cli.asked_time import begins_and_extends, in_other_words, in_uses, within
from jitd.cli.authenticated import age_in_short, flaws
from jitd.cli.colour import Painted
from jitd.cli.columns import wrapped
from jitd.cli.findings import findings
from jitd.cli.glass import in_short as glass_in_short
from jitd.cli.hosts_word import not_signed
from jitd.cli.instants import in_words, left
from jitd.cli.labels import LEAST, Labelled, laid_out
from jitd.cli.needs import asks, others_asked, present, still_needed
from jitd.cli.past import review_in_words
from jitd.cli.scripts import scripts
from jitd.cli.what import (
    SEEN,
    STREAMS,
    command_without_scripts,
    directory,
    is_anothers,
    lets,
    outlives,
    recorded_in_short,
    script,
    written,
)
from jitd.cli.who import users, who, without_ticket
from jitd.core.grade import Grade
from jitd.core.wording import in_quotes
from jitpam.wire.rows import NOT_SHOWN, UNKNOWN, Doubted, Edit, Edits, Login, NewFile, Program, Removal, Request, Terms, Things
from jitpam.wire.shown import cells

COLUMN = 10  # width of the column of labels, in cells
USUAL_DIRECTORY = "/usr/bin/"  # not shown. A program of another directory has a line of its own
ORIGINS = {"local": "begun on this host", "console": "at the console", "remote": "a login from another host"}
OPEN = ("screening", "pending")  # the states in which people can still decide about a request
WIDEST = 100  # maximum number of cells before the right end of the first line


def brief(row: Request | Row, screen: int | None, place: str = "") -> list[Painted]:
    """Return the page that an approver reads, folded at ``screen`` cells unless that is None, after ``place``, such as ``1 of
    3:`` if there are several requests.
    """
    row = Request.read(row)
    return [*_head(row, screen, place), *laid_out(_lines(row, screen), screen, column=COLUMN, indent=0)]


def _head(row: Request, screen: int | None, place: str) -> list[Painted]:
    """Return the first line: who asks for which account on which host, and at its right end the id and the time that is left."""
    text, state = printable(f"{place}{heading(row)}"), row.state
    end = row.id + ("" if state == "pending" else f": {state}")
    is_open = row.expires_at and state in OPEN
    end = printable(f"{end}, {left(row.expires_at)} left" if is_open else end)
    if screen is None or cells(text) + cells(end) + 2 <= screen:
        room = 0 if screen is None else min(screen, WIDEST) - cells(text) - cells(end)
        return [(text + " " * max(2, room) + end, "head")]
    first, *others = wrapped(text, max(LEAST, screen - COLUMN))
    others += wrapped(end, max(LEAST, screen - COLUMN))
    return [(first, "head"), *((" " * COLUMN + piece, "head") for piece in others)]


def heading(row: Request) -> str:
    """Return a line that says who asks for what account, or for which kind of thing, on which host."""
    name, host, service = who(row), row.host, row.service
    by = f", by {service}" if is_anothers(row) else ""
    account, group = row.run_as or UNKNOWN, row.run_as_group or UNKNOWN
    match row.what:
        case Things():
            return f"{name} asks to be given, on {host}{by}:"
        case Doubted():
            return f"{name} asks {service} on {host}"
        case Login():
            return f"{name} asks for a login as {account} on {host}{by}"
        case Program() | Edit() | Edits() | NewFile() | Removal():
            return f"{name} asks for {account}{'' if group == account else f', group {group},'} on {host}{by}"


def _lines(row: Request, screen: int | None) -> Iterator[Labelled]:
    yield from _what(row, screen)
    yield "why", _reason(row)
    yield from _dangers(row)
    yield from comparison.new(row)
    if isinstance(row.what, Program):
        yield from _unusual(row)
    yield from _terms(row)
    yield from outlives(row)
    yield from _needs(row)
    yield from not_signed(row)
    yield "from", " · ".join(_whence(row))
    yield from scripts(row)


# --- what is asked for ---------------------------------------------------------------------------------------------------


def _what(row: Request, screen: int | None) -> Iterator[Labelled]:
    """Yield the lines about the command, the things, or the login. Nothing of them is shortened."""
    match row.what:
        case Things(names=names):
            for thing in names:
                yield "thing", thing
                yield from (("lets them", sentence) for sentence in lets(row, thing))
            if row.brought:
                yield "for key", row.brought
        case Login():
            yield "LOGIN", f"a session in which any command of {row.run_as} may be run"
        case Edit() | Edits() | NewFile() | Removal() as file:
            yield from written(row, file)
        case Program() | Doubted() if row.narrowed:
            yield "runs", command_of(row)
        case Program() | Doubted() as what:
            label = "typed" if isinstance(what, Doubted) else "runs"
            yield from _numbered(label, command_without_scripts(row) or UNKNOWN, screen)
            for at, argument in enumerate(row.argv):
                yield from script(at, argument)


def _numbered(label: str, text: str, screen: int | None) -> Iterator[Labelled]:
    """Yield ``text`` with ``label``. If the text does not fit on one line of the terminal, the labels number its lines."""
    pieces = [text] if screen is None else wrapped(printable(text), max(LEAST, screen - COLUMN), whole_words=True)
    for number, piece in enumerate(pieces, 1):
        yield (f"{label if number == 1 else '':<5}{number:>3}" if len(pieces) > 1 else label), piece


def _reason(row: Request) -> str:
    if not row.reason:
        return f"{row.account} gives no reason"
    return NOT_SHOWN if row.narrowed else f"{row.account} says: {in_quotes(row.reason)}"


# --- what it gives, and what is wrong with it ----------------------------------------------------------------------------


def _dangers(row: Request) -> Iterator[Labelled]:
    found, what = list(findings(row)), row.what
    if isinstance(what, Doubted) and not any(what.because in text for _, text in found):
        yield "DOUBT", f"{what.because}: take it for root"
    yield from found
    yield from glass_in_short(row)
    yield from users(row)
    for label, text in without_ticket(row):
        yield ("NO PROOF" if text.startswith("NONE") else label), text.removeprefix("NONE: ")
    yield from (("NO PROOF" if label == "no proof" else "ticket", text) for label, text in flaws(row.authentication))
    if row.gone:
        yield "GONE", f"{row.account}'s jitsudo has gone away: nothing runs until {row.account} comes back with --resume"
    for id in row.alike:
        yield "alike", f"{id} asks for the same and waits too"
    if row.lock:
        yield "locked", f"by lock {row.lock}"
    if row.narrowed:
        yield "hidden", "its rule does not show you the reason, the arguments and what follows from them"


# --- what is not as usual ------------------------------------------------------------------------------------------------


def _unusual(row: Request) -> Iterator[Labelled]:
    """Yield the lines about a known command that are not as usual: its file, what else binds it or does not, and its streams."""
    name, path = next(iter(row.argv), ""), row.path
    is_unread = "" if row.digest or row.mine or row.own else "its content is not bound: no rule let it be read"
    if path not in (name, USUAL_DIRECTORY + name) or is_unread:
        yield "file", ": ".join(filter(None, (quoted(path), is_unread)))
    for one in row.interpreters:
        loose = "" if one.digest else ", NOT BOUND: it can still be changed"
        yield "run by", f"{quoted(one.path)}: {one.because}{loose}"
    yield from _operands(row)
    if is_anothers(row):
        yield "held by", f"{row.service} alone: jitd cannot check that this is still what it runs"
        if row.writable:
            yield "", f"{row.service} opens the file by name: its content is not bound, nor what executes it"
    for option in row.options:
        yield "option", f"{option} of {row.service}, which changes what is run"
    for name, value in row.variables:
        yield "variable", NOT_SHOWN if row.narrowed else f"{name}={quoted(value)}"
    if not is_anothers(row):
        yield from _streams(row)


def _operands(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the files that arguments name, except those whose text is on the page. Of a harmless command, an
    operand that is not bound is only named: it is data, and a warning on each page of ``du /var`` would teach nobody to read it.
    """
    loose = []
    texts = {(one.argument, one.path): one for one in row.scripts}
    for one in row.operands:
        text = texts.get((one.argument, one.path))
        if text and text.text:
            continue
        name = f"argument {one.argument}, {quoted(one.path)}"
        if not one.digest and row.grade == Grade.HARMLESS.word:
            loose.append(name)
            continue
        unseen = f"NOT SHOWN: {text.told or 'jitd does not say why'}" if text else ""
        because = one.because
        bound = "bound until the command starts" if one.digest else "NOT BOUND: it may be another file by then"
        if because.startswith("not bound: ") or because.endswith(" is not bound"):  # said once; a path stands at neither end
            bound = ""
        yield "names", " · ".join(filter(None, (f"{name}: {because}", unseen, bound)))
    if loose:
        yield "names", f"{' and '.join(loose)}: not bound"


def _streams(row: Request) -> Iterator[Labelled]:
    kinds, told = row.streams, [SEEN.get(kind, kind) for kind in row.streams]
    if len(kinds) != len(STREAMS):
        yield "streams", "not known before the run"
    elif len(set(kinds)) == 1:
        if kinds[0] != "terminal":
            yield "streams", f"input, output and errors: {told[0]}"
    else:
        named = zip(("input", "output", "errors"), told, strict=True)
        yield "streams", " · ".join(f"{name}: {text}" for name, text in named if text != SEEN["terminal"])


# --- on what terms, and whose word is needed -----------------------------------------------------------------------------


def how_often(row: Request) -> str:
    """Return how often and for how long the request asks to run the command, or to have the thing."""
    gets = row.gets
    lasts_for, uses = (gets.lasts_for, gets.uses) if gets else (None, None)
    time = within(lasts_for if row.lasts_for is None else row.lasts_for)
    if row.gives:
        return f"for at most {time}"
    if row.lasts_for is None and row.uses is None:
        return "once"
    return f"{in_uses(uses if row.uses is None else row.uses, 'use' if is_anothers(row) else 'run')} within {time}"


def _terms(row: Request) -> Iterator[Labelled]:
    parts = [how_often(row) + begins_and_extends(row)]
    terms, what = row.terms, row.what
    if isinstance(what, Things):
        ends = "when the time is over" if row.stays else "when their command ends, or the time is over"
        parts.append(f"taken back {ends}")
    elif terms and isinstance(what, Login):
        ends = "is ended" if terms.session == "end" else "GOES ON"
        parts.append(f"when the time of its grant is over, the session {ends}")
    elif terms:
        parts += _terms_of_a_run(row, terms)
    parts += in_other_words(row)
    if not row.waits:
        parts.append(f"{row.account} does not wait, and comes back for it")
    yield "terms", " · ".join(parts)


def _terms_of_a_run(row: Request, terms: Terms) -> Iterator[str]:
    by = row.service
    if is_anothers(row):
        yield "NOT recorded by jitd"
        if terms.options:
            yield f"ALL options of {by} are allowed"
    else:
        if row.writes is None:  # nothing runs at the terminal
            yield recorded_in_short(terms, row.streams)
        if terms.observed:
            yield "runs only while an approver watches"
        if terms.timeout_for is not None and terms.timeout_for != row.timeout_for:
            yield f"ends after {in_words(terms.timeout_for)}"
        if terms.leftovers == "keep":
            yield "what it leaves behind STAYS"
        if terms.namespace == "always":
            yield "runs in a pid namespace of its own"
        if terms.namespace == "never" and row.run_as != "root":
            yield "what a user manager moves away MAY LIVE"
    if terms.bound:
        yield "files that others may change must be bound"
    if terms.writable:
        yield "files that OTHERS MAY CHANGE are allowed"


def _needs(row: Request) -> Iterator[Labelled]:
    is_viewers = row.awaits_me and not (row.lacks or row.barred or row.mine)
    parts = [
        f"{asks(row)}{': you' if is_viewers else ''}{present(row)}",
        *([f"still {still_needed(row)}"] if row.reviews else []),
    ]
    yield "needs", " · ".join([*parts, f"rule {row.rule or 'none decided yet'}"])
    for _, other in others_asked(row):
        yield "", other
    for review in row.reviews:
        yield "so far", review_in_words(review, row.realm)
    if row.mine:
        yield "you", "asked for this yourself: somebody else has to review it"
    elif row.barred:
        yield "you", row.barred
    elif row.lacks:
        yield "you", f"may only deny it: its rule {row.lacks}"


def _whence(row: Request) -> Iterator[str]:
    point = row.point
    if point:
        by = f", {point.authenticated}" if point.authenticated else ""
        yield f"{point.remote_host or 'this host'}{by}"
    yield from (ORIGINS.get(value, f"a login from {value}") for name, value in row.facts if name == "fact.origin")
    if isinstance(row.what, Program):
        yield f"in {directory(row)}"
    if (said := age_in_short(row.authentication)) and not row.proved:
        yield said
    if row.requester == "root":
        yield "local root"
    yield from (f"{name} {quoted(value)}" for name, value in row.facts if name != "fact.origin")
