# SPDX-License-Identifier: Apache-2.0
"""What a command line comes to: the values that all readers make.

Law: values only. A reader of a line is certain of it or says why not; there is nothing in between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invocation:
    """What sudo, su or doas is about to do. With a ``doubt``, a sentence, nothing else of it means anything.

    ``mode``: run; list, validate (nothing runs); edit (sudoedit: the caller's own editor runs, as the caller, on copies of the
    files that follow the first word of ``argv``, and what it leaves is written back as the target).

    ``shell`` is what is executed. ``""``: ``argv`` itself. ``login``: the target's shell as a login shell. ``own``: the caller's
    $SHELL, else that of their account. ``target``: the target's shell. ``kept``: the caller's $SHELL, else the target's (su -p).
    ``shell_path`` (su -s) takes its place, unless the target's own shell is a restricted one. A shell is given ``-f`` (option
    ``--fast``), ``-c`` and ``line`` (where there is one) and ``shell_arguments``; ``argv`` is then what was typed.
    """

    mode: str
    argv: tuple[bytes, ...] = ()
    shell: str = ""
    user: str | None = None
    group: str | None = None
    line: bytes | None = None
    shell_path: bytes | None = None
    shell_arguments: tuple[bytes, ...] = ()
    chdir: bytes | None = None
    variables: tuple[tuple[bytes, bytes], ...] = ()
    options: tuple[bytes, ...] = ()
    doubt: str = ""


class Doubt(Exception):
    """It cannot be said for certain what the program makes of this: a sentence. It quotes nothing that was typed."""


_ID = re.compile(r"#(0|[1-9][0-9]{0,9})")
_MAX_ID = 2**31 - 1
_LIKE_A_NUMBER = re.compile(r"\s*[-+]?[0-9]+")


def name(typed: bytes, of: str) -> str:
    """``typed`` as an account's or a group's name. Raises Doubt for bytes that are not clean text."""
    try:
        text = typed.decode("utf-8")
    except UnicodeDecodeError:
        raise Doubt(f"the name of the {of} is not UTF-8") from None
    if not text:
        raise Doubt(f"the name of the {of} is empty")
    if not text.isprintable():
        raise Doubt(f"the name of the {of} has characters that cannot be shown")
    return text


def plain_name(typed: bytes, of: str) -> str:
    """A name where ``#`` does not begin an id (su and doas), but would for the program that gets it next. Raises Doubt."""
    text = name(typed, of)
    if text.startswith("#"):
        raise Doubt(f"the name of the {of} begins with #, which does not begin an id here")
    return text


def name_or_id(typed: bytes, of: str) -> str:
    """A name, or ``#`` and an id in its only canonical spelling (sudo). Raises Doubt."""
    text = name(typed, of)
    if text.startswith("#") and (not _ID.fullmatch(text) or int(text[1:]) > _MAX_ID):
        raise Doubt(f"the {of} begins with #, and may be an id or a name")
    return text


def name_that_is_no_number(typed: bytes, of: str) -> str:
    """A name where a number is a name first and an id if there is none (doas). Raises Doubt."""
    text = plain_name(typed, of)
    if _LIKE_A_NUMBER.fullmatch(text):
        raise Doubt(f"the {of} is a number, and may be a name or an id")
    return text


def canonical(options: set[bytes]) -> tuple[bytes, ...]:
    """One order for one meaning."""
    return tuple(sorted(options))
