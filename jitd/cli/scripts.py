# SPDX-License-Identifier: Apache-2.0
"""Shows the texts that a command runs or reads as code, or that an edit writes, with numbered lines, and how they differ from
what was approved last, or from what is there.

Law: nothing is shortened without a line that says how much is left out. A difference is computed from exactly the two texts in
the row, and what is shown of it turns the one into the other. Text of a script never begins in the column of labels. Every
sentence of jitd has a label: a sentence without one would look like the rest of a long line of a script.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from jitd.cli.answer import can_print, quoted
from jitd.cli.instants import told
from jitd.cli.labels import Labelled, counted
from jitd.core.differences import Block, Work, differences
from jitd.core.grade import Grade
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import Doubted, Last, NewFile, Removal, Request, Script
from jitpam.wire.shown import shown_line, shown_of_argument, unshown

UNBOUND = "what this text reads or starts by itself is not bound"
AROUND = 2  # equal lines that are shown before and after a difference
LONG = 200  # characters of a line of which only what differs is shown, if this is less than half of it
BESIDE = 30  # equal characters that are shown before and after it
MOST_PAIRS = 400  # lines before times lines now, among which is looked for those that are alike
TAB, N_TAB = "\N{RIGHTWARDS ARROW}", 8  # what is shown of a tab, which no line has (jitpam.wire.shown), up to the next stop


def scripts(row: Request, *, is_whole: bool = False) -> Iterator[Labelled]:
    """Yield the lines about the texts of the request in ``row``. If ``is_whole`` is False, two kinds of texts are not shown
    whole: of a text that was approved in an earlier version, the differences are shown, and an argument of a command that jitd
    knows as harmless is only named, because it is data, such as a log. A text that is not shown is told beside its operand.

    That lines are the same as before is the word of the host, unless the record has the text of before. So if the reader has keys
    that sign, no such line is left out.
    """
    signs = bool(row.keys)
    is_any = False
    named = [] if is_whole or isinstance(row.what, Doubted) else [(one.argument, one.path) for one in row.operands]
    for one in row.scripts:
        name = quoted(one.path)
        what = f"argument {one.argument}, {name}" if one.argument else name
        if one.text is None:
            if (one.argument, one.path) not in named:
                yield "script", f"{what}: NOT SHOWN: {one.told or 'jitd does not say why'}"
            continue
        now = _lines(one.text)
        if (file := row.writes) is not None:
            if isinstance(file, Removal):
                yield "text", f"{counted(len(now), 'line')}; {one.bound}"
                yield from _numbered(now, sign="-")
                continue
            all_of_it = is_whole or (signs and not one.recorded)
            yield from _written(_label(row, one), one, now, is_new=isinstance(file, NewFile), is_whole=all_of_it)
            continue
        if one.argument and row.grade == Grade.HARMLESS.word and not is_whole:
            yield "script", f"{what}, {counted(len(now), 'line')} of data"
            continue
        is_any = True
        yield "script", f"{what}, {counted(len(now), 'line')}; {one.bound}"
        if one.before is not None:
            yield from _compared(now, _lines(one.before), one.last, row.realm, is_whole=is_whole or signs)
        else:
            yield from _text(now)
    if is_any:
        yield "not bound", UNBOUND


def _label(row: Request, one: Script) -> str:
    """Return the label of a text, with the number of its file if there are several (``what.written``)."""
    paths = row.argv[1:]
    return f"text {paths.index(one.path) + 1}" if len(paths) > 1 and one.path in paths else "text"


def _written(label: str, one: Script, now: list[bytes], *, is_new: bool, is_whole: bool) -> Iterator[Labelled]:
    """Yield the lines about the text that a file is to have, and how it differs from the text that it has, if it is not new."""
    yield label, f"{counted(len(now), 'line')}; {one.bound}"
    if one.before is None and not is_new:
        yield "before", f"NOT SHOWN: {one.told or 'the text that it has is not told to who cannot read it'}"
        yield from _text(now)
        return
    before = [] if is_new or one.before is None else _lines(one.before)
    if before == now:
        yield "changes", f"nothing: {'the new file is empty' if is_new else 'the file has this text already'}"
        yield from _text(now) if is_whole else ()
        return
    before, now, ends = _without_returns(before, now)
    work = Work()
    blocks = differences(before, now, work)
    taken = sum(until - since for same, since, until, _, _ in blocks if not same)
    added = sum(end - at for same, _, _, at, end in blocks if not same)
    if taken or added:
        yield "changes", f"{counted(taken, 'line')} taken out (-), {counted(added, 'line')} put in (+):"
    yield from ends
    yield from _differences(blocks, before, now, None if is_whole else work)


def _compared(now: list[bytes], before: list[bytes], last: Last | None, realm: str, *, is_whole: bool) -> Iterator[Labelled]:
    last = last or Last.read({})
    by = " and ".join(without_realm(name, realm) for name in last.by)
    approved = f"what {by or 'somebody'} approved on {told(last.at)} ({last.id})"
    if now == before:
        yield "compared", f"the same as {approved}"
        yield from _text(now) if is_whole else ()
        return
    before, now, ends = _without_returns(before, now)
    work = Work()
    blocks = differences(before, now, work)
    n_changed = sum(max(until - since, end - at) for same, since, until, at, end in blocks if not same) or len(now)
    yield "compared", f"{counted(n_changed, 'line')} {'differs' if n_changed == 1 else 'differ'} from {approved}:"
    yield from ends
    yield from _differences(blocks, before, now, None if is_whole else work)


def _text(lines: list[bytes]) -> Iterator[Labelled]:
    _, plain, ends = _without_returns([], lines)
    yield from ends
    yield from _numbered(plain)


def _without_returns(before: list[bytes], now: list[bytes]) -> tuple[list[bytes], list[bytes], list[Labelled]]:
    """If each line of a text ends with CR LF, and the other one is not mixed, say this once, and return both without the CR."""
    kinds = [{"CR LF" if line.endswith(b"\r\n") else "LF" for line in lines if line.endswith(b"\n")} for lines in (before, now)]
    if "CR LF" not in kinds[0] | kinds[1] or max(map(len, kinds)) > 1:
        return before, now, []
    was, becomes = (next(iter(kind), "") for kind in kinds)
    told = f"each was {was}, and becomes {becomes}" if was and becomes and was != becomes else "each is CR LF"
    plain = ([re.sub(rb"\r\n\Z", b"\n", line) for line in lines] for lines in (before, now))
    return next(plain), next(plain), [("line ends", told)]


def _differences(blocks: list[Block], before: list[bytes], now: list[bytes], work: Work | None) -> Iterator[Labelled]:
    """Yield what has changed and what is around it. Without ``work``, each line is shown, and whole."""
    for number, (same, since, until, at, end) in enumerate(blocks):
        if not same:
            yield from _replaced(before[since:until], since, now[at:end], at, work)
            continue
        first = at if number == 0 else min(end, at + AROUND)  # the end of what follows a difference
        second = end if number == len(blocks) - 1 else max(at, end - AROUND)  # the beginning of what precedes one
        if work is None or second - (first if number else at) <= 1:
            yield from _numbered(now[at:end], at)
            continue
        yield from _numbered(now[at:first], at)
        yield "same", f"lines {first + 1} to {second}"
        yield from _numbered(now[second:end], second)


def _replaced(old: list[bytes], since: int, new: list[bytes], at: int, work: Work | None) -> Iterator[Labelled]:
    """Yield the lines about ``old``, which ``since`` lines precede, and ``new``, which ``at`` precede."""
    one = other = 0  # what has been shown of both
    blanks: list[int] = []
    for left, right in [*_pairs(old, new), (len(old), len(new))]:
        parts = _parts(old[left], new[right], work) if left < len(old) and work else []
        if left < len(old) and not parts:
            blanks += [since + left + 1] if _is_same_but_for_blanks(old[left], new[right]) else []
            continue
        yield from _numbered(old[one:left], since + one, "-")
        yield from _numbered(new[other:right], at + other, "+")
        yield from (("blanks", f"alone differ in {lines}") for lines in _runs(blanks))
        blanks.clear()
        if parts:
            yield from _within(_characters(old[left]), since + left, _characters(new[right]), at + right, parts)
        one, other = left + 1, right + 1


def _pairs(old: list[bytes], new: list[bytes]) -> Iterator[tuple[int, int]]:
    """Yield places of lines of which one may have become the other."""
    if len(old) == len(new):
        yield from zip(range(len(old)), range(len(new)), strict=True)
    elif len(old) * len(new) <= MOST_PAIRS:
        begin = 0
        for place, line in enumerate(old):
            if found := [n for n in range(begin, len(new)) if _is_alike(line, new[n])][:1]:
                yield place, found[0]
                begin = found[0] + 1


def _is_alike(line: bytes, other: bytes) -> bool:
    if _is_same_but_for_blanks(line, other):
        return True
    n_first = bisect_left(range(1, min(len(line), len(other))), True, key=lambda n: line[:n] != other[:n])
    n_last = bisect_left(range(1, min(len(line), len(other))), True, key=lambda n: line[-n:] != other[-n:])
    return len(line) > LONG and n_first + n_last >= len(line) // 2


def _is_same_but_for_blanks(line: bytes, other: bytes) -> bool:
    return line.split() == other.split() and line[-1:] == other[-1:]


def _parts(line: bytes, other: bytes, work: Work) -> list[tuple[int, int, int, int]]:
    """Return the places of characters in which two lines differ, with what is around them. Return nothing if both lines are shown
    whole: they are short, or most of them differs.
    """
    if max(len(line), len(other)) <= LONG or line[-1:] != other[-1:]:
        return []
    words, now = (re.findall(r"\w+|[^\w]", _characters(text)) for text in (line, other))
    begins, starts = ([0, *accumulate(map(len, some))] for some in (words, now))
    found: list[tuple[int, int, int, int]] = []
    for same, since, until, at, end in differences(words, now, work):
        if same:
            continue
        before, behind = min(BESIDE, begins[since], starts[at]), min(BESIDE, begins[-1] - begins[until], starts[-1] - starts[end])
        first, last, begin, stop = begins[since] - before, begins[until] + behind, starts[at] - before, starts[end] + behind
        if found and (first <= found[-1][1] or begin <= found[-1][3]):
            first, _, begin, _ = found.pop()
        found.append((first, last, begin, stop))
    shown = sum(max(last - first, stop - begin) for first, last, begin, stop in found)
    return found if shown * 2 <= max(begins[-1], starts[-1]) else []


def _within(old: str, since: int, new: str, at: int, parts: list[tuple[int, int, int, int]]) -> Iterator[Labelled]:
    for first, last, begin, stop in parts:
        yield "within", f"line {since + 1}, characters {first + 1} to {last} of {len(old)}:"
        yield _line(old[first:last].encode("utf-8", "surrogateescape"), since + 1, "-")
        yield _line(new[begin:stop].encode("utf-8", "surrogateescape"), at + 1, "+")
    yield "same", f"all else of line {since + 1}"


def _characters(line: bytes) -> str:
    return line.removesuffix(b"\n").decode("utf-8", "surrogateescape")


def _runs(numbers: list[int]) -> Iterator[str]:
    """Yield words for each run of ``numbers``, which rise: ``line 3``, ``lines 5 to 8``."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        first, *more = (number for _, number in run)
        yield f"lines {first} to {more[-1]}" if more else f"line {first}"


def _numbered(lines: Sequence[bytes], before: int = 0, sign: str = "") -> Iterator[Labelled]:
    """Yield ``lines`` with their numbers. ``before`` is the number of lines of the text before them."""
    for number, line in enumerate(lines, before + 1):
        yield _line(line.removesuffix(b"\n"), number, sign)
        if not line.endswith(b"\n"):
            yield f"{sign:1}  end", f"line {number} does not end with a newline"


def _line(line: bytes, number: int, sign: str = "") -> Labelled:
    text, *others = map(shown_of_argument, line.split(b"\t") if can_print(TAB) else (line,))
    for other in others:
        text += TAB.ljust(N_TAB - len(text) % N_TAB) + other
    is_seen = text and not text.endswith(" ") and not text.startswith(("'", "$'"))
    return f"{sign:1}{number:>5}", text if is_seen else shown_line(line)


def _lines(text: str) -> list[bytes]:
    try:
        whole = unshown(text)
    except ValueError:  # ``shown`` did not make this text
        whole = text.encode("utf-8", "surrogateescape")
    lines = whole.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
