# SPDX-License-Identifier: Apache-2.0
"""The result of reading a command line: an Invocation, or a Doubt.

Law: values only. A reader is certain what the command line means, or says why it is not. There is no third result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invocation:
    """What sudo, su or doas is about to do. If there is a ``doubt``, a sentence, no other field has a meaning.

    ``mode``: run; list, validate (nothing runs); edit (sudoedit). With edit, the caller's editor runs as the caller, on copies of
    the files that follow the first word of ``argv``; the target account then writes the changed copies back.

    ``shell`` says what is executed. ``""``: ``argv`` itself. ``login``: the target's shell as a login shell. ``own``: the
    caller's $SHELL, or else the shell of the caller's account. ``target``: the target's shell. ``kept``: the caller's $SHELL, or
    else the target's shell (su -p). ``shell_path`` (su -s) replaces the shell, unless the target's own shell is restricted. A
    shell gets ``-f`` (option ``--fast``), ``-c`` and ``line`` (if there is a line), and ``shell_arguments``; ``argv`` is then
    what was typed.
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
    """It is not certain what the program does with this command line. The text is a sentence and quotes nothing typed."""


_ID = re.compile(r"#(0|[1-9][0-9]{0,9})")
_MAX_ID = 2**31 - 1
_LIKE_A_NUMBER = re.compile(r"\s*[-+]?[0-9]+")


def name(typed: bytes, of: str) -> str:
    """Return ``typed`` as the name of an account or group. Raises Doubt for bytes that are not clean text."""
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
    """Return a name. Raises Doubt if the name begins with ``#``: su and doas take that for a name, other programs for an id."""
    text = name(typed, of)
    if text.startswith("#"):
        raise Doubt(f"the name of the {of} begins with #, which does not begin an id here")
    return text


def name_or_id(typed: bytes, of: str) -> str:
    """Return a name, or ``#`` and an id in its only canonical spelling (sudo). Raises Doubt."""
    text = name(typed, of)
    if text.startswith("#") and (not _ID.fullmatch(text) or int(text[1:]) > _MAX_ID):
        raise Doubt(f"the {of} begins with #, and may be an id or a name")
    return text


def name_that_is_no_number(typed: bytes, of: str) -> str:
    """Return a name. Raises Doubt for a number, which doas looks up as a name first, and then as an id."""
    text = plain_name(typed, of)
    if _LIKE_A_NUMBER.fullmatch(text):
        raise Doubt(f"the {of} is a number, and may be a name or an id")
    return text


def canonical(options: set[bytes]) -> tuple[bytes, ...]:
    """Return the options in a fixed order, so that equal options compare equal."""
    return tuple(sorted(options))
