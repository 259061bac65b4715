# SPDX-License-Identifier: Apache-2.0
"""Reads the stacks of a service in the same way as libpam. A service's file and all files that it includes become lists of
handlers.
Law: no file is opened here. If libpam does not understand a line, the line becomes a handler that fails, as in libpam.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from jitd.hosts.control import ALL_BAD, TOO_FAR, Table, table
from jitd.hosts.findings import Linted, Place, bad, unknown, weak
from jitd.hosts.lines import CARRIED, CUT, LINES, LOST, words_of

KINDS = ("auth", "account", "password", "session")
DEEPEST = 16  # the depth of includes that libpam refuses. The file of the service has depth 0.
ONLY_SUBSTACKS = frozenset({"1.5"})  # versions of libpam that count only substacks. The others count every kind of include.
MOST = 4000  # handlers of one service that are examined. A few lines of files that include each other can produce millions
DEEPEST_INCLUDE = 100  # maximum depth of includes that is examined. libpam 1.5 continues until it cannot open more files.
SEE = "see pam.conf(5)"
OWN = re.compile(r"(?:(?:/usr)?/lib(?:64)?/(?:[\w-]+-linux-gnu\w*/)?security/)?[^/]*")
"""Matches every spelling of the path of a module in libpam's own directories."""


class Source(NamedTuple):
    """A file that was read: its path and its content."""

    file: str
    data: bytes


Find = Callable[[str], Source | None]  # maps the name after an `include` to the file, or to None if there is no such file


@dataclass(frozen=True, slots=True)
class Handler:
    """One step of a stack. ``control`` is as it is written. ``module`` is empty if the line names none."""

    place: Place
    kind: str
    level: int
    table: Table
    control: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()
    must_fail: bool = False  # true if the line names no usable module. libpam then answers perm_denied.
    is_substack: bool = False  # true if the handler only marks the beginning of a substack
    may_be_missing: bool = False  # true if libpam passes over the line where there is no such module: it begins with "-"

    @property
    def name(self) -> str:
        """The module's name, with its directory unless that is libpam's own: elsewhere, it is another module."""
        return self.module.rpartition("/")[2] if OWN.fullmatch(self.module) else self.module


@dataclass(slots=True)
class Stack:
    """The result of reading one file in the same way as libpam. If ``is_refused`` is true, every call of the service fails."""

    service: str
    file: str
    handlers: dict[str, list[Handler]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    faults: list[Linted] = field(default_factory=list)
    is_refused: bool = False


class _TooMuch(Exception):
    """The number of handlers of a service is above the limit of this module."""


def read(service: str, source: Source, find: Find, libpam: str = "") -> Stack:
    """Return the stack of ``service``, read from ``source`` and from all files that ``source`` includes.

    ``libpam`` is the version of libpam (``jitd.versions``). If it is none of the known versions, the stack is read as each of
    them reads it. The result is then that of the newest, and has a finding if they do not agree.
    """
    stacks = [_read(service, source, find, version) for version in ([libpam] if libpam in LINES else LINES)]
    stack = stacks[-1]
    if any((each.handlers, each.is_refused) != (stack.handlers, stack.is_refused) for each in stacks):
        told = f"which libpam reads this is not known, and {' and '.join(LINES)} read it in different ways"
        mend = (
            "split long lines, take out NULs, put no comment and no blank line after a line that ends with a backslash, and have"
            f" fewer than {DEEPEST} includes within each other"
        )
        stack.faults.append(unknown("libpam-unknown", Place(source.file), told, mend, service))
    return stack


def _read(service: str, source: Source, find: Find, libpam: str) -> Stack:
    reading = _Reading(Stack(service, source.file), find, libpam)
    try:
        is_whole = reading.take_in(source, None, 0)
    except _TooMuch:
        is_whole = False
        told = "it includes too many lines, and was not judged"
        reading.tell(unknown("too-involved", Place(source.file), told, "include less", service))
    reading.stack.is_refused = not is_whole
    return reading.stack


class _Reading:
    def __init__(self, stack: Stack, find: Find, libpam: str) -> None:
        self.stack = stack
        self._lines_of = LINES[libpam]
        self._counts_all = libpam not in ONLY_SUBSTACKS
        self._find = find
        self._open: list[str] = []
        self._tables: list[Table | None] = []  # for each open file, the actions of the last line of it that has a control
        self._n_files = 0
        self._told: set[tuple[Place, str]] = set()

    def fault(self, place: Place, name: str, sentence: str, mend: str) -> None:
        self.tell(bad(name, place, sentence, mend, self.stack.service))

    def tell(self, finding: Linted) -> None:
        if (finding.place, finding.name) not in self._told:
            self._told.add((finding.place, finding.name))
            self.stack.faults.append(finding)

    def _add(self, handler: Handler) -> None:
        self.stack.handlers[handler.kind].append(handler)
        if sum(map(len, self.stack.handlers.values())) > MOST:
            raise _TooMuch

    def _add_control(self, handler: Handler) -> None:
        self._tables[-1] = handler.table
        self._add(handler)

    def take_in(self, source: Source, only: str | None, level: int) -> bool:
        """Add the handlers of a file. Return False if libpam refuses the file."""
        self._n_files += 1
        if self._n_files > MOST or len(self._open) > DEEPEST_INCLUDE:
            raise _TooMuch
        lines = self._lines_of(source.data)
        for number, what in lines.odd:
            self._tell_odd(Place(source.file, number), what)
        self._open.append(source.file)
        self._tables.append(None)
        goes_on = all(self._take_line(Place(source.file, line.number), line.text, only, level) for line in lines.lines)
        self._open.pop()
        self._tables.pop()
        return goes_on and lines.is_whole

    def _tell_odd(self, place: Place, what: str) -> None:
        if what == CUT:
            sentence = "the line is longer than 1022 bytes: libpam reads the rest as another line, even if it is a comment"
            self.fault(place, "line-too-long", sentence, "split it into shorter lines")
        elif what == LOST:
            sentence = "there is a NUL in it: libpam does not see what follows on that line, and what continues it"
            self.fault(place, "nul-in-line", sentence, "take the NUL out")
        elif what == CARRIED:
            sentence = "the last line ends with a backslash: libpam refuses the whole file"
            self.fault(place, "ends-in-backslash", sentence, "take the backslash out")

    def _take_line(self, place: Place, text: bytes, only: str | None, level: int) -> bool:
        words = words_of(text)
        if not words:
            return True
        if any("\udc80" <= letter <= "\udcff" for letter in "".join(words)):
            self.tell(weak("not-utf-8", place, "the line is not UTF-8", "write it in UTF-8", self.stack.service))
        if any("\r" in word for word in words):
            sentence = "the line ends with CR LF, and libpam takes the CR for a part of its last word, such as a module's name"
            self.fault(place, "return-in-line", sentence, f"sed -i 's/\\r$//' {place.file}")
        first, *rest = words
        silent = first.startswith("-")
        kind = first[silent:].lower()
        if kind == "@include":
            return self._include_all(place, rest[0] if rest else "", only, level)
        must_fail = kind not in KINDS
        if must_fail:
            shown = " ".join(words)[:60]
            sentence = f"this line makes no sense: {shown} (libpam takes it for a line of type {only or 'auth'} that fails)"
            self.fault(place, "senseless-line", sentence, f"correct it; {SEE}")
            kind = only or "auth"
        if only not in (None, kind):
            return True
        if not rest:
            if not must_fail:
                self.fault(
                    place, "senseless-line", f"{kind} without a control and a module: libpam fails it", f"correct it; {SEE}"
                )
            self._add_control(Handler(place, kind, level, ALL_BAD, must_fail=True))
            return True
        control, *more = rest
        if control.lower() in ("include", "substack"):
            self._include(place, kind, control.lower(), more[0] if more else "", level)
            return True
        actions, because = table(control)
        if because == TOO_FAR:
            sentence = f"{because}: libpam 1.5 takes it for a smaller number or for an action, and may let people past"
            self.fault(place, "jump-too-far", sentence, f"jump over fewer lines; {SEE}")
        elif because:
            sentence = f"the control makes no sense, so libpam takes every answer, success too, for a denial: {because}"
            self.fault(place, "senseless-control", sentence, f"correct it; {SEE}")
        if not more:
            self.fault(place, "senseless-line", "no module is named: libpam fails it", f"correct it; {SEE}")
        module = more[0] if more else ""
        self._add_control(
            Handler(place, kind, level, actions, control, module, tuple(more[1:]), must_fail or not more, may_be_missing=silent)
        )
        return True

    def _include_all(self, place: Place, name: str, only: str | None, level: int) -> bool:
        """Read Debian's ``@include``. If the file cannot be included, libpam refuses the service. But within another include,
        such a line fails with the control of the line before it in its file, and the file is read on. If there is no line before
        it, libpam uses a control that it has never set, and the answer of libpam is not predictable.
        """
        source = self._included(place, name, level)
        if source is not None and self.take_in(source, only, level):
            return True
        if only is None:
            return False
        table = self._tables[-1]
        fails = "this @include fails within another include: libpam takes"
        mend = "mend the file that it names, or take the line out"
        if table is None:
            sentence = f"{fails} a control that it has never set, and may let people past"
            self.fault(place, "include-without-control", sentence, mend)
        else:
            sentence = f"{fails} the control of the line before it, and may let people past"
            self.fault(place, "include-takes-control", sentence, mend)
        self._add(Handler(place, only, level, ALL_BAD if table is None else table, must_fail=True))
        return True

    def _include(self, place: Place, kind: str, control: str, name: str, level: int) -> None:
        inner = level + (control == "substack")
        if inner > level:
            self._add(Handler(place, kind, level, ALL_BAD, control, name, is_substack=True))
        source = self._included(place, name, inner)
        if source is None or not self.take_in(source, kind, inner):
            self._add_control(Handler(place, kind, level, ALL_BAD, control, name, must_fail=True))

    def _included(self, place: Place, name: str, level: int) -> Source | None:
        if not name:
            self.fault(
                place, "include-missing", "the include names no file: libpam crashes the program", "name a file, or take it out"
            )
            return None
        if (len(self._open) if self._counts_all else level) >= DEEPEST:
            what = "includes" if self._counts_all else "substacks"
            sentence = f"more than {DEEPEST - 1} {what} within each other: libpam fails the line"
            self.fault(place, "include-too-deep", sentence, "nest less")
            return None
        source = self._find(name)
        if source is None:
            sentence = f"the line includes {name}, which cannot be read: libpam fails the line, or for @include the whole service"
            self.fault(place, "include-missing", sentence, f"put {name} into /etc/pam.d, or take the line out")
        elif source.file in self._open:
            sentence = f"the line includes {name}, which leads back here: libpam repeats this until it fails"
            self.fault(place, "include-loop", sentence, "take one of the includes out")
            return None
        return source
