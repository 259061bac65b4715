# SPDX-License-Identifier: Apache-2.0
"""Reads JSON that means exactly one thing, and writes it in one spelling.

Law: pure, for Python 3.9 and later. Part of verify.py, so it imports nothing of jitd.
"""

from __future__ import annotations

import json
import math
from typing import Any

MOST_DEEP = 64  # objects and lists of JSON within each other. Those of a true line or pack are a tenth of this


class Wrong(Exception):
    """Something cannot be read. The text is a sentence without a full stop, or the end of one."""


class Twice(ValueError):
    """A JSON object has two members of one name."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Twice("has a member twice")
    return found


def no_constant(text: str) -> Any:
    raise ValueError("is not JSON")


def finite(text: str) -> float:
    """Python reads 1e999 as infinite, which JSON cannot express."""
    if math.isinf(number := float(text)):
        raise ValueError("has a number that is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError("has a number that is too large")
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite, parse_int=_integer)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def read_json(text: str) -> Any:
    """Read JSON in which no name occurs twice in an object. Raises Wrong with the end of a sentence."""
    try:
        found = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise Wrong("is not JSON") from None
    except ValueError as fault:
        raise Wrong(str(fault)) from None
    except RecursionError:
        raise Wrong("has too many objects and lists within each other") from None
    if is_deep(found):
        raise Wrong("has too many objects and lists within each other")
    return found


def is_deep(found: Any) -> bool:
    """True if ``found`` has more than MOST_DEEP objects and lists within each other: who compares it would run out of stack."""
    level = [found]
    for _ in range(MOST_DEEP):
        parts = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [part for one in parts for part in one if isinstance(part, (dict, list))]
        if not level:
            return False
    return True


def canonical(value: Any) -> bytes:
    """Return ``value`` in the form in which records and values are sealed."""
    return _CANONICAL.encode(value).encode("ascii")


def is_same(one: Any, other: Any) -> bool:
    """True if both are the same JSON. For Python, true is also 1, and 1.0 as well."""
    return bool(one == other) and canonical(one) == canonical(other)
