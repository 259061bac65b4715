# SPDX-License-Identifier: Apache-2.0
"""What an approver reads before the question: all that a decision needs, in about fifteen lines. ``page`` has everything.

Law: nothing that runs is shortened or left out: what was typed, the file, the account, the directory, each variable, each file
that an argument names and others can change. What is left out is what is as usual. What the requester says is marked as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jitd.cli.answer import Row, command_line, printable, quoted, words
from jitd.cli.assent import gives_root_shell
from jitd.cli.authenticated import in_short
from jitd.cli.columns import cells, folded
from jitd.cli.instants import in_words, left, seconds_since, span

LABEL = 14
"""The width of the column of labels, in cells."""
_SEEN = {"pipe": "a pipe", "file": "a file", "socket": "a socket", "device": "a device"}
_STREAMS = ("standard input", "standard output", "standard error")

Line = tuple[str, str]
"""A label and its text; a line without a label stands at the edge."""


def brief(row: Row, screen: int | None, place: str = "") -> list[str]:
    """Return the lines that an approver reads of ``row``. ``screen`` is the terminal's width in cells; with None nothing is
    folded. ``place`` says where the request stands among others.
    """
    lines: list[str] = []
    for label, text in (("", _head(row, place)), *_deed(row), *_loose(row), *_around(row)):
        start = f"  {printable(label)}" if label else ""
        start += " " * max(1, LABEL - cells(start)) if label else ""
        text = printable(text)
        pieces = [text] if screen is None else folded(text, max(20, screen - max(LABEL, cells(start)) * bool(label)))
        lines.append(start + pieces[0])
        lines += [" " * LABEL + piece for piece in pieces[1:]]
    return lines


def _head(row: Row, place: str) -> str:
    since = seconds_since(row.get("submitted_at"))
    asked = "" if since is None else f", asked {span(since)} ago"
    ends = f", {left(row['expires_at'])} left" if row.get("expires_at") else ""
    return f"{place}request {words(row, 'id')}{asked}{ends}"


def _deed(row: Row) -> Iterator[Line]:
    """Yield who asks for what, as whom and where, in one sentence, and the command whole."""
    who, host = words(row, "account"), words(row, "host")
    by = "" if words(row, "service") == "jitsudo" else f" by {words(row, 'service')}"
    argv = _list(row, "argv")
    if row.get("gives"):
        yield "", f"{who} asks to be given, on {host}{by}:"
        yield "thing", words(row, "gives")
        yield "taken back", "when its time is over" if row.get("stays") else "when their command ends, or its time is over"
    elif row.get("doubt"):
        yield "", f"{who} asks to run on {host}{by}, nobody knows for certain what; take it for root:"
        yield "typed", command_line(argv)
        yield "IN DOUBT", words(row, "doubt")
    elif not row.get("path"):
        yield "", f"{who} asks to log in as {words(row, 'run_as')} on {host}{by}:"
        yield "login", "a session in which any command of that account may be run"
    else:
        group = words(row, "run_as_group")
        in_group = "" if group in (words(row, "run_as"), "-") else f", group {group},"
        yield "", f"{who} asks to run as {words(row, 'run_as')}{in_group} on {host}{by}:"
        yield "command", command_line(argv)
        yield "file", quoted(words(row, "path"))
        yield "in", quoted(words(row, "cwd"))
    if gives_root_shell(row):
        yield "GIVES", "A ROOT SHELL, or a way to one: all that root may do"
    for option in _list(row, "options"):
        yield "OPTION", f"{option} of {words(row, 'service')}, which changes what is run"
    for pair in _list(row, "variables"):
        if isinstance(pair, list) and len(pair) == 2:
            yield "variable", f"{pair[0]}={quoted(str(pair[1]))}"
    yield from _times(row)


def _times(row: Row) -> Iterator[Line]:
    lasts_for, uses = row.get("lasts_for"), row.get("uses")
    if isinstance(lasts_for, int) and not row.get("gives"):
        how_often = f"{uses} times" if isinstance(uses, int) else "as often as the rule allows"
        yield "A LEASE", f"{how_often}, for {in_words(lasts_for)}"
    elif isinstance(lasts_for, int):
        yield "for", f"at most {in_words(lasts_for)}"
    elif isinstance(uses, int) and uses > 1:
        yield "A LEASE", f"{uses} times, within the time that the rule gives"


def _loose(row: Row) -> Iterator[Line]:
    """Yield what is not as usual: what is not bound, what others can change, what is not recorded."""
    for operand in _list(row, "operands"):
        if isinstance(operand, dict):
            bound = "bound to its content" if operand.get("digest") else "NOT BOUND: it may be another file when it is opened"
            yield "names", f"{quoted(words(operand, 'path'))}: {words(operand, 'because')}; {bound}"
    is_anothers = words(row, "service") != "jitsudo"
    if row.get("path") and not row.get("gives"):
        if not row.get("digest"):
            yield "NOT READ", "no rule let the file be read, so its content is not bound"
        if is_anothers:
            yield "NOT HELD", f"by jitd: {words(row, 'service')} runs it, with the files as they are then"
    kinds = zip(_STREAMS, (str(kind) for kind in _list(row, "streams")), strict=False)
    if unseen := ", ".join(f"{name} is {_SEEN[kind]}" for name, kind in kinds if kind in _SEEN):
        yield "not seen", unseen
    terms = row.get("terms")
    if not isinstance(terms, dict) or row.get("gives") or is_anothers:
        return
    limit = terms.get("timeout_for")
    recorded = {"none": "NOT recorded", "terminal": "its terminal is recorded", "output": "all that it writes is recorded"}
    ends = f"ended after {in_words(limit)}" if isinstance(limit, int) else "no time limit but its grant's"
    stays = "; what it leaves behind STAYS" if terms.get("leftovers") == "keep" else ""
    others = "; files that OTHERS MAY CHANGE are allowed" if terms.get("writable") else ""
    yield "terms", f"{recorded.get(words(terms, 'record'), 'all is recorded')}; {ends}{stays}{others}"


def _around(row: Row) -> Iterator[Line]:
    """Yield who asks, why, what is owed, and the fingerprint."""
    point = row.get("point")
    came = f", from {words(point, 'remote_host', 'this host')}" if isinstance(point, dict) else ""
    yield "requester", f"{words(row, 'requester')}{in_short(row.get('authentication'))}{came}"
    if not row.get("ticket_ends_at") and words(row, "requester") != "root":
        yield "NO TICKET", f"{words(row, 'service')} says who it is, without a Kerberos proof"
    reason = row.get("reason")
    yield "they say", "no reason" if reason is None else f'"{reason}" (nobody has checked this)'
    said = [
        f"{'approved' if review.get('verdict') == 'approve' else 'denied'} by {words(review, 'by')}"
        for review in _list(row, "reviews")
        if isinstance(review, dict)
    ]
    owed = words(row, "owes", f"{words(row, 'owed')} by rule {words(row, 'rule')}")
    yield "still owed", "; ".join([owed, *said])
    if row.get("lacks"):
        yield "you", f"may only deny it: its rule {words(row, 'lacks')}"
    yield "fingerprint", words(row, "fingerprint")


def _list(row: Row, name: str) -> list[Any]:
    value = row.get(name)
    return value if isinstance(value, list) else []
