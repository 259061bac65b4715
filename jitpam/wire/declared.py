# SPDX-License-Identifier: Apache-2.0
"""Messages between processes of jitd: dataclasses whose fields declare how they are read.

A message is one JSON object in ASCII. One field, the codec's tag, has the name of the message, and each other field has the type
that its annotation declares::

    @dataclass(frozen=True, slots=True)
    class Told:
        n_told: Annotated[int, integer(0, 64)]

    ANSWERS = Codec[Told]("said", {"told": Told})

Law: a message is accepted only if it has exactly the declared fields, each of them is what its type says, and ``check`` of the
message does not object. Everything else raises ValueError. A text must match its pattern as a whole, and its length is looked at
first. What is written is read back before it is sent, so nothing is sent that the receiver would refuse.

``coding`` has the parts of this that ``jitsudo`` uses, too. This module imports what a ``jitsudo`` need not load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from jitpam.wire import coding, notation

M = TypeVar("M")
MOST_BYTES = 160 * 1024  # bytes of a message, if nothing else is declared: as long as a packet (`jitd.beside.packets`)
LONGEST_SENTENCE = 1_000  # characters of a sentence for people, if nothing else is declared
HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"  # a pattern for the name of a host, of at most 253 characters


@dataclass(frozen=True, slots=True)
class Scalar:
    """A declared type. ``read`` returns the value of a field for a value of JSON, and raises ValueError with the end of a
    sentence that begins with the name of the field. ``write`` returns the value of JSON for a value of the field's type.
    """

    read: Callable[[object], Any]
    write: Callable[[Any], Any]

    def where(self, is_right: Callable[[Any], object], what: str) -> Scalar:
        """Return this type, without the values for which ``is_right`` is false. ``what`` names what the others are."""

        inner = self.read

        def read(value: object) -> Any:
            found = inner(value)
            if not is_right(found):
                raise ValueError(f"is not {what}")
            return found

        return Scalar(read, self.write)


def _same(value: Any) -> Any:
    return value


def text(what: str, pattern: str | None = None, *, least: int = 0, most: int | None = None) -> Scalar:
    """Declare a text of ``least`` to ``most`` characters that the regular expression ``pattern`` matches as a whole. It contains
    no NUL and no lone surrogate. ``what`` names it for people, such as "the name of a file".
    """
    form = None if pattern is None else re.compile(pattern)

    def read(value: object) -> str:
        if type(value) is not str or len(value) < least or (most is not None and len(value) > most):
            raise ValueError(f"is not {what}")
        if not coding.is_text(value) or (form is not None and not form.fullmatch(value)):
            raise ValueError(f"is not {what}")
        return value

    return Scalar(read, _same)


def os_text(what: str) -> Scalar:
    """Declare a text without NUL. It may have lone surrogates, which stand for bytes that are not UTF-8 (PEP 383)."""

    def read(value: object) -> str:
        if type(value) is not str or "\0" in value:
            raise ValueError(f"is not {what}")
        return value

    return Scalar(read, _same)


def integer(least: int, most: int) -> Scalar:
    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return value

    return Scalar(read, _same)


TRUTH = Scalar(coding.READ["bool"], _same)


def base64(most: int) -> Scalar:
    """Declare bytes, at most ``most`` of them, in canonical base64 (RFC 4648 section 4)."""

    longest = (most + 2) // 3 * 4
    decode: Callable[[object], bytes] = coding.READ["bytes"]

    def read(value: object) -> bytes:
        if type(value) is not str or len(value) > longest or len(found := decode(value)) > most:
            raise ValueError(f"is not the base64 of at most {most} bytes")
        return found

    return Scalar(read, coding.write_bytes)


def one_of(words: Collection[str], what: str) -> Scalar:
    return text(what).where(frozenset(words).__contains__, what)


def member_of(kind: type[StrEnum], what: str) -> Scalar:
    """Declare a member of ``kind``, which is written as its value."""

    def read(value: object) -> StrEnum:
        if type(value) is not str or value not in kind.__members__.values():
            raise ValueError(f"is not {what}")
        return kind(value)

    return Scalar(read, str)


def optional(of: Scalar) -> Scalar:
    """Declare a value of the type ``of``, or None."""
    return Scalar(
        lambda value: None if value is None else of.read(value), lambda value: None if value is None else of.write(value)
    )


def list_of(item: Scalar, least: int = 0, most: int | None = None) -> Scalar:
    """Declare a tuple of ``least`` to ``most`` items, which is written as a list."""
    n = f"at least {least}" if most is None else f"{least} to {most}"

    read_item, write_item = item.read, item.write

    def read(value: object) -> tuple[Any, ...]:
        if type(value) is not list or len(value) < least or (most is not None and len(value) > most):
            raise ValueError(f"is not a list of {n} items")
        return tuple([read_item(one) for one in value])

    return Scalar(read, list if write_item is _same else lambda value: [write_item(one) for one in value])


def row(*columns: Scalar) -> Scalar:
    """Declare a tuple with an item for each of ``columns``, which is written as a list."""

    def read(value: object) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(columns):
            raise ValueError(f"is not a list of {len(columns)} items")
        return tuple([column.read(one) for column, one in zip(columns, value, strict=True)])

    def write(value: Any) -> list[Any]:
        return [column.write(one) for column, one in zip(columns, value, strict=True)]

    return Scalar(read, list if all(column.write is _same for column in columns) else write)


def row_of(kind: type) -> Scalar:
    """Declare an object of the dataclass ``kind``, which is written as a list of its fields."""
    declared = declared_by(kind)
    columns = row(*declared.values())

    def read(value: object) -> Any:
        return kind(*columns.read(value))

    return Scalar(read, lambda value: columns.write([getattr(value, name) for name in declared]))


def table_of(name: Scalar, of: Scalar, most: int) -> Scalar:
    """Declare pairs of a name and a value, at most ``most`` of them. They are written as an object, sorted by name."""

    def read(value: object) -> tuple[tuple[Any, Any], ...]:
        if type(value) is not dict or len(value) > most or list(value) != sorted(value):
            raise ValueError(f"is not an object of at most {most} names, sorted by name")
        return tuple((name.read(key), of.read(one)) for key, one in value.items())

    return Scalar(read, lambda value: {name.write(key): of.write(one) for key, one in value})


def sentence(said: str, most: int = LONGEST_SENTENCE) -> str:
    """Return ``said`` as a sentence that a message may have: printable ASCII only, 1 to ``most`` characters."""
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in said) or "?"
    return plain if len(plain) <= most else plain[: most - 3] + "..."


def sentence_of(most: int = LONGEST_SENTENCE) -> Scalar:
    return text("a sentence", r"[ -~]+", most=most)


@dataclass(frozen=True, slots=True)
class _Inline:
    """The annotation of a field whose own fields stand in the message, in its place."""


@dataclass(frozen=True, slots=True)
class _Carried:
    """The annotation of a field that is not written: a descriptor that is sent in the same packet, or None."""


INLINE, CARRIED = _Inline(), _Carried()


@dataclass(frozen=True, slots=True)
class Spread:
    """The annotation of a field that is written as several fields of the message, which have the ``types``. ``part`` returns
    their values for the value of the field. ``join`` returns the value of the field for theirs, or raises ValueError.
    """

    types: Mapping[str, Scalar]
    part: Callable[[Any], Collection[Any]]
    join: Callable[..., Any]

    def is_of(self, _: object) -> bool:
        return True

    def make(self, values: Mapping[str, Any]) -> Any:
        return self.join(*(values[name] for name in self.types))

    def take_apart(self, value: Any) -> dict[str, Any]:
        return {name: how.write(one) for (name, how), one in zip(self.types.items(), self.part(value), strict=True)}


def declared_by(kind: type) -> dict[str, Scalar]:
    """Return the declared types of the fields of the dataclass ``kind``, without fields that are CARRIED, INLINE or Spread.
    Raises TypeError if a field declares none: this is a defect of the program.
    """
    return {name: how for name, how in _annotations(kind) if isinstance(how, Scalar)}


def _annotations(kind: type) -> list[tuple[str, Any]]:
    """Return the names of the fields of ``kind``, in order, each with its Scalar, Spread, _Inline or _Carried."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for one in fields(kind):
        said = [each for each in get_args(hints[one.name])[1:] if isinstance(each, Scalar | Spread | _Inline | _Carried)]
        if hints[one.name] is bool:
            said = [TRUTH]
        if len(said) != 1:
            raise TypeError(f"{kind.__name__}.{one.name} declares no type of a message")
        found.append((one.name, said[0]))
    return found


class _Shape:
    """How objects of ``kind`` are read and written. ``inline`` is its INLINE field's type, if there may be several."""

    def __init__(self, kind: type, inline: type | None = None) -> None:
        self.kind = kind
        self.types: dict[str, Scalar] = {}
        self.carried = ""  # the name of the field that has a descriptor, or empty
        rules = getattr(kind, "check", None)
        self._check = rules if callable(rules) else None  # a field may have this name, too
        self._own: list[str] = []
        self._parts: dict[str, _Shape | Spread] = {}
        hints = get_type_hints(kind)
        for name, how in _annotations(kind):
            if isinstance(how, Scalar):
                self._own.append(name)
                self.types[name] = how
            elif isinstance(how, _Carried):
                self.carried = name
            else:
                part = self._parts[name] = how if isinstance(how, Spread) else _Shape(inline or hints[name])
                self.types |= part.types
        self.readers = {name: how.read for name, how in self.types.items()}

    def is_of(self, message: object) -> bool:
        """True if ``message`` is such an object."""
        return type(message) is self.kind and all(part.is_of(getattr(message, name)) for name, part in self._parts.items())

    def make(self, values: Mapping[str, Any]) -> Any:
        """Return the object with the values of all fields, its own and those of objects in it. Raises ValueError."""
        made = self.kind(
            **{name: values[name] for name in self._own}, **{name: part.make(values) for name, part in self._parts.items()}
        )
        if self._check is not None:
            self._check(made)
        return made

    def take_apart(self, message: Any) -> dict[str, Any]:
        """Return the values of JSON of all fields, in order."""
        values = {name: self.types[name].write(getattr(message, name)) for name in self._own}
        for name, part in self._parts.items():
            values |= part.take_apart(getattr(message, name))
        return {name: values[name] for name in self.types}


class Codec(Generic[M]):
    """Writes and reads the messages of one direction.

    ``tag`` is the field with the name of a message, and ``kinds`` maps each name to the dataclass. If the INLINE field of
    a dataclass may be of several types, each of them has a name, which is mapped to the dataclass and the type. If ``tag`` is
    empty, messages have no such field, and a message is of the kind whose fields it has. A dataclass may have a method ``check``
    for rules over several fields, which raises ValueError. ``most`` is the maximum number of bytes of a message.
    """

    def __init__(self, tag: str, kinds: Mapping[str, type | tuple[type, type]], most: int = MOST_BYTES) -> None:
        self._tag = tag
        self._most = most
        self._shapes = {name: _Shape(*kind) if isinstance(kind, tuple) else _Shape(kind) for name, kind in kinds.items()}
        self.carries = any(shape.carried for shape in self._shapes.values())  # true if a message may have a descriptor
        self._by_fields = {frozenset(shape.types): name for name, shape in self._shapes.items()}
        if not tag and len(self._by_fields) != len(kinds):
            raise TypeError("two kinds of messages have the same fields, and no name")

    def write(self, message: M) -> bytes:
        """Return the bytes of ``message``, without what is sent beside it. Raises ValueError if ``read`` would refuse them."""
        name, shape = self._named(message)
        written = notation.write(({self._tag: name} if self._tag else {}) | shape.take_apart(message))
        alone: Any = replace(message, **{shape.carried: None}) if shape.carried else message  # type: ignore[type-var]
        if self.read(written) != alone:
            raise ValueError("the message changes when it is written and read again")
        return written

    def carried_by(self, message: M) -> int | None:
        """Return the descriptor that has to be sent in the same packet as ``message``, or None."""
        field = self._named(message)[1].carried
        return getattr(message, field) if field else None

    def _named(self, message: M) -> tuple[str, _Shape]:
        for name, shape in self._shapes.items():
            if shape.is_of(message):
                return name, shape
        raise ValueError(f"{type(message).__name__} is not a message of this direction")

    def read(self, written: bytes, carried: int | None = None) -> M:
        """Return the message in ``written``. ``carried`` is the descriptor that came with it, or None. Raises ValueError and no
        other error, whatever the bytes are; then the caller has to close the descriptor.
        """
        if len(written) > self._most:
            raise ValueError(f"the message has more than {self._most} bytes")
        if not written.isascii():
            raise ValueError("the message is not ASCII")
        name, found = coding.read_named(written, self._tag) if self._tag else self._recognize(coding.read_object(written))
        if (shape := self._shapes.get(name)) is None:
            raise ValueError("no such message")
        message = shape.make(coding.read_fields(name, found, shape.readers))
        if carried is None:
            return message  # type: ignore[no-any-return]
        if not shape.carried:
            raise ValueError(f"{name} came with a descriptor, but must have none")
        return replace(message, **{shape.carried: carried})  # type: ignore[no-any-return]

    def _recognize(self, found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if (name := self._by_fields.get(frozenset(found))) is None:
            raise ValueError("its fields are not those of a message")
        return name, found
