# SPDX-License-Identifier: Apache-2.0
"""Finds out how sshd is started. The sources are the command lines in systemd's units, SSHD_OPTS in /etc/default/ssh, and the
command lines of running processes.
Law: an option on the command line overrides all files, as in sshd. If the meaning of a command line is not certain, the field
``doubt`` of the Start says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jitd.hosts.findings import Place
from jitd.hosts.stack import Source

PROGRAMS = ("/usr/sbin/sshd", "/sbin/sshd", "/usr/bin/sshd")  # of this host's own sshd. Others may read other files
WITH_VALUE, ALONE = "CEbcfghkopu", "46DGQRTVdeiqrt"
NO_SERVER = frozenset("tTGV")  # with these options, sshd only checks its settings or prints its version
LISTENER = re.compile(r"\S+: (.*) \[listener\] \d+ of \d+-\d+ startups")
ELSEWHERE = ("rootdirectory", "rootimage", "bindpaths", "bindreadonlypaths", "mountimages", "temporaryfilesystem")
"""If a unit contains one of these settings, the unit's process may see other files than the files of the host."""
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))")
ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=((?:\\.|\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\\\"'\n])*)", re.M | re.S)
PIECE = re.compile(r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'|\\(.)|([^\"'\\]+)", re.S)
WORD = re.compile(r"\s*((?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\\.|[^\s\"'\\])+)", re.S)
SECTION = re.compile(r"\[(\w[\w-]*)\]")
ENTRY = re.compile(r"(\w+)[ \t]*=[ \t]*(.*)", re.S)

Read = Callable[[str], Sequence[Source]]  # pattern → the files that match. Raises OSError if one cannot be read


@dataclass(frozen=True, slots=True)
class Start:
    """One way in which sshd is started. ``options`` are the settings after ``-o``. ``config`` is the file after ``-f``, or empty.
    ``doubt`` says why it is not certain how sshd is started, or is empty. If sshd is running, ``since`` is the time when sshd
    read its settings, in seconds since 1970.
    """

    place: Place
    options: tuple[str, ...] = ()
    config: str = ""
    doubt: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """An sshd of root: its command line, and when it read its settings (``since``), in seconds since 1970."""

    pid: int
    program: str
    words: tuple[str, ...]
    since: float


def by_words(place: Place, words: Sequence[str], *, are_joined: str = "", since: float | None = None) -> Start | None:
    """Return how a command with the arguments ``words`` starts sshd. Return None if a command with these arguments does not start
    a server. If ``are_joined`` is not empty, several of ``words`` may be parts of one argument that was split at its blanks.
    """
    options: list[list[str]] = []
    rest = list(words)
    config: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--" and not rest:
            break
        if not word.startswith("-") or word in ("-", "--"):
            if not are_joined or not options:
                return Start(place, doubt=f"sshd does not know what «{word}» is", since=since)
            options[-1][1] += f" {word}"
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in NO_SERVER:
                return None
            if letter in WITH_VALUE:
                if not letters and not rest:
                    return Start(place, doubt=f"-{letter} is followed by nothing", since=since)
                options.append([letter, letters or rest.pop(0)])
                letters = ""
            elif letter not in ALONE:
                return Start(place, doubt=f"what -{letter} does is not known", since=since)
    config = [value for letter, value in options if letter == "f"]
    doubt = f"-f {config[-1]} is in a directory that is not known" if config and not _is_absolute(config[-1]) else ""
    said = tuple(value for letter, value in options if letter == "o")
    return Start(place, said, config[-1] if config else "", doubt, since)


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or path.lower() == "none"


def running(processes: Sequence[Process]) -> Iterator[Start]:
    """Yield how each listening sshd process was started."""
    for process in processes:
        place = Place(f"/proc/{process.pid}/cmdline")
        titled = LISTENER.fullmatch(process.words[0]) if len(process.words) == 1 else None
        if titled:
            words, joined = titled[1].split(" "), "by blanks"
        elif process.words and process.words[0].rpartition("/")[2] == "sshd":
            words, joined = list(process.words), ""
        else:
            continue  # this sshd serves one connection; the listening sshd has the same words
        start = by_words(place, words[1:], are_joined=joined, since=process.since)
        if start and process.program not in PROGRAMS:
            start = Start(place, start.options, start.config, f"which files {process.program} reads is not known", process.since)
        if start:
            yield start


# --- units ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Unit:
    commands: list[tuple[Place, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    doubt: str = ""


def by_default_file(source: Source) -> Start | None:
    """Return how sshd is started with the options in SSHD_OPTS of a file such as /etc/default/ssh. The variable's value is split
    into words in the same way as by a shell or by systemd.
    """
    value = variables(source).get("SSHD_OPTS", "")
    place = Place(source.file)
    if re.search(r"[$`]", value):
        return Start(place, doubt=f"what SSHD_OPTS is depends on what a shell makes of «{value}»")
    return by_words(place, value.split())


def variables(source: Source) -> dict[str, str]:
    return {found[1]: _plain(found[2].strip()) for found in ASSIGNMENT.finditer(source.data.decode("utf-8", "replace"))}


def _plain(text: str) -> str:
    """Return ``text`` without its quotes."""
    pieces = []
    for found in PIECE.finditer(text):
        double, single, escaped, plain = found.groups()
        if double is not None:
            double = re.sub(r"\\(.)", lambda escape: "" if escape[1] == "\n" else escape[1], double, flags=re.S)
        pieces.append(next(part for part in (double, single, "" if escaped == "\n" else escaped, plain) if part is not None))
    return "".join(pieces)


def by_unit(sources: Sequence[Source], read: Read) -> Iterator[Start]:
    """Yield how a unit starts sshd. ``sources`` are its file and drop-ins, as systemd reads them in order."""
    unit = _Unit()
    for source in sources:
        _take_in(unit, source)
    environment = dict(unit.environment)
    for pattern in unit.files:
        try:
            for source in read(pattern.removeprefix("-")):
                environment |= variables(source)
        except OSError as fault:
            unit.doubt = unit.doubt or f"{pattern.removeprefix('-')} cannot be read: {fault}"
    for place, command in unit.commands:
        start = _by_command(place, command, environment)
        if start:
            yield Start(place, start.options, start.config, start.doubt or unit.doubt)


def _take_in(unit: _Unit, source: Source) -> None:
    section, number = "", 0
    text = source.data.decode("utf-8", "replace").replace("\\\n", " \0")
    for raw in text.split("\n"):
        place = Place(source.file, number + 1)
        number += 1 + raw.count("\0")
        line = raw.replace("\0", " ").strip()
        if begins := SECTION.fullmatch(line):
            section = begins[1]
        entry = ENTRY.match(line)
        if section != "Service" or not entry:
            continue
        name, value = entry[1].lower(), entry[2]
        if name == "execstart":
            unit.commands = [*unit.commands, (place, value)] if value else []
        elif name == "environmentfile":
            unit.files = [*unit.files, value] if value else []
        elif name == "environment":
            pairs = [_plain(word).partition("=") for word in WORD.findall(value)]
            unit.environment = {**unit.environment, **{left: right for left, _, right in pairs}} if value else {}
        elif name in ELSEWHERE and value:
            unit.doubt = f"with {entry[1]}= sshd sees other files than those that were judged"


def _by_command(place: Place, command: str, environment: Mapping[str, str]) -> Start | None:
    typed = WORD.findall(command)
    program = _plain(typed[0]).lstrip("-@:+!") if typed else ""
    if "sshd" not in command:
        return None
    if program not in PROGRAMS:
        if program.rpartition("/")[2].startswith(("sshd-keygen", "ssh-keygen")):
            return None
        return Start(place, doubt=f"how {program} starts sshd is not known")
    words: list[str] = []
    for word in typed[2 if "@" in typed[0].partition("/")[0] else 1 :]:
        alone = re.fullmatch(r"\$(\w+)", word)
        if alone:
            words += [_plain(part) for part in WORD.findall(environment.get(alone[1], ""))]
        else:
            words.append(VARIABLE.sub(lambda found: "$" if found[3] else environment.get(found[1] or found[2], ""), _plain(word)))
    if odd := next((word for word in words if "%" in word.replace("%%", "")), ""):
        return Start(place, doubt=f"how systemd reads «{odd}» is not known")
    return by_words(place, [word.replace("%%", "%") for word in words if word])
