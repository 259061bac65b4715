# SPDX-License-Identifier: Apache-2.0
"""Finds out whether a line of sudoers(5) gives the same power as root.

Law: nothing is looked up on this host or elsewhere. A line of which nothing is found is not necessarily safe. Source: sudoers(5)
"User specification".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitd.core.conditions import CommandPattern, Glob
from jitd.core.grader import Grader, way_to_root

ANYBODY = ("ALL", "root", "#0")
"""Words in sudoers(5) that mean the account root, or several accounts including root."""
_OPTION = r"(?:CWD|CHROOT|ROLE|TYPE|TIMEOUT|NOTBEFORE|NOTAFTER|APPARMOR_PROFILE|PRIVS|LIMITPRIVS)"
_TAG = r"(?:(?:NO)?(?:PASSWD|EXEC|SETENV|LOG_INPUT|LOG_OUTPUT|MAIL|FOLLOW|INTERCEPT))"
_RUN_AS = re.compile(r"\(([^:)]*)(:[^)]*)?\)\s*")
_BEFORE = re.compile(rf"{_OPTION}\s*=\s*(?:\"[^\"]*\"|\S+)\s*|({_TAG})\s*:\s*|sha(?:224|256|384|512)\s*:\s*\S+\s+(?=\S)")
_SPEC = re.compile(rf"\\.|\"[^\"]*\"|\([^)]*\)|{_TAG}\s*:|sha(?:224|256|384|512)\s*:|(:)")
_COMMAND = re.compile(r"\\.|\"[^\"]*\"|\([^)]*\)|(,)")
_ALIAS = re.compile(r"[A-Z][A-Z0-9_]*")


def ways_of_line(line: str, grader: Grader | None) -> Iterator[str]:
    """``line`` is a line of sudoers(5). If the line permits a command as root, and this command gives more power than it seems
    to give, yield a part of a sentence about the command.
    """
    for spec in _split(line, _SPEC):
        commands = re.split(r"(?<!\\)=", spec, maxsplit=1)[-1]
        is_roots, lets_in = True, False  # both values also apply to the commands that follow
        for written in _split(commands, _COMMAND):
            command = written.strip()
            if found := _RUN_AS.match(command):
                is_roots, command = _means_root(found[1], has_group=found[2] is not None), command[found.end() :]
            while found := _BEFORE.match(command):
                lets_in = found[1] == "SETENV" or (lets_in and found[1] != "NOSETENV")
                command = command[found.end() :]
            if is_roots and command and not command.startswith("!"):
                yield from (f"as root, {command}: {way}" for way in _ways_of_command(command, grader))
                if lets_in:
                    yield f"as root, {command}: SETENV allows LD_PRELOAD, and this variable makes a program load other code"


def _split(text: str, separator: re.Pattern[str]) -> Iterator[str]:
    """Split ``text`` and yield the parts. The regular expression ``separator`` matches separators, and also matches text that
    must not be split, such as quoted text. If the first group of a match is empty, the match is not a separator.
    """
    began = 0
    for found in separator.finditer(text):
        if found[1]:
            yield text[began : found.start()]
            began = found.end()
    yield text[began:]


def _means_root(accounts: str, *, has_group: bool) -> bool:
    """True if ``accounts``, which a line of sudoers names before a command, include root, or an alias, which is not looked up. If
    there is none, return True unless the line names a group.
    """
    words = [word.strip() for word in accounts.split(",")]
    if words == [""]:
        return not has_group  # only a group is named, so the person's own account runs the command
    return any(word in ANYBODY or _ALIAS.fullmatch(word) for word in words)


def _ways_of_command(command: str, grader: Grader | None) -> Iterator[str]:
    path, _, rest = command.partition(" ")
    if command == "ALL":
        yield "any command, a shell too, may be run"
    elif _ALIAS.fullmatch(command):
        yield "jitd does not look up aliases of sudoers, so this alias may mean any command"
    elif path.startswith("^"):
        yield "jitd does not check regular expressions, so this expression may match any command"
    elif path == "sudoedit":
        if not rest.strip() or re.search(r"[*?\[]", rest):
            yield "sudoedit can change any file"
    elif path.endswith("/"):
        yield f"it is every command in {path}"
    else:
        yield from filter(None, [way_to_root(grader, _pattern(path, rest.strip()))])


def _pattern(path: str, arguments: str) -> CommandPattern:
    """Return the pattern of jitd for a command of sudoers. It matches any arguments if the line names none, and none if it has
    ``\"\"``. If the line has a ``*``, it matches further arguments, too, because a ``*`` of sudoers also matches blanks.
    """
    words = tuple(_plain(word) for word in ([] if arguments == '""' else arguments.split()))
    is_open = not arguments or "*" in "".join(words)
    text = (_plain(path), *words)
    return CommandPattern(text, tuple(map(Glob, text[0].split("/"))), tuple(map(Glob, words)), is_open)


def _plain(word: str) -> str:
    """Convert the wildcards in the sudoers word ``word`` into wildcards of jitd's patterns, and remove the backslashes."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\[[^]]*\]", "?", word))
