# SPDX-License-Identifier: Apache-2.0
"""Warnings about the files that rules name in their command patterns. For example, a file does not exist, or its path contains a
link.

Law: the check never opens and never changes these files. A directory may be on a file server that does not answer. Therefore the
caller must set a time limit for the check.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from jitd.core.conditions import CommandPattern, Glob
from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd_inspection.checking.reach import LOGINS

MOST_ENTRIES = 20_000  # directory entries that are compared with one pattern. With more, there is no warning about it


def about_commands(rules: Sequence[Rule]) -> Iterator[Warned]:
    """Yield the warnings about the files in ``rules``, which are the rules that apply to this host. Each file is checked only
    once.
    """
    said: dict[tuple[str, ...], str] = {}
    for rule in rules:
        if rule.services is not None and LOGINS.issuperset(rule.services):
            continue
        for pattern in rule.commands or ():
            if pattern.path is None or pattern.is_edit:
                continue
            key = (pattern.text[0],)
            if key not in said:
                said[key] = what_is_wrong_with(pattern)
            if why := said[key]:
                name = "not-looked-up" if why.startswith(_UNSEEN) else "no-such-command"
                also = ", so this pattern denies nothing" if rule.verdict == "deny" and name == "no-such-command" else ""
                yield Warned(name, rule.file, rule.line, rule.name, f"{why}{also}")


_UNSEEN = "cannot look at "


def what_is_wrong_with(pattern: CommandPattern) -> str:
    """If the file that ``pattern`` names has a fault, return a sentence about the fault. Return an empty text if the file has no
    fault.
    """
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
        return f"jitd knows {path} as {os.path.join(real, name)} here, because the path {directory} has a symbolic link in it"
    if stat.S_ISDIR(status.st_mode):
        return f"{path} is a directory"
    if not status.st_mode & 0o111:
        return f"{path} cannot be executed"
    return ""


def _no_match(pattern: CommandPattern) -> str:
    """Say that ``pattern`` matches no file here. The text is empty if it matches one, or if there are too many to compare."""
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
    """Return the names in the directory ``place`` that could match the glob ``part``. Raises OSError."""
    if "*" in part.text or "?" in part.text:
        return os.listdir(place)
    os.lstat(os.path.join(place, part.text))
    return [part.text]
