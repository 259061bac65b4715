# SPDX-License-Identifier: Apache-2.0
"""Extracts one table from a file that is not valid TOML as a whole. The table is used only to take things back, and never to give
things.

Law: a table is extracted only if it is certain where the table begins and ends.
"""

from __future__ import annotations

import tomllib

_LONG_QUOTES = (b'"""', b"'''")


def cut_out(content: bytes, *keys: str) -> bytes | None:
    """Return the table ``[keys]`` of ``content``, after empty lines in the place of those before, so that faults have the file's
    lines. None unless there is exactly one such header, surely not in a long string.
    """
    lines = content.split(b"\n")
    headers = [at for at, line in enumerate(lines) if line.lstrip(b" \t").startswith(b"[")]
    found = [at for at in headers if _is_header(lines[at], keys)]
    if len(found) != 1:
        return None
    begin = found[0]
    if any(quotes in line for line in lines[:begin] for quotes in _LONG_QUOTES):
        return None
    end = next((at for at in headers if at > begin), len(lines))
    return b"\n" * begin + b"\n".join(lines[begin:end]) + b"\n"


def _is_header(line: bytes, keys: tuple[str, ...]) -> bool:
    """True if ``line`` is the header of the table ``keys``, in any spelling that TOML allows."""
    try:
        value: object = tomllib.loads(line.rstrip(b"\r").decode())
    except (ValueError, RecursionError):
        return False
    for key in keys:
        if not isinstance(value, dict) or list(value) != [key]:
            return False
        value = value[key]
    return value == {}
