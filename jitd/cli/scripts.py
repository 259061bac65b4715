# SPDX-License-Identifier: Apache-2.0
"""Shows the texts that a command runs or reads as code, with numbered lines, and how they differ from what was approved last.

Law: nothing is shortened without a line that says how much is left out. A difference is computed from exactly the two texts in
the row. If they differ in one byte, at least one line is shown as different. Text of a script never begins in the column of
labels. Every sentence of jitd has a label: a sentence without one would look like the rest of a long line of a script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from jitd.cli.answer import quoted
from jitd.cli.instants import told
from jitd.cli.labels import Line, counted
from jitd.core.grade import Grade
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import Last, Request, Script
from jitpam.wire.shown import shown_argument, shown_of_argument, unshown

UNBOUND = "what this text reads or starts by itself is not bound"
AROUND = 2  # equal lines that are shown before and after a difference
MOST_PAIRS = 100_000  # pairs of equal lines between equal ends. More could take minutes, and are shown as different

_Block = tuple[str, int, int, int, int]


def scripts(row: Request, *, is_whole: bool = False) -> Iterator[Line]:
    """Yield the lines about the texts of the request in ``row``. If ``is_whole`` is False, two kinds of texts are not shown
    whole: of a text that was approved in an earlier version, the differences are shown, and an argument of a command that jitd
    knows as harmless is only named, because it is data, such as a log. A text that is not shown is told beside its operand.
    """
    is_any = False
    named = [] if is_whole or row.in_doubt else [(one.argument, one.path) for one in row.operands]
    for one in row.scripts:
        name = quoted(one.path)
        what = f"argument {one.argument}, {name}" if one.argument else name
        if one.text is None:
            if (one.argument, one.path) not in named:
                yield "script", f"{what}: NOT SHOWN: {one.told or 'jitd does not say why'}"
            continue
        now = _lines(one.text)
        if row.edit:
            yield from _edited(name, one, now, is_whole=is_whole)
            continue
        if one.argument and row.grade == Grade.HARMLESS.word and not is_whole:
            yield "script", f"{what}, {counted(len(now), 'line')} of data"
            continue
        is_any = True
        yield "script", f"{what}, {counted(len(now), 'line')}; {one.bound}"
        if one.before is not None:
            yield from _compared(now, _lines(one.before), one.last, row.realm, is_whole=is_whole)
        else:
            yield from _numbered(now)
    if is_any:
        yield "not bound", UNBOUND


def _edited(name: str, one: Script, now: list[bytes], *, is_whole: bool) -> Iterator[Line]:
    """Yield the lines about the text that a file is to have, and how it differs from the text that it has."""
    yield "text", f"{name}, {counted(len(now), 'line')}; {one.bound}"
    if one.before is None:
        yield "before", f"NOT SHOWN: {one.told or 'the text that it has is not told to who cannot read it'}"
        yield from _numbered(now)
        return
    before = _lines(one.before)
    if before == now:
        yield "changes", "nothing: the file has this text already"
        return
    blocks = _blocks(before, now)
    taken = sum(until - since for kind, since, until, _, _ in blocks if kind != "equal")
    added = sum(end - at for kind, _, _, at, end in blocks if kind != "equal")
    yield "changes", f"{counted(taken, 'line')} taken out (-), {counted(added, 'line')} put in (+):"
    yield from _differences(blocks, before, now, is_whole=is_whole)


def _compared(now: list[bytes], before: list[bytes], last: Last | None, realm: str, *, is_whole: bool) -> Iterator[Line]:
    last = last or Last.read({})
    by = " and ".join(without_realm(name, realm) for name in last.by)
    approved = f"what {by or 'somebody'} approved on {told(last.at)} ({last.id})"
    if now == before:
        yield "compared", f"the same as {approved}"
        yield from _numbered(now) if is_whole else ()
        return
    blocks = _blocks(before, now)
    n_changed = sum(max(until - since, end - at) for kind, since, until, at, end in blocks if kind != "equal")
    yield "compared", f"{counted(n_changed, 'line')} {'differs' if n_changed == 1 else 'differ'} from {approved}:"
    yield from _differences(blocks, before, now, is_whole=is_whole)


def _differences(blocks: list[_Block], before: list[bytes], now: list[bytes], *, is_whole: bool) -> Iterator[Line]:
    for number, (kind, since, until, at, end) in enumerate(blocks):
        if kind != "equal":
            yield from _numbered(before[since:until], since, "-")
            yield from _numbered(now[at:end], at, "+")
            continue
        first = at if number == 0 else min(end, at + AROUND)  # the end of what follows a difference
        second = end if number == len(blocks) - 1 else max(at, end - AROUND)  # the beginning of what precedes one
        if is_whole or second - (first if number else at) <= 1:
            yield from _numbered(now[at:end], at)
            continue
        yield from _numbered(now[at:first], at)
        yield "same", f"lines {first + 1} to {second}"
        yield from _numbered(now[second:end], second)


def _blocks(before: list[bytes], now: list[bytes]) -> list[_Block]:
    """Return how ``before`` becomes ``now``, as ``difflib.SequenceMatcher.get_opcodes`` does."""
    n_first = _n_same(before, now)
    n_last = _n_same(before[n_first:][::-1], now[n_first:][::-1])
    old, new = before[n_first : len(before) - n_last], now[n_first : len(now) - n_last]
    found: list[_Block] = [("equal", 0, n_first, 0, n_first)] if n_first else []
    n_old = Counter(old)
    if sum(n_old[line] for line in new) <= MOST_PAIRS:
        found += [
            (kind, since + n_first, until + n_first, at + n_first, end + n_first)
            for kind, since, until, at, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        ]
    else:
        found.append(("replace", n_first, n_first + len(old), n_first, n_first + len(new)))
    if n_last:
        found.append(("equal", len(before) - n_last, len(before), len(now) - n_last, len(now)))
    return found


def _n_same(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many lines ``one`` and ``other`` have in common at their beginnings."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _numbered(lines: Sequence[bytes], before: int = 0, sign: str = "") -> Iterator[Line]:
    """Yield ``lines`` with their numbers. ``before`` is the number of lines of the text before them."""
    for number, line in enumerate(lines, before + 1):
        text = shown_of_argument(line.removesuffix(b"\n"))
        is_seen = text and not text.endswith(" ") and not text.startswith("'")
        yield f"{sign:1}{number:>5}", text if is_seen else shown_argument(line.removesuffix(b"\n"))
        if not line.endswith(b"\n"):
            yield f"{sign:1}  end", f"line {number} does not end with a newline"


def _lines(text: str) -> list[bytes]:
    """Split ``text`` after each newline, and keep the newlines."""
    try:
        whole = unshown(text)
    except ValueError:  # ``shown`` did not make this text
        whole = text.encode("utf-8", "surrogateescape")
    lines = whole.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
