# SPDX-License-Identifier: Apache-2.0
"""The key ``commands`` of a rule: patterns for a command's path and arguments.

Law: a command is known by a path with resolved directories, so the first directory of a pattern is resolved too, and no other.
"""

from __future__ import annotations

import os
import re

from jitd.core.conditions import CommandPattern, read_command_pattern
from jitd.settings.toml_table import Table


def read_commands(table: Table) -> tuple[CommandPattern, ...]:
    """Return the patterns under ``commands``. Faults go to ``table``."""
    if "commands" not in table.values:
        return ()
    value = table.values["commands"]
    shape = '"commands" must be a list of lists of strings, such as [["/usr/bin/id", "**"]]'
    if not isinstance(value, list):
        table.fault(shape, "commands")
        return ()
    if not value:
        table.fault('"commands" is empty', "commands")
    patterns = []
    for index, words in enumerate(value):
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            table.fault(shape, "commands", index)
            continue
        try:
            patterns.append(read_command_pattern(_with_real_top(tuple(words))))
        except ValueError as error:
            table.fault(f'"commands": {error}', "commands", index)
    return tuple(patterns)


def _with_real_top(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``words`` with ``/usr/bin/ls`` for ``/bin/ls`` if ``/bin`` is a link, as on every Debian.

    A command is known by a path with resolved directories. A rule that says ``/bin/ls`` would never match, and a deny would not
    deny. Links further down are kept: others than root might own the directory that the link is in, and could make the rule name
    another file.
    """
    if not words or not (match := re.match(r"(/[^/*?]+)/", words[0])):
        return words
    top = match[1]
    if not os.path.islink(top):
        return words
    return (os.path.realpath(top) + words[0][len(top) :], *words[1:])
