# SPDX-License-Identifier: Apache-2.0
"""The corpus of graded command lines: reads the files of ``corpus``, and makes of each line a Command and a Look at the
world that the head of the first file describes.
"""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jitd.core.command import Command, RunAs
from jitd.core.grade import Damage, Grade, Seen

FILE = Path(__file__).parent / "corpus" / "commands"
LOSSES = FILE.with_name("losses")
"""Lines that have a second word, for what they destroy or stop."""
NAMES = FILE.with_name("names")
"""Lines of the same form, so that each name of the table has one."""
REQUESTER = "alice"
HOME = "/home/alice"
ACCOUNTS = {
    name: RunAs(name, uid, name, uid)
    for name, uid in (("root", 0), ("postgres", 114), ("bob", 4002), ("www-data", 33), ("jenkins", 115), ("nobody", 65534))
}
_MOST_LINKS = 8


@dataclass(frozen=True)
class Line:
    """A graded command line. ``text`` is the line without its grades. ``is_ordinary``: administrators type it daily. ``damage``
    is None if nobody has graded what the line destroys. ``is_missed``: jitd does not say yet what the readers said.
    """

    grade: Grade
    damage: Damage | None
    text: str
    is_ordinary: bool
    words: tuple[str, ...]
    run_as: RunAs
    cwd: str
    has_terminal: bool
    variables: tuple[tuple[str, str], ...]
    is_missed: bool = False


@dataclass
class World:
    """What the lines that begin with ``@`` say about the files of the host."""

    hers: list[str] = field(default_factory=list)
    bobs: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    sbin: set[str] = field(default_factory=set)

    def put(self, text: str) -> None:
        """Take one fact, such as ``link /home/alice/tool -> /bin/sh``."""
        kind, *rest = text.split()
        match kind:
            case "hers":
                self.hers += rest
            case "bobs":
                self.bobs += rest
            case "unseen":
                self.unseen += rest
            case "link":
                self.links[rest[0]] = rest[2]
            case "directory":
                self.directories.update(rest)
            case "file":
                self.files.update(rest)
            case "sbin":
                self.sbin.update(rest)
            case _:
                raise ValueError(f"no such fact: {text}")


def _read(text: str, section: str, *, has_damage: bool) -> Line:
    word, rest = text.split(maxsplit=1)
    damage = None
    if has_damage:
        second, rest = rest.split(maxsplit=1)
        damage = Damage[second.upper()]
    text = rest
    run_as, cwd, has_terminal, variables = ACCOUNTS["root"], HOME, True, []
    while rest.startswith("["):
        mark, rest = rest[1:].split("] ", 1)
        kind, _, value = mark.partition(" ")
        match kind:
            case "as":
                run_as = ACCOUNTS[value]
            case "in":
                cwd = value
            case "env":
                name, _, content = value.partition("=")
                variables.append((name, content))
            case "no" if value == "terminal":
                has_terminal = False
            case _:
                raise ValueError(f"no such mark: {mark}")
    return Line(
        Grade[word.upper()],
        damage,
        text,
        "ordinary: " in section,
        tuple(shlex.split(rest)),
        run_as,
        cwd,
        has_terminal,
        tuple(variables),
        section.startswith("missed"),
    )


@cache
def corpus() -> tuple[World, tuple[Line, ...]]:
    """Read the files.

    Raises:
        ValueError: a line has no form.
        KeyError: a grade or an account does not exist.
    """
    world, lines, section = World(), [], ""
    for file in (FILE, LOSSES, NAMES):
        for text in file.read_text(encoding="utf-8").splitlines():
            if text.startswith("@ "):
                world.put(text[2:])
            elif text.startswith("## "):
                section = text.removeprefix("## ")
            elif text and not text.startswith("#"):
                lines.append(_read(text, section, has_damage=file != FILE))
    return world, tuple(lines)


def command_of(line: Line) -> Command:
    """Return the Command that jitd would make of ``line``."""
    world, _ = corpus()
    program = line.words[0]
    if "/" not in program:
        path = f"{'/usr/sbin' if program in world.sbin else '/usr/bin'}/{program}"
    else:
        path = posixpath.normpath(posixpath.join(line.cwd, program))
    streams = ("terminal",) * 3 if line.has_terminal else ("null", "pipe", "pipe")
    return Command(
        tuple(word.encode() for word in line.words),
        path.encode(),
        b"",
        line.run_as,
        line.cwd.encode(),
        1,
        2,
        tuple((name.encode(), value.encode()) for name, value in line.variables),
        ((b"TERM", b"xterm"),),
        streams,
    )


def _under(path: str, places: list[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


class Looker:
    """Looks at the files of the world as alice can see them. ``asked`` collects the paths that were looked at."""

    def __init__(self, line: Line) -> None:
        self.asked: list[str] = []
        self._world, _ = corpus()
        self._line = line
        self._text = "\n".join((*line.words, *(value for _, value in line.variables)))
        self._listed = {*self._world.files, *self._world.directories, *self._world.links}

    def _real(self, path: str) -> tuple[str, bool]:
        """Return where ``path`` leads, and whether alice can change a link on the way."""
        is_hers, followed = False, 0
        parts, at = path.split("/")[::-1], "/"
        while parts:
            part = parts.pop()
            at = posixpath.normpath(posixpath.join(at, part))
            target = self._world.links.get(at)
            if target is not None and followed < _MOST_LINKS:
                is_hers = is_hers or _under(at, self._world.hers)
                followed += 1
                parts += target.split("/")[::-1]
                at = "/"
        return at, is_hers

    def _exists(self, path: str) -> bool:
        if posixpath.basename(path).startswith("new"):
            return False
        if not _under(path, self._world.hers):
            return True
        return path in self._text or any(listed == path or listed.startswith(f"{path}/") for listed in self._listed)

    def __call__(self, path: str) -> Seen | None:
        assert path.startswith("/"), f"only absolute paths are looked at, not {path!r}"
        self.asked.append(path)
        real, leads_by_hers = self._real(path)
        if any(real.startswith(f"{place}/") for place in self._world.unseen):
            return None
        by_her = leads_by_hers or _under(real, self._world.hers)
        owner = "alice" if _under(real, self._world.hers) else "bob" if _under(real, self._world.bobs) else "root"
        others = "alice, who asks" if by_her else owner if owner not in ("root", self._line.run_as.user) else ""
        is_directory = any(real == there or there.startswith(f"{real}/") for there in self._world.directories)
        if not self._exists(real):
            return Seen(real, is_absent=True, changed_by=others)
        return Seen(real, is_directory=is_directory, owner=owner, changed_by=others)
