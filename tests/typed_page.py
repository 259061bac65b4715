# SPDX-License-Identifier: Apache-2.0
"""A page of docs/ that is played: its lines are typed by people at terminals of their own, and what comes is compared.

A block ``toml PATH`` or ``sh PATH`` is a file that root writes; with ``>>PATH``, lines that root adds to it. In a block
``console``, a line that begins with ``alice$`` or ``root#`` is typed by them. ``[a]`` is a key that is pressed, ``[some words]``
are words and Enter. Each other line is what comes next at that terminal, and ``…`` stands for any lines. A block
``console alice`` goes on at her terminal.
Law: what is typed is what stands there, but for ids; what comes may differ in ids, numbers, digests, and the width of columns.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).parents[1]
sys.path.append(str(TREE / "contrib/lab"))

from terminals import NotAsTold, Terminal  # noqa: E402

from tests.news import without_news  # noqa: E402

BLOCK = re.compile(r"^```(toml|sh|console)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"([a-z]+)[$#] (.*)")
PRESSED = re.compile(r"\[(.+)\]")
ID = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b")
ANY = "…"
KEYS = "a approve · d deny"
FINDS = ("jitd doctor", "jitd status")
"""What ends with 1 where it finds something, as on a host of tests."""
NOTICE = "Message from jitd:"
PASSING = re.compile(r"jitsudo: waiting ")
"""What stands there for a moment: a page need not have it."""


@dataclass
class Page:
    """The terminals of the people of one page, and which request has which id on the page."""

    ids: dict[str, str] = field(default_factory=dict)
    terminals: dict[str, Terminal] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def play(self, text: str) -> None:
        """The blocks of ``text``. Raises NotAsTold."""
        for kind, where, block in BLOCK.findall(text):
            if kind != "console":
                self._is_well()  # it may have made the directory
                self._write(where, block)
            else:
                self._type(where, block.splitlines())
        self._is_well()

    def leave(self) -> None:
        for terminal in self.terminals.values():
            terminal.leave()

    @staticmethod
    def _write(where: str, block: str) -> None:
        path = Path(where.removeprefix(">>"))
        before = path.read_text() if where.startswith(">>") else ""
        path.write_text(f"{before}\n{block}" if before else block)

    def _type(self, person: str, lines: list[str]) -> None:
        may_skip = False
        for line in lines:
            typed, pressed = TYPED.fullmatch(line), PRESSED.fullmatch(line)
            if typed:
                person = typed[1]
                self._is_well()
                self._at_prompt(person).type(self._with_ids(typed[2]))
                self._seen[person] = max(self.terminals[person].typed) + 1
            elif pressed and len(pressed[1]) == 1:
                self.terminals[person].wait_for(KEYS)
                self.terminals[person].press(pressed[1])
            elif pressed:
                self.terminals[person].type(pressed[1])
            elif line and line != ANY:
                self._expect(person, line, may_skip=may_skip)
            may_skip = line == ANY or (may_skip and pressed is not None)

    def _is_well(self) -> None:
        """What root has typed has ended, with 0: nobody asks a daemon that is being restarted, which may take longer than
        a client waits."""
        root = self.terminals.get("root")
        if root is not None and root.status() and not root.lines[max(root.typed)].endswith(FINDS):
            raise NotAsTold(f"this ended with {root.status()}:\n" + "\n".join(root.lines[max(root.typed) :]))

    def _at_prompt(self, person: str) -> Terminal:
        """Their terminal, once it has a prompt. A notice has none below it: they press Enter for one."""
        if person not in self.terminals:
            self.terminals[person] = Terminal(person, columns=160, rows=40)
        terminal, begin = self.terminals[person], self._seen.get(person, 0)
        terminal.wait_until(lambda: terminal.is_at_prompt() or NOTICE in terminal.lines[begin:], "a prompt")
        if not terminal.is_at_prompt():
            terminal.type("")
            terminal.wait_for_prompt()
        return terminal

    def _expect(self, person: str, line: str, *, may_skip: bool) -> None:
        terminal, begin = self.terminals[person], self._seen[person]
        pattern = re.compile(self._pattern(line))
        terminal.wait_until(lambda: any(pattern.fullmatch(one) for one in terminal.lines[begin:]), f"{line!r}")
        for number, one in enumerate(terminal.lines[begin:], begin):
            found = pattern.fullmatch(one)
            if found:
                self.ids.update(zip(ID.findall(line), ID.findall(one), strict=True))
                self._seen[person] = number + 1
                return
            if without_news(f"{one}\n").strip() and not may_skip and not PASSING.match(one):
                raise NotAsTold(f"{person} reads {one!r} before {line!r}:\n" + "\n".join(terminal.lines[begin:]))

    def _with_ids(self, line: str) -> str:
        return ID.sub(lambda found: self.ids[found[0]], line)

    def _pattern(self, line: str) -> str:
        return "".join(self._parts(line))

    def _parts(self, line: str) -> Iterator[str]:
        """A pattern of what may stand for each part of a line."""
        for part in re.split(rf"({ID.pattern}|SHA256:\S+|\b[0-9a-f]{{16,}}\b|\d+ (?:s|min|h)\b|\d+| +)", line):
            if ID.fullmatch(part):
                yield re.escape(self.ids[part]) if part in self.ids else ID.pattern
            elif part.startswith("SHA256:"):
                yield r"SHA256:\S+"
            elif re.fullmatch(r"[0-9a-f]{16,}", part):
                yield "[0-9a-f]+"
            elif re.fullmatch(r"\d+ (?:s|min|h)", part):
                yield r"\d+ (?:s|min|h)"
            elif part.isdigit():
                yield r"\d+"
            else:
                yield " +" if part.isspace() else re.escape(part)


def sections(text: str) -> dict[str, str]:
    """The chapters of a page: its second headings, and what stands below each."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
