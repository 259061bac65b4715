# SPDX-License-Identifier: Apache-2.0
"""Whether a PAM service of this host is set up for the calls that jitd makes of it.

libpam reads the service ``other`` for each type (auth, account, …) of which a service has no line (pam.conf(5)), and ``other``
says yes on many hosts. Therefore jitd calls a service only if its own file has a line of each type that is called. This module
is stricter than libpam: what libpam 1.5 and 1.7 would read in different ways, and what both would take for something else than it
looks like, is a fault.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator

DIRECTORY = "/etc/pam.d"
TYPES = ("auth", "account", "password", "session")
LONGEST = 1000  # bytes of a line. libpam 1.5 takes what follows 1022 bytes for another line.
DEEPEST = 16  # files that include each other
_LINE = re.compile(
    r"-?(?:@include[ \t]+(?P<all>[^ \t]+)|"
    rf"(?P<type>{'|'.join(TYPES)})[ \t]+"
    r"(?:(?:include|substack)[ \t]+(?P<some>[^ \t]+)|(?:required|requisite|sufficient|optional|\[[^]=]+=[^]]*\])[ \t]+[^ \t]+))"
    r"(?:[ \t].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


class _Fault(Exception):
    """The argument is a sentence about a file."""


def why_unset(service: str, *types: str) -> str:
    """Return why the PAM service is not set up for ``types``, or "" if it has a line of each."""
    path = f"{DIRECTORY}/{service}"
    try:
        defined = set(_types(path, types, ()))
    except _Fault as fault:
        return str(fault)
    missing = [each for each in types if each not in defined]
    return f"{path} has no line of the type {' and none of the type '.join(missing)}" if missing else ""


def _types(path: str, wanted: Collection[str], above: tuple[str, ...]) -> Iterator[str]:
    """Yield the type of each line of ``wanted`` in the file at ``path``, and in the files that it includes. Raises _Fault."""
    if path in above or len(above) >= DEEPEST:
        raise _Fault(f"{above[0]} includes {path} within itself, or too deep")
    for line in _lines(path):
        found = _LINE.fullmatch(line)
        if not found:
            raise _Fault(f"{path}: this line makes no sense: {line[:60]}")
        kind = (found["type"] or "").lower()
        if found["all"]:
            yield from _types(os.path.join(DIRECTORY, found["all"]), wanted, (*above, path))
        elif kind in wanted and found["some"]:
            yield from _types(os.path.join(DIRECTORY, found["some"]), (kind,), (*above, path))
        elif kind in wanted:
            yield kind


def _lines(path: str) -> Iterator[str]:
    """Yield the lines of a file with the lines that continue them, without comments. Raises _Fault."""
    try:
        if not os.path.isfile(path):
            raise _Fault(f"{path} is missing")
        with open(path, encoding="latin-1", newline="\n") as file:
            pieces = file.read().split("\n")
    except OSError as fault:
        raise _Fault(f"{path} cannot be read: {fault.strerror}") from None
    begun = ""
    for piece in pieces:
        text, comment, _ = piece.partition("#")
        text = text.strip(" \t")
        if len(begun) + len(piece) > LONGEST or "\0" in piece or (begun and not text):
            because = "is longer than 1000 bytes, has a NUL, or goes on after a backslash with nothing"
            raise _Fault(f"{path}: this line {because}: {(begun + text)[:60]}")
        if text.endswith("\\") and not comment:
            begun += f"{text[:-1]} "
        elif text:
            yield (begun + text).strip(" \t")
            begun = ""
