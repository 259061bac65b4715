# SPDX-License-Identifier: Apache-2.0
"""Finds settings of sudoers that bypass a gate. Law: rules are not judged. A setting of ``Defaults`` may be bound to some users,
hosts, commands or targets. Such a setting is reported too, because it is as dangerous for a gate as a setting for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from jitd.hosts.findings import Linted, Place, bad, unknown, weak
from jitd.hosts.stack import Source

DEEPEST = 128  # maximum depth of includes that sudo follows
MOST = 1000  # files that are read. A few that include each other could lead to millions
TARGETS = ("targetpw", "rootpw", "runaspw")  # with these settings, PAM_USER is the target account from the beginning
SERVICES = {"pam_service": "sudo", "pam_login_service": "sudo-i", "pam_askpass_service": "sudo"}
"""Maps a setting to the stack that sudo uses without this setting. The value of the setting is the name of another stack."""
TAGS = {"CWD": "runcwd", "CHROOT": "runchroot"}  # tag of a rule → the setting with the same effect on all commands
MOVING = ("runas_default", *TAGS.values())  # change the target or the directory, and the command line does not show it

SPEC = re.compile(
    r"(?P<tag>\bCWD|\bCHROOT)[ \t]*=[ \t]*(?P<value>\"[^\"]*\"|(?:\\.|[^\s\\,:])+)"
    r"|(?<![\w.])(?:/|\^|sudoedit\b)(?:\\.|[^\\,:])*"
)
"""Matches a tag of a rule, or a command with its arguments, whose text may look like a tag."""
IN_DOUBT = "jitd is never certain what sudo runs, and only a rule for any command fits"
COMMENT = re.compile(r"#(?:-?[^0-9-]|-?(?=\n)|-?\Z)")
CARRIED = re.compile(r"\\[ \t]*\n")
CARRIED_WITHIN_QUOTES = re.compile(r"\\[ \t]*\n[ \t]*")
OLD_INCLUDE = re.compile(r"#include(?:dir)?[ \t]")
INCLUDE = re.compile(r"(?:@|#(?=\w+[ \t]))(include|includedir)(?:[ \t]+|(?=\"))(?:\"([^\"]*)\"|((?:\\.|[^\\\s\"])+))")
BINDING = re.compile(r"Defaults(?:([:@>!])[ \t]*|[ \t]+)")
ALIAS = re.compile(r"(?:User|Runas|Host|Cmnd|Cmd)_Alias\b")
MEMBER = re.compile(r"[ \t]*+(?:![ \t]*+)*+(?:\"[^\"]*\"|(?:\\.|[^\\\s,\"=])+)[ \t]*+(,)?")
ENTRY = re.compile(
    r"[ \t]*+((?:![ \t]*+)*+)([A-Za-z_]\w*)[ \t]*+"
    r"(?:([-+]?=)[ \t]*+(\"(?:\\\"|[^\"])*+\"|(?:\\.|[^\\,\"])*+)[ \t]*+)?(?:,|$)"
)

Look = Callable[[str, str], Sequence[Source]]  # word and path → files in order. Raises LookupError if there is no file


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of ``Defaults``. ``bound_to`` is empty if the setting applies to everybody. ``value`` is None for a flag. If a
    setting comes from a tag of a rule, ``tag`` is this tag, and the setting applies only to the commands of the rule.
    """

    place: Place
    name: str
    is_negated: bool
    value: str | None
    bound_to: str
    tag: str = ""
    operator: str = "="

    @property
    def written(self) -> str:
        """The setting as it is written in the file."""
        if self.tag:
            return f"{self.tag}={self.value}"
        scope = f"Defaults{self.bound_to}"
        return f"{scope} {'!' * self.is_negated}{self.name}{'' if self.value is None else self.operator + self.value}"


@dataclass(slots=True)
class Sudoers:
    """All settings, in the order in which sudo reads them. ``rules`` are the lines that may give rights, as they are written, and
    ``aliases`` those that name lists. ``faults`` contains the findings about text that this module cannot parse.
    """

    settings: list[Setting] = field(default_factory=list)
    rules: list[tuple[Place, str]] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    faults: list[Linted] = field(default_factory=list)
    n_files: int = 0

    def is_on(self, name: str) -> bool:
        """True if the flag is set for at least one person."""
        return any(not setting.is_negated for setting in self.effective(name))

    def effective(self, name: str) -> list[Setting]:
        """Return the settings of ``name`` that apply to at least one person: of several for everybody, the last one."""
        of_it = [setting for setting in self.settings if setting.name == name]
        for_all = [setting for setting in of_it if not setting.bound_to]
        return [setting for setting in of_it if setting.bound_to] + for_all[-1:]

    def moving(self) -> list[Setting]:
        """Return the effective settings that move the target account or the directory, but no default values."""
        nothing = (None, "", "*", "root")
        return [setting for name in MOVING for setting in self.effective(name) if setting.value not in nothing]


def read(source: Source, look: Look) -> Sudoers:
    """Return the settings of ``source`` and of all files that ``source`` includes."""
    found = Sudoers()
    _take_in(found, source, look, (source.file,))
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line as sudo's lexer reads them, without comments, which ``#include`` is not. A backslash at
    the end continues a line that is not a comment, and elsewhere escapes a character.
    """
    at, number = 0, 1
    while at < len(text):
        end, line = _one_line(text, at)
        yield number, line
        number += text.count("\n", at, end)
        at = end


def _one_line(text: str, began: int) -> tuple[int, str]:
    """Return the index of the next logical line, and the text of the logical line that begins at ``began``."""
    pieces: list[str] = []
    at, is_quoted, is_include = began, False, OLD_INCLUDE.match(text, began) is not None
    while at < len(text):
        letter = text[at]
        if carried := (CARRIED_WITHIN_QUOTES if is_quoted else CARRIED).match(text, at):
            pieces.append("" if is_quoted else " ")
            at = carried.end()
        elif letter == "\\" and (not is_quoted or text[at + 1 : at + 2] == '"'):  # within quotes a backslash escapes only a quote
            pieces.append(text[at : at + 2])
            at += 2
        elif letter == "\n":
            return at + 1, "".join(pieces)
        elif letter == "#" and not is_quoted and not is_include and COMMENT.match(text, at):
            end = text.find("\n", at)
            return (len(text) if end < 0 else end + 1), "".join(pieces)
        else:
            is_quoted ^= letter == '"'
            pieces.append(letter)
            at += 1
    return at, "".join(pieces)


def _take_in(found: Sudoers, source: Source, look: Look, within: tuple[str, ...]) -> None:
    found.n_files += 1
    for number, raw in _logical_lines(source.data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")):
        place = Place(source.file, number)
        line = raw.strip(" \t")
        if include := INCLUDE.match(line):
            _include(found, place, include[1], include[2] or include[3], look, within)
        elif bound := BINDING.match(line):
            _take_settings(found, place, line, bound)
        elif line:
            if ALIAS.match(line):
                found.aliases.append(line)
            else:
                found.rules.append((place, line))
            for part in SPEC.finditer(line):
                if part["tag"]:
                    value = part["value"].strip('"')
                    found.settings.append(Setting(place, TAGS[part["tag"]], False, value, "a rule", part["tag"]))


def _include(found: Sudoers, place: Place, word: str, operand: str, look: Look, within: tuple[str, ...]) -> None:
    path = operand.replace("\\ ", " ")
    if not path.startswith("/"):
        path = f"{place.file.rpartition('/')[0]}/{path}"
    try:
        sources = look(word, path)
    except LookupError as fault:
        found.faults.append(
            bad("include-missing", place, f"{fault}: sudo does not work, or ignores it", f"put {path} there, or take it out")
        )
        return
    for source in sources:
        if source.file in within or len(within) >= DEEPEST:
            told = f"the line includes {source.file}, which leads back to this line: sudo does not work"
            found.faults.append(bad("include-loop", place, told, "take one of the includes out"))
        elif found.n_files < MOST:
            _take_in(found, source, look, (*within, source.file))
        else:
            told = f"more than {MOST} files: {source.file} and what follows were not judged"
            found.faults.append(unknown("too-involved", place, told, "put them together"))
            return


def _take_settings(found: Sudoers, place: Place, line: str, bound: re.Match[str]) -> None:
    at, scope = bound.end(), bound[1] or ""
    if scope:
        began = at
        while member := MEMBER.match(line, at):
            at = member.end()
            if not member[1]:
                break
        scope += line[began:at].strip()
    while line[at:].strip():
        entry = ENTRY.match(line, at)
        if entry is None:
            told = f"what follows cannot be read, and was not judged: {line[at : at + 60].strip()}"
            found.faults.append(unknown("senseless-setting", place, told, "correct it; see sudoers(5), and visudo -c"))
            return
        value = entry[4]
        if value is not None:
            value = value[1:-1] if value.startswith('"') else re.sub(r"\\(.)", r"\1", value.strip(" \t"))
        is_negated = entry[1].count("!") % 2 == 1
        found.settings.append(Setting(place, entry[2], is_negated, value, scope, operator=entry[3] or "="))
        at = entry.end()


def judge(sudoers: Sudoers, closed: set[str], is_closed: Callable[[str], bool]) -> Iterator[Linted]:
    """Yield findings about settings that bypass sudo's gate, by which sudo may use another service's stack. ``closed`` has the
    PAM kinds in which the gate is effective, and ``is_closed(service)`` says it of a stack.
    """
    yield from sudoers.faults
    for setting in sudoers.effective("pam_acct_mgmt") if "account" in closed else ():
        if setting.is_negated:
            told = f"with «{setting.written}» sudo does not ask the account stack, so the gate there is not asked"
            yield bad("no-account", setting.place, told, "take it out", "sudo")
    for name, instead_of in SERVICES.items():
        for setting in sudoers.effective(name):
            if setting.value and setting.value != instead_of and not is_closed(setting.value):
                told = f"with «{setting.written}» sudo asks {setting.value} in place of {instead_of}, and no gate there holds"
                yield bad("other-service", setting.place, told, f"take it out, or gate {setting.value} too", "sudo")
            elif setting.value and setting.value != instead_of:
                told = f"with «{setting.written}» jitd cannot tell what is typed: {IN_DOUBT}"
                yield weak("sudo-in-doubt", setting.place, told, "take it out", "sudo")
    for setting in sudoers.moving():
        told = f"with «{setting.written}» a rule, and not the command line, says as whom or where a command runs: {IN_DOUBT}"
        yield weak("sudo-in-doubt", setting.place, told, "take it out; people then type it: sudo -u, sudo -D", "sudo")
