# SPDX-License-Identifier: Apache-2.0
"""Reads JSON from other hosts, and writes JSON for them. Only a strict form of JSON is accepted, so each text has only one
meaning.

Law: the same name must not occur twice in a JSON object. The reader refuses NaN, infinity, whole numbers of more than 64 bits,
deep nesting, and unpaired surrogates. The reader raises ValueError for invalid bytes, and no other exception.
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
        raise ValueError("a name occurs twice")
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
    """Return the JSON object in ``body`` (UTF-8). Raises ValueError with the end of a sentence about the body."""
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
        raise ValueError(f"is not JSON that jitd accepts: {fault}") from None
    if type(found) is not dict:
        raise ValueError("is not a JSON object")
    if not _is_whole(found):
        raise ValueError("has half of a surrogate pair")
    return found


def _depth(text: str) -> int:
    """Return the depth of nesting in the JSON ``text``. Brackets inside strings do not change the depth."""
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
    """Return ``value`` as JSON in ASCII, without spaces between the parts. The members keep their order."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
