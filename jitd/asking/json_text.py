# SPDX-License-Identifier: Apache-2.0
"""Reads and writes JSON of other hosts: strict, so that one text has one meaning.

Law: no name twice in an object, no NaN, no infinity, no whole number beyond 64 bits, nothing nested deeply, no half of a
surrogate pair. Whatever the bytes are, only ValueError is raised.
"""

from __future__ import annotations

import json
import math
import re

DEEPEST = 16
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _whole(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > 2**63:
        raise ValueError("a number is out of bounds")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if len(text) > 64 or not math.isfinite(number):
        raise ValueError("a number is out of bounds")
    return number


def _none(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def read_object(body: bytes) -> dict[str, object]:
    """Return the object in ``body`` (JSON in UTF-8). Raises ValueError; its text is the rest of a sentence."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if _depth(text) > DEEPEST:
        raise ValueError("is nested too deeply")
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_int=_whole, parse_float=_real, parse_constant=_none)
    except json.JSONDecodeError:
        raise ValueError("is not JSON") from None
    except ValueError as fault:
        raise ValueError(f"is not JSON as it must be: {fault}") from None
    if type(found) is not dict:
        raise ValueError("is not a JSON object")
    if not _is_whole(found):
        raise ValueError("has half of a surrogate pair")
    return found


def _depth(text: str) -> int:
    """Return how deeply ``text`` is nested, as far as it is JSON. Brackets in strings do not count: they would hide others."""
    depth = deepest = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _is_whole(value: object) -> bool:
    if isinstance(value, str):
        return not any(0xD800 <= ord(char) <= 0xDFFF for char in value)
    if isinstance(value, list):
        return all(map(_is_whole, value))
    if isinstance(value, dict):
        return all(_is_whole(name) and _is_whole(inner) for name, inner in value.items())
    return True


def write(value: object) -> bytes:
    """Return ``value`` as JSON in ASCII, without blanks, with names in their order."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
