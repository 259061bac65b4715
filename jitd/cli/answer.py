# SPDX-License-Identifier: Apache-2.0
"""What a verb prints: its answer on standard output, and all other sentences on standard error.

Law: no control character, format character or other invisible character from the daemon reaches the terminal. Nothing is
shortened here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import IO, Any

from jitpam.wire.exact import exact as exact
from jitpam.wire.shown import reshown, shown_argument, unshown

Row = dict[str, Any]
NOT_SHOWN = "(not shown)"
"""Stands for what the rule of a request keeps from the viewer; ``narrowed`` is true in such a row."""


def printable(text: str) -> str:
    """Return ``text`` with every invisible character escaped. ``text`` should be output of ``shown``, but need not be."""
    return reshown(text)


def answer(line: str = "") -> None:
    """Print one line of the answer on standard output."""
    print(printable(line))


def say(sentence: str) -> None:
    """Print one line on standard error. The answer so far is flushed first. If the flush fails, ``sentence`` is still printed,
    because it says how the verb ended; then OSError is raised. If standard error fails too, only the exit status is left.
    """
    try:
        sys.stdout.flush()
    finally:
        try:
            print(f"jitd: {printable(sentence)}", file=sys.stderr, flush=True)
        except OSError:
            give_up(sys.stderr)


def give_up(stream: IO[str]) -> None:
    """Point ``stream`` at /dev/null. Python flushes the stream when it exits, and that would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def answer_json(rows: Iterable[Row]) -> None:
    """Print one JSON object per row, each on its own line. The output is ASCII, so it cannot control the terminal."""
    for row in rows:
        print(json.dumps(row, ensure_ascii=True))


# --- the members of a row ----------------------------------------------------------------------------------------------


def words(row: Row, name: str, otherwise: str = "-") -> str:
    """Return the member ``name`` of ``row`` as text; ``otherwise`` if it is null, empty or missing."""
    value = row.get(name)
    if value is None or value == "" or value == []:
        return otherwise
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)


def quoted(text: str) -> str:
    """Return one argument of a row as an approver reads it: in quotes if its beginning or end would not be visible."""
    try:
        return shown_argument(unshown(text))
    except ValueError:  # `shown` did not make this text: escape it again, so that the odd backslash is seen
        return shown_argument(text.encode("utf-8", "surrogateescape"))


def command_line(argv: Iterable[object]) -> str:
    """Return all arguments on one line, nothing shortened. ``unshown_command`` reads that line back."""
    return " ".join(quoted(str(argument)) for argument in argv)


def command_of(row: Row) -> str:
    """Return the command of ``row`` on one line: with all its arguments, or without them if they are not shown to the viewer."""
    argv = row.get("argv")
    if not isinstance(argv, list):
        return "-"
    return f"{quoted(words(row, 'path', ''))} {NOT_SHOWN}".strip() if row.get("narrowed") else command_line(argv)


def n_bytes(text: str) -> int:
    """Return the length in bytes of the argument that a row gives as ``text``."""
    try:
        return len(unshown(text))
    except ValueError:
        return len(text.encode("utf-8", "surrogateescape"))
