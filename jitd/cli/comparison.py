# SPDX-License-Identifier: Apache-2.0
"""Compares a request with the last approved request of the same person for the same program under the same rule, and says what
is new.

Law: a comparison is always shown together with the whole command. Therefore a comparison may shorten texts. A shortened text
shows how much was removed. Everything is compared that the requester chooses and that the fingerprint covers, except the locale.
If two values cannot be compared, the comparison never says that they are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from jitd.cli.answer import quoted
from jitd.cli.columns import cut_in_the_middle
from jitd.cli.instants import ago
from jitd.cli.labels import Labelled, counted
from jitd.cli.what import SEEN, STREAMS, in_numbers, is_anothers, script_lines
from jitd.core.asked_terms import NUMBERS
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import UNKNOWN, Earlier, Login, Program, Request

MOST_WORDS = 200  # arguments of a command that is compared. With more, it takes long, and nobody would read the result
MOST_TOLD = 2  # differences that are printed. The line with their number comes first.
COMPARED = ("path", "digest", "run_as", "run_as_group", "cwd", "chdir", "variables", "options", "streams", *NUMBERS)
WIDEST = 60  # maximum number of cells for an argument in a comparison


def new(row: Request) -> Iterator[Labelled]:
    """Yield at most three lines on how ``row`` differs from the last approved request. Nothing if the command is uncertain, for
    things, or if the viewer may not see it.
    """
    is_compared = isinstance(row.what, Program | Login)  # the page of an edit compares its texts
    if not is_compared or row.narrowed or not row.tells("last_approved") or not row.may_review:
        return
    last = row.last_approved
    if last is None:
        name = "login" if isinstance(row.what, Login) else (row.path or "it").rpartition("/")[2]
        yield "new", f"first {quoted(name)} to be approved for {row.account}, as far as you can see"
        return
    by = " and ".join(without_realm(name, row.realm) for name in last.by)
    when = f"{last.id}, which {by} approved {ago(last.at)}"
    found = [*_around(row, last), *_arguments(row, last), *_beside(row, last), *_asked(row, last)]
    if not (row.tells(*COMPARED, "operands", "interpreters") and last.tells(*COMPARED)):
        found.append("what one of both does not say cannot be compared")
    if not found:
        yield "new", f"nothing: same command as {when}"
        return
    if len(found) == 1:
        yield "new", f"1 difference from {when}: {found[0]}"
        return
    more = f"; the first {MOST_TOLD}" if len(found) > MOST_TOLD else ""
    yield "new", f"{counted(len(found), 'difference')} from {when}{more}:"
    for difference in found[:MOST_TOLD]:
        yield "", difference


def _around(row: Request, last: Earlier) -> Iterator[str]:
    if row.path != last.path:
        yield f"the file is {_short(row.path or UNKNOWN)}, and was {_short(last.path or UNKNOWN)}"
    elif not row.digest or not last.digest:
        if row.path:
            yield "the content of the file cannot be compared"
    elif row.digest != last.digest:
        yield "the content of the file has changed since"
    for name, what in (("run_as", "the account"), ("run_as_group", "the group"), ("cwd", "the directory")):
        now, before = getattr(row, name), getattr(last, name)
        if now != before:
            yield f"{what} is {_short(now or UNKNOWN)}, and was {_short(before or UNKNOWN)}"


def _beside(row: Request, last: Earlier) -> Iterator[str]:
    if row.chdir != last.chdir:
        yield f"the directory is {'' if row.chdir else 'not '}named and entered as {row.run_as}"
    if row.variables and last.variables is None:
        yield "the variables cannot be compared"
    else:
        yield from _variables(dict(row.variables), dict(last.variables or ()))
    if row.options != last.options:
        now, before = (" ".join(of.options) or "none" for of in (row, last))
        yield f"the options of {row.service} are {_short(now)}, and were {_short(before)}"
    yield from _files(row, last)
    if not is_anothers(row):
        yield from _streams(row.streams, last.streams)


def _variables(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(now.keys() | before.keys()):
        if name not in now:
            yield f"variable {_short(name)} was there, and is not there now"
        elif now[name] != before.get(name):
            was = _short(before[name]) if name in before else "not there"
            yield f"variable {_short(name)} is {_short(now[name])}, and was {was}"


def _files(row: Request, last: Earlier) -> Iterator[str]:
    """Yield a text about each file beside the command's own that others can change, if its content is not the same."""
    before = dict(last.files)
    now = {one.path: one.digest for one in row.operands} | {one.path: one.digest for one in row.interpreters}
    for path in now | before:
        if now.get(path) != before.get(path):
            is_known = now.get(path) and before.get(path)
            yield f"the content of {_short(path)} {'has changed since' if is_known else 'cannot be compared'}"


def _streams(now: Sequence[str], before: Sequence[str]) -> Iterator[str]:
    if len(now) != len(before):
        yield "the streams cannot be compared"
        return
    for name, kind, was in zip(STREAMS, now, before, strict=False):
        if kind != was:
            yield f"{STREAMS[name]} is {SEEN.get(kind, kind)}, and was {SEEN.get(was, was)}"


def _asked(row: Request, last: Earlier) -> Iterator[str]:
    if any(getattr(row, name) != getattr(last, name) for name in NUMBERS):
        noun = "use" if is_anothers(row) else "run"
        yield f"asked for is {in_numbers(row, noun)}, and was {in_numbers(last, noun)}"


def _arguments(row: Request, last: Earlier) -> Iterator[str]:
    if last.argv is None or max(len(row.argv), len(last.argv)) > MOST_WORDS:
        yield "the arguments are too many or too long to be compared"
        return
    for number, word, was in _pairs(row.argv, last.argv):
        lines, lines_before = script_lines(word or ""), script_lines(was or "")
        if min(len(lines), len(lines_before)) > 1 and max(len(lines), len(lines_before)) <= MOST_WORDS:
            for line, text, text_before in _pairs(lines, lines_before):
                yield _told(f"argument {number}, line {line + 1}", text, text_before)
        else:
            yield _told(f"argument {number}", word, was)


def _pairs(now: Sequence[str], before: Sequence[str]) -> Iterator[tuple[int, str | None, str | None]]:
    """Yield where they differ: an index in ``now``, the item there, and the one in ``before``. A missing item is None."""
    for kind, first, last, at, end in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for place, (word, was) in enumerate(zip_longest(now[at:end], before[first:last])):
            yield at + place, word, was


def _told(place: str, now: str | None, before: str | None) -> str:
    if now is None:
        return f"{_short(before or '')} was there, and is not there now"
    return f"{place} is {_short(now)}, and was {'not there' if before is None else _short(before)}"


def _short(text: str) -> str:
    return cut_in_the_middle(quoted(text), WIDEST)
