# SPDX-License-Identifier: Apache-2.0
"""Reads and writes the protocol's strict JSON. In strict JSON, a text has only one meaning.

Law: floats, numbers of more than 21 characters, and duplicate names in one object are refused. For every text, the result is a
value or ValueError. This module uses the scanner and encoder of the interpreter without the ``json`` package. An import of that
package would make each start 5 ms longer, because that package compiles a regular expression that skips blanks.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    encode_basestring_ascii: Any
    make_encoder: Any
    make_scanner: Any
else:
    from _json import encode_basestring_ascii, make_encoder, make_scanner  # CPython's own, since 2.6

_BLANK = " \t\n\r"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_number(text: str) -> int:
    raise ValueError(f"{text[:20]} is not an integer")


def _small_integer(text: str) -> int:
    if len(text) > 21 or text == "-0":
        raise ValueError("a number is out of bounds")
    return int(text)


class _Rules:
    """The attributes that the scanner reads when it is created."""

    strict = True
    object_hook = None
    object_pairs_hook = staticmethod(_unique)
    parse_float = staticmethod(_no_number)
    parse_int = staticmethod(_small_integer)
    parse_constant = staticmethod(_no_number)
    memo: ClassVar[dict[str, str]] = {}


_scan = make_scanner(_Rules)
_chunks = make_encoder(None, None, encode_basestring_ascii, None, ":", ",", False, False, False)


def read(body: bytes) -> object:
    """Return the value in ``body`` (JSON in UTF-8). Raises ValueError and no other error, whatever the bytes are."""
    text = body.decode("utf-8").strip(_BLANK)
    try:
        value, end = _scan(text, 0)
    except (StopIteration, SystemError):  # Python 3.11 raises SystemError if nobody has imported json.decoder
        raise ValueError("not JSON") from None
    except RecursionError:
        raise ValueError("too deep") from None
    if end != len(text):
        raise ValueError("more than one value")
    return value


def write(value: object) -> bytes:
    """Return ``value`` (None, bool, int, str, lists and dicts of these) as JSON in ASCII, without blanks."""
    return "".join(_chunks(value, 0)).encode("ascii")
