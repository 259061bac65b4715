# SPDX-License-Identifier: Apache-2.0
"""Finds settings of sshd_config that bypass a gate of sshd. Law: if the same setting occurs several times, the first value is
used, as in sshd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from jitd.hosts.findings import Linted, Place, bad, unknown, weak
from jitd.hosts.stack import Source
from jitd.hosts.starting import Start

DEEPEST = 16  # maximum depth of Include that sshd follows
MOST = 1000  # files that are read. A few that include each other could lead to millions
WORD = re.compile(r"[ \t]*+(?:\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|((?:\\.|[^\s\"'])+))")
KEYWORD = re.compile(r"[ \t\r\f]*(?P<q>\"?)([A-Za-z]\w*)(?P=q)(?:[ \t\r]*=[ \t\r]*|[ \t\r]+|$)")
NOTHING = re.compile(r"[ \t\r\f]*(?:#|$)")

Look = Callable[[str], Sequence[Source]]
"""Maps the pattern after ``Include`` to the files that match the pattern, in order. Raises OSError if one of the files cannot be
read.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line. If the line is in a Match block, ``match`` is the text after the word Match. Otherwise ``match`` is empty."""

    place: Place
    keyword: str
    values: tuple[str, ...]
    match: str

    @property
    def value(self) -> str:
        """The first value of the setting, in lower case."""
        return self.values[0].lower() if self.values else ""


@dataclass(slots=True)
class SshdConfig:
    """All settings, in the order in which sshd reads them."""

    settings: list[Setting] = field(default_factory=list)
    faults: list[Linted] = field(default_factory=list)
    n_files: int = 0

    def first(self, keyword: str) -> Setting | None:
        """Return the setting of ``keyword`` that is used outside of Match blocks. Return None if ``keyword`` is not set."""
        return next((setting for setting in self.settings if setting.keyword == keyword and not setting.match), None)


def read(source: Source | None, look: Look, start: Start | None = None) -> SshdConfig:
    """Return the settings of sshd's command line, followed by the settings in ``source`` and in all files that ``source``
    includes.
    """
    found = SshdConfig()
    if start:
        for option in start.options:
            line = option.replace("\n", " ").encode("utf-8", "surrogateescape")
            _take_in(found, Source(start.place.file, line), look, (), "")
        found.settings = [replace(setting, place=start.place) for setting in found.settings]
    if source:
        _take_in(found, source, look, (source.file,), "")
    return found


def _words(text: str) -> tuple[str, ...]:
    words: list[str] = []
    at = 0
    while found := WORD.match(text, at):
        at = found.end()
        word = next(part for part in found.groups() if part is not None)
        if found[3] is not None and word.startswith("#"):
            break
        words.append(word)
    return tuple(words)


def _take_in(found: SshdConfig, source: Source, look: Look, within: tuple[str, ...], match: str) -> None:
    found.n_files += 1
    for number, line in enumerate(source.data.decode("utf-8", "surrogateescape").split("\n"), 1):
        keyword = KEYWORD.match(line)
        place = Place(source.file, number)
        if keyword is None:
            if not NOTHING.match(line):
                told = f"this cannot be read, and was not judged: {line.strip()[:60]}"
                found.faults.append(unknown("senseless-setting", place, told, "correct it; see sshd_config(5), and sshd -T"))
            continue
        name, values = keyword[2].lower(), _words(line[keyword.end() :])
        if name == "match":
            match = " ".join(values)
            if match.lower() == "all":
                match = ""
        elif name == "include":
            for pattern in values:
                try:
                    sources = look(pattern)
                except OSError as fault:
                    told = f"what it includes cannot be judged: {fault}"
                    found.faults.append(unknown("unreadable", place, told, "run pam-lint as root"))
                    continue
                for included in sources:
                    if included.file in within or len(within) > DEEPEST:
                        told = f"the line includes {included.file}, which leads back to this line: sshd does not start"
                        found.faults.append(bad("include-loop", place, told, "take one of the includes out"))
                    elif found.n_files < MOST:
                        _take_in(found, included, look, (*within, included.file), match)
                    else:
                        told = f"more than {MOST} files: {included.file} and what follows were not judged"
                        found.faults.append(unknown("too-involved", place, told, "put them together"))
                        break
        else:
            found.settings.append(Setting(place, name, values, match))


def judge(config: SshdConfig, is_closed: Callable[[str], bool], file: str) -> Iterator[Linted]:
    """Yield findings about settings that bypass or weaken a gate of sshd. ``is_closed(service)`` returns True if the gate is
    effective in the PAM stack of ``service``. With PAMServiceName, sshd can use the PAM stack of another service.
    """
    yield from config.faults
    pam = config.first("usepam")
    if pam is None or pam.value != "yes":
        told = "sshd does not ask PAM at all" if pam else "sshd does not ask PAM at all if UsePAM is not set"
        yield bad(
            "no-pam",
            pam.place if pam else Place(file),
            f"{told}: everybody gets in and jitd is not asked",
            "write UsePAM yes; take it out of the options by which sshd is started",
            "sshd",
        )
    service = config.first("pamservicename")
    if service and service.values and service.values[0] != "sshd" and not is_closed(service.values[0]):
        told = f"sshd asks the stack of {service.values[0]}, not that of sshd, and in {service.values[0]} no gate holds"
        yield bad("other-service", service.place, told, f"take it out, or gate {service.values[0]} too", "sshd")
    environment = config.first("permituserenvironment")
    if environment and environment.value != "no":
        told = "people can set variables of their login in a file, for example LD_PRELOAD: a program may do what nobody approved"
        yield weak("user-environment", environment.place, told, "write PermitUserEnvironment no", "sshd")
    cleanup = config.first("gssapicleanupcredentials")
    if cleanup and cleanup.value == "no":
        told = "tickets that were forwarded with a login stay after the logout, and others can ask in the ticket owner's name"
        yield weak("tickets-stay", cleanup.place, told, "write GSSAPICleanupCredentials yes", "sshd")
    grace = config.first("logingracetime")
    if grace and grace.value and not grace.value.strip("0smhdw"):
        told = "a login that hangs before it is let in never ends, and counts against MaxStartups"
        yield weak("no-grace-time", grace.place, told, "write LoginGraceTime 120", "sshd")
    for setting in config.settings:
        if setting.keyword == "maxsessions" and setting.value.isdecimal() and int(setting.value) > 1:
            told = "one connection can have many sessions (ControlMaster), and the gate is asked only for the first"
            yield weak(
                "sessions-share-a-gate",
                setting.place,
                told,
                "write MaxSessions 1 if the gate has to be asked for each session",
                "sshd",
            )
