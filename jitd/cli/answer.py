# SPDX-License-Identifier: Apache-2.0
"""What a verb prints: its answer on standard output, all that it says beside it on standard error.

Law: whatever the daemon says, no control, format or otherwise invisible character reaches the terminal; nothing is cut here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import IO, Any

from jitpam.wire.shown import reshown, shown_argument, unshown

Row = dict[str, Any]


def printable(text: str) -> str:
    """``text`` (as ``shown`` gave it, or said to be) without anything that is not plainly visible."""
    return reshown(text)


def answer(line: str = "") -> None:
    """One line of the answer."""
    print(printable(line))


def say(sentence: str) -> None:
    """One line that is not the answer. What was answered before it is written before it; where that fails this is said all the
    same, since it tells what became of the verb. Where nobody can be told, the status tells.
    """
    try:
        sys.stdout.flush()
    finally:
        try:
            print(f"jitd: {printable(sentence)}", file=sys.stderr, flush=True)
        except OSError:
            give_up(sys.stderr)


def give_up(stream: IO[str]) -> None:
    """Nothing is written to it any more: Python writes what is left when it ends, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def answer_json(rows: Iterable[Row]) -> None:
    """One object a line, in ASCII, so that no terminal is at the mercy of what is in it."""
    for row in rows:
        print(json.dumps(row, ensure_ascii=True))


def exact(value: Any) -> Any:
    """``value``, of a row whose texts have been through ``shown``, for programs: what is UTF-8 stands as itself, other bytes are
    ``\\xNN``, a backslash is doubled.
    """
    if isinstance(value, dict):
        return {name: exact(member) for name, member in value.items()}
    if isinstance(value, list):
        return [exact(member) for member in value]
    if not isinstance(value, str) or "\\" not in value:
        return value
    try:
        return _escaped(unshown(value).decode("utf-8", "surrogateescape"))
    except ValueError:  # no `shown` made this
        return _escaped(value)


def _escaped(text: str) -> str:
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c for c in text.replace("\\", "\\\\"))


# --- what stands in a row ----------------------------------------------------------------------------------------------


def words(row: Row, name: str, otherwise: str = "-") -> str:
    """The member ``name`` as text; ``otherwise`` where it is null, empty or missing."""
    value = row.get(name)
    if value is None or value == "" or value == []:
        return otherwise
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)


def quoted(text: str) -> str:
    """One argument, given as a row has it, with its ends visible."""
    try:
        return shown_argument(unshown(text))
    except ValueError:  # no `shown` made this: shown it is, and so it is marked as odd
        return shown_argument(text.encode("utf-8", "surrogateescape"))


def command_line(argv: Iterable[object]) -> str:
    """All arguments on one line, nothing cut; ``unshown_command`` reads it back."""
    return " ".join(quoted(str(argument)) for argument in argv)


def n_bytes(text: str) -> int:
    """How many bytes the argument has that a row gives as ``text``."""
    try:
        return len(unshown(text))
    except ValueError:
        return len(text.encode("utf-8", "surrogateescape"))
