# SPDX-License-Identifier: Apache-2.0
"""The key ``commands`` of a rule: patterns for the path and the arguments of a command.
Law: jitd identifies a command by its path, after all links in the directories of this path are resolved. Therefore jitd also
resolves the first directory of a pattern if it is a link, such as ``/bin``. jitd resolves no other links of a pattern.
"""

from __future__ import annotations

import os
import re

from jitd.core.conditions import CommandPattern, read_command_pattern
from jitd.core.toml_table import Table


def read_commands(table: Table) -> tuple[CommandPattern, ...]:
    """Return the patterns of the key ``commands``. Faults are added to ``table``."""
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
    """Return ``words``. If the first directory of the path is a link, the result has the target of the link instead. For example,
    ``/bin/ls`` becomes ``/usr/bin/ls``, because ``/bin`` is a link on every Debian.
    jitd identifies a command by its path with resolved directories. If this function did not resolve ``/bin``, a rule for
    ``/bin/ls`` would never match. A deny with this path would then have no effect. Links in deeper directories are not resolved.
    An account other than root might own the directory of a deeper link. This account could change the link, and the rule would
    then match another file.
    """
    if not words or not (match := re.match(r"(/[^/*?]+)/", words[0])):
        return words
    top = match[1]
    if not os.path.islink(top):
        return words
    return (os.path.realpath(top) + words[0][len(top) :], *words[1:])
