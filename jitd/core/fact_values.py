# SPDX-License-Identifier: Apache-2.0
"""The values of declared facts, in the form that settings and providers use.

Law: a value has exactly the declared type and is within the limits of this type. Any other value raises ValueError. Values are
not converted, with one exception: a whole number is accepted as a double. This exception exists because JSON and TOML distinguish
whole numbers and doubles only by their spelling.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

from jitd.core.facts import Value

LONGEST_STRING = 4_096
LONGEST_LIST = 1_000
GREATEST = 2**63 - 1
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def read_value(kind: str, raw: object) -> Value:
    """Return ``raw`` as a value of the type ``kind`` (one of names.TYPES). Raises ValueError. The error text has no subject. The
    caller writes the name of the fact before the text.
    """
    match kind:
        case "bool" if type(raw) is bool:
            return raw
        case "int" if type(raw) is int and -GREATEST - 1 <= raw <= GREATEST:
            return raw
        case "double" if (type(raw) is float and math.isfinite(raw)) or (type(raw) is int and abs(raw) <= 2**53):
            return float(raw)
        case "string" if type(raw) is str and _is_text(raw):
            return raw
        case "timestamp" if (found := read_instant(raw)) is not None:
            return found
        case "list" if (
            type(raw) is list and len(raw) <= LONGEST_LIST and all(type(each) is str and _is_text(each) for each in raw)
        ):
            return tuple(raw)
    raise ValueError(f"is not {_NAMES[kind]}")


_NAMES = {
    "bool": "true or false",
    "int": "a whole number of 64 bits",
    "double": "a finite number",
    "string": f"a text of at most {LONGEST_STRING} characters",
    "timestamp": "a time such as 2026-11-22T07:00:00Z",
    "list": f"a list of at most {LONGEST_LIST} texts",
}


def read_instant(raw: object) -> datetime | None:
    """Return ``raw``, a datetime with an offset or a text of RFC 3339, as an aware datetime, or else None."""
    if isinstance(raw, datetime):
        return raw if raw.tzinfo is not None else None
    if type(raw) is not str or not _INSTANT.fullmatch(raw):
        return None
    try:
        return datetime.fromisoformat(raw.upper())
    except ValueError:
        return None


def _is_text(text: str) -> bool:
    """True if ``text`` is short enough, contains no NUL byte, and contains no lone surrogate."""
    return len(text) <= LONGEST_STRING and "\0" not in text and not any(0xD800 <= ord(char) <= 0xDFFF for char in text)
