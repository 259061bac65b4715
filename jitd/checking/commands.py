# SPDX-License-Identifier: Apache-2.0
"""Warnings about the files that patterns of commands name: a file that is not there, or that a link leads to.

Law: files are looked at, never opened or changed. Directories may be on a file server that does not answer: the caller limits the
time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from jitd.checking.reach import LOGINS
from jitd.core.conditions import CommandPattern, Glob
from jitd.core.policy import Rule
from jitd.core.warning import Warned

MOST_ENTRIES = 20_000
"""Entries of directories that are compared with one pattern, at most. If there are more, nothing is said."""


def about_commands(rules: Sequence[Rule]) -> Iterator[Warned]:
    """Yield the warnings about the files that ``rules``, those about this host, name. Each file is looked at once."""
    said: dict[tuple[str, ...], str] = {}
    for rule in rules:
        if rule.services is not None and LOGINS.issuperset(rule.services):
            continue
        for pattern in rule.commands or ():
            if pattern.path is None:
                continue
            key = (pattern.text[0],)
            if key not in said:
                said[key] = what_is_wrong_with(pattern)
            if why := said[key]:
                name = "not-looked-up" if why.startswith(_UNSEEN) else "no-such-command"
                also = ", so the rule denies nothing by it" if rule.verdict == "deny" and name == "no-such-command" else ""
                yield Warned(name, rule.file, rule.line, rule.name, f"{why}{also}")


_UNSEEN = "cannot look at "


def what_is_wrong_with(pattern: CommandPattern) -> str:
    """Return a sentence about the file that ``pattern`` names; empty if a command may be there."""
    if pattern.file is None:
        return _no_match(pattern)
    path = pattern.text[0]
    directory, name = os.path.split(path)
    try:
        status = os.stat(path)
        real = os.path.realpath(directory, strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return f"there is no {path} here"
    except (OSError, ValueError) as fault:
        return f"{_UNSEEN}{path}: {fault.strerror if isinstance(fault, OSError) else fault}"
    if real != directory:
        return f"{path} is known as {os.path.join(real, name)} here, since {directory} is a link or leads through one"
    if stat.S_ISDIR(status.st_mode):
        return f"{path} is a directory"
    if not status.st_mode & 0o111:
        return f"{path} cannot be executed"
    return ""


def _no_match(pattern: CommandPattern) -> str:
    """Return a sentence if no file here matches the path of ``pattern``; empty if one does, or if there are too many to tell."""
    places = ["/"]
    left = MOST_ENTRIES
    assert pattern.path is not None, "the caller has asked"
    for part in pattern.path[1:]:
        found: list[str] = []
        for place in places:
            try:
                names = _named(place, part)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as fault:
                return f"{_UNSEEN}{place}: {fault.strerror}"
            left -= len(names)
            found += [os.path.join(place, name) for name in names if part.matches(name)]
        if left < 0:
            return ""
        places = found
    return "" if places else f"no file here matches {pattern.text[0]}"


def _named(place: str, part: Glob) -> list[str]:
    """Return the names in the directory ``place`` that may match ``part``. Raises OSError."""
    if "*" in part.text or "?" in part.text:
        return os.listdir(place)
    os.lstat(os.path.join(place, part.text))
    return [part.text]
