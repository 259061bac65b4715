# SPDX-License-Identifier: Apache-2.0
"""The result of parsing a command line: an Invocation, or a Doubt.

Law: this module contains only values. If a parser is certain about the meaning of the command line, it gives an Invocation.
Otherwise it gives a Doubt with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invocation:
    """The action that sudo, su or doas is about to do. ``doubt`` is a sentence. If ``doubt`` is set, no other field has a
    meaning.

    ``mode`` is ``run``, ``list``, ``validate`` or ``edit`` (sudoedit). If ``mode`` is ``list`` or ``validate``, nothing runs. If
    ``mode`` is ``edit``, the words after the first word of ``argv`` are the names of files. The caller's editor runs as the
    caller and changes copies of these files. Afterwards the target account writes the changed copies back.

    ``shell`` says which program is executed. ``""`` means that ``argv`` itself is executed. ``login`` means the target's shell
    as a login shell. ``target`` means the target's shell. ``own`` means the caller's $SHELL. If $SHELL is not set or empty,
    ``own`` means the shell of the caller's account. ``kept`` (su -p) means the caller's $SHELL. If $SHELL is not set or empty,
    ``kept`` means the target's shell. ``shell_path`` (su -s) replaces the shell. A restricted shell of the target account is
    never replaced. The arguments of a shell are ``-f`` (only with the option ``--fast``), ``-c`` and ``line`` (only if there is
    a line), and ``shell_arguments``. If a shell is executed, ``argv`` contains the words that the person typed.
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
    waits: bool = True
    """False with ``-n``: the program asks nobody for anything."""


class Doubt(Exception):
    """It is not certain what the program does. The message is a sentence without any part of the typed text."""


_ID = re.compile(r"#(0|[1-9][0-9]{0,9})")
_MAX_ID = 2**32 - 2  # 2**32 - 1 is no id for the kernel
_LIKE_A_NUMBER = re.compile(r"\s*[-+]?[0-9]+")


def name(typed: bytes, of: str) -> str:
    """Return ``typed`` as the name of an account or a group. Raises Doubt if it is empty or not printable UTF-8 text."""
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
    """Return ``typed`` as a name. Raises Doubt if it begins with ``#``: a name to su and doas, an id to others."""
    text = name(typed, of)
    if text.startswith("#"):
        raise Doubt(f"the name of the {of} begins with #, but this program reads it as a name, not as an id")
    return text


def name_or_id(typed: bytes, of: str) -> str:
    """Return ``typed`` as a name, or as ``#`` and an id (sudo). Raises Doubt if an id is not in the canonical spelling."""
    text = name(typed, of)
    if text.startswith("#") and (not _ID.fullmatch(text) or int(text[1:]) > _MAX_ID):
        raise Doubt(f"the {of} begins with #, and may be an id or a name")
    return text


def name_that_is_no_number(typed: bytes, of: str) -> str:
    """Return ``typed`` as a name. Raises Doubt for a number, which doas looks up as a name, and then as an id."""
    text = plain_name(typed, of)
    if _LIKE_A_NUMBER.fullmatch(text):
        raise Doubt(f"the {of} is a number, and may be a name or an id")
    return text


def canonical(options: set[bytes]) -> tuple[bytes, ...]:
    """Return the options in a fixed order, so that the results for equal options are equal."""
    return tuple(sorted(options))
