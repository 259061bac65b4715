# SPDX-License-Identifier: Apache-2.0
"""Encodes messages as the bodies of frames, and decodes such bodies. A body is strict JSON, as PROTOCOL.md section 2 defines it.

Law: a body is decoded only if it has exactly the declared fields, and each field has its declared type. Each body has only one
meaning. Therefore duplicate keys, floats, lone surrogates, NUL in text, and a depth above 8 are refused. This module imports
only modules of the standard library that can be imported fast, because every ``jitsudo`` imports it.
"""

from __future__ import annotations

import binascii

from jitpam.wire import notation
from jitpam.wire.faults import LocalProtocolError, RemoteProtocolError
from jitpam.wire.framing import SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from jitpam.wire.messages import Message

MAX_DEPTH = 8
MOST_COMMAS = 20_000  # commas in a client's body: the time to decode it depends on its number of values, and not of bytes
MAX_INTEGER = 2**64 - 1  # as an Inode or in a row: overlay file systems put a layer into the upper bits
MAX_NUMBER = 2**53 - 1  # of all other fields (RFC 7493): a sum fits into the 64 bits of the database and the kernel


def is_text(value: object) -> bool:
    if type(value) is not str or "\0" in value:
        return False
    if value.isascii():  # known at once, of a text of any length
        return True
    try:
        value.encode("utf-8")  # fails for a lone surrogate; checking each character would take a second for the longest text
    except UnicodeEncodeError:
        return False
    return True


def _text(value: object) -> str:
    if not is_text(value):
        raise ValueError("is not text")
    return value  # type: ignore[return-value]


def _within(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError("is not an integer within bounds")
        return value

    return read


def _truth(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


def _bytes(value: object) -> bytes:
    if type(value) is not str:
        raise ValueError("is not base64")
    raw = binascii.a2b_base64(value, strict_mode=True) if value else b""
    if write_bytes(raw) != value:  # the unused bits of the last character must be 0, so that each value has only one form
        raise ValueError("is not canonical base64")
    return raw


def write_bytes(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _json(value: object, depth: int = 2) -> Any:
    """Check ``value``, which is a value of an Item, and return it. Allowed are null, true, false, integers within bounds, and
    text. Lists and objects of these values are also allowed, up to depth MAX_DEPTH. Raises ValueError.
    """
    if depth > MAX_DEPTH:
        raise ValueError("is too deep")
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return _in_a_row(value)
    if type(value) is list:
        return [_json(item, depth + 1) for item in value]
    if type(value) is dict:
        return {_text(name): _json(item, depth + 1) for name, item in value.items()}
    return _text(value)


def _object(value: object) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError("is not an object")
    return _json(value)  # type: ignore[no-any-return]


def _optional(of: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None else of(value)


def _list(of: Callable[[object], Any]) -> Callable[[object], list[Any]]:
    def read(value: object) -> list[Any]:
        if type(value) is not list:
            raise ValueError("is not a list")
        return [of(item) for item in value]

    return read


_in_a_row = _within(-MAX_INTEGER, MAX_INTEGER)
_number = _within(-MAX_NUMBER, MAX_NUMBER)
_count = _within(0, MAX_NUMBER)

READ: dict[str, Callable[[object], Any]] = {
    "int": _number,
    "Count": _count,
    "Inode": _within(0, MAX_INTEGER),
    "bool": _truth,
    "str": _text,
    "Typed": _text,
    "bytes": _bytes,
    "int | None": _optional(_number),
    "Count | None": _optional(_count),
    "str | None": _optional(_text),
    "Typed | None": _optional(_text),
    "bytes | None": _optional(_bytes),
    "list[str]": _list(_text),
    "list[str] | None": _optional(_list(_text)),
    "list[bytes]": _list(_bytes),
    "list[list[bytes]]": _list(_list(_bytes)),
    "dict[str, Any]": _object,
}
"""Maps each declared type to its reader, which raises ValueError with a text that goes on after the field's name."""


def _write(value: Any, kind: str) -> Any:
    if isinstance(value, (list, tuple)):
        return [_write(item, kind) for item in value]
    if isinstance(value, bytes) and "bytes" in kind:
        return write_bytes(value)
    if value is not None and ("bytes" in kind or isinstance(value, bytes)):
        raise ValueError(f"is not {kind}")
    return value


def encode(message: Message) -> bytes:
    """Encode ``message`` as the body of a frame. Raises LocalProtocolError if a value is not of its declared type."""
    body = {"type": message.type}
    for name, kind in message.fields.items():
        try:
            value = _write(message.__dict__[name], kind)
            READ[kind](value)
        except ValueError as fault:
            raise LocalProtocolError(f"{message.type}: {name} {fault}") from None
        body[name] = value
    return notation.write(body)


def weigh(body: bytes, of: dict[str, type[Message]]) -> None:
    """Refuse a client's body if decoding it would take too long. ``of`` is FROM_CLIENT. This check does not decode the body.

    Raises RemoteProtocolError if there are more than MOST_COMMAS commas, or if the body is longer than the limit ``most`` of its
    message type. If a body has more than SMALL bytes, it must begin with its type, as ``encode`` writes it.
    """
    n_commas = body.count(b",")
    if n_commas > MOST_COMMAS:
        raise RemoteProtocolError(f"a message with {n_commas} commas, more than {MOST_COMMAS}")
    if len(body) <= SMALL:
        return
    for kind in of.values():
        if len(body) <= kind.most and body.startswith(b'{"type":"%b",' % kind.type.encode("ascii")):
            return
    raise RemoteProtocolError(f"a message of {len(body)} bytes, more than its kind may have")


def read_object(body: bytes) -> dict[str, Any]:
    """Return the object in ``body``. Raises ValueError."""
    found = notation.read(body)
    if type(found) is not dict:
        raise ValueError("not an object")
    return found


def read_named(body: bytes, tag: str) -> tuple[str, dict[str, Any]]:
    """Return the text in the field ``tag`` of ``body``, the name of the message, and all other fields. Raises ValueError."""
    found = read_object(body)
    return _text(found.pop(tag, None)), found


def read_fields(name: str, found: dict[str, Any], readers: Mapping[str, Callable[[object], Any]]) -> dict[str, Any]:
    """Read each field of the message ``name`` with its reader. Raises ValueError, also if there are other fields than these."""
    if found.keys() != readers.keys():
        raise ValueError(f"{name}: its fields are {', '.join(readers) or 'none'}")
    values = {}
    for field, read in readers.items():
        try:
            values[field] = read(found[field])
        except ValueError as fault:
            raise ValueError(f"{name}: {field} {fault}") from None
    return values


def decode(body: bytes, of: dict[str, type[Message]]) -> Message:
    """Decode the message in ``body``. The type of the message must be one of ``of``, which is FROM_CLIENT or FROM_DAEMON.

    Raises RemoteProtocolError and no other error, whatever the bytes are.
    """
    try:
        name, found = read_named(body, "type")
        if (kind := of.get(name)) is None:
            raise ValueError("no such message")
        return kind(**read_fields(name, found, {field: READ[declared] for field, declared in kind.fields.items()}))
    except ValueError as fault:
        raise RemoteProtocolError(f"a message that cannot be read: {fault}") from None
