# SPDX-License-Identifier: Apache-2.0
"""Values: what people typed, and what names what they did. The record and the stored documents hold commitments in their places,
so that a value can be hidden from a reader, and forgotten, while every seal stays as it is.

Law: a commitment says nothing about its value to anybody who does not have the salt. An entry is found by its commitment alone,
and what is found fits it. Equal values of one owner in one field have one entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from jitd.core.instead import FORGOTTEN as FORGOTTEN
from jitd.core.instead import MISSING as MISSING
from jitd.core.spelling import spelled, unspelled

T = TypeVar("T")
SALT = 32  # bytes of a salt


@dataclass(frozen=True, slots=True)
class Value:
    """Stands in a detail for a value, of which the record gets the commitment. ``field`` is a short name, like ``argv``."""

    field: str
    content: Any


def value(field: str, content: T) -> T | Value:
    """Return ``content`` as a value. What is empty stays as it is, because nobody has typed it."""
    return Value(field, content) if content else content


@dataclass(frozen=True, slots=True)
class Said:
    """Marks a field of a stored object whose content is a value. ``forgotten`` is read in the place of a value that is not there.
    ``write`` makes of the content what JSON can hold, in the form that the record has, and ``read`` the other way; without them,
    the value has the form that it would have in the document. ``name`` is the field of the value, if it is not the name of the
    object's field. If ``after_first`` is true, the first item stays in clear. If ``typed`` is true, it is a text of a person.
    """

    forgotten: Any
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None
    name: str = ""
    after_first: bool = False
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Inline:
    """A field whose content's fields are members of the document. ``after`` says where those go that stand elsewhere."""

    after: Mapping[str, str]


def _texts(words: Iterable[bytes]) -> list[str]:
    return [spelled(word) for word in words]


def _words(texts: list[str]) -> list[bytes]:
    return [unspelled(text) for text in texts]


TEXT = Said(FORGOTTEN)  # a sentence of jitd's. What a person typed stands in quotes in it (`core.wording.with_words`).
TYPED = Said(FORGOTTEN, typed=True)  # what a person typed. Nobody reads it but in quotes (THREATS L-34).
BECAUSE = Said(FORGOTTEN, name="because")
NUMBER = Said(0)
MANY = Said([])
BYTES = Said(FORGOTTEN.encode(), spelled, unspelled)
DIGEST = Said(b"", bytes.hex, bytes.fromhex)
WORDS = Said([FORGOTTEN.encode()], _texts, _words)
ARGUMENTS = Said([FORGOTTEN.encode()], _texts, _words, after_first=True)
PAIRS = Said([], lambda pairs: [_texts(pair) for pair in pairs], lambda pairs: [_words(pair) for pair in pairs])
FACTS = Said([], dict, lambda facts: sorted(facts.items()), "facts")


@dataclass(frozen=True, slots=True)
class Entry:
    """A value with its salt (32 bytes). ``content`` is the value as canonical JSON, ``committed`` its commitment (32 bytes)."""

    field: str
    salt: bytes
    content: bytes
    committed: bytes

    @property
    def value(self) -> Any:
        """The value itself, read from its JSON."""
        return json.loads(self.content)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def commitment(field: str, salt: bytes, content: bytes) -> bytes:
    """Return the commitment (32 bytes) to ``content``, which is canonical JSON (PROTOCOL.md, "The record")."""
    said = b"jitd value 1\n" + salt + _with_length(field) + len(content).to_bytes(8, "big") + content
    return hashlib.sha256(said).digest()


@lru_cache(64)  # there are few fields, and a verification computes millions of commitments
def _with_length(field: str) -> bytes:
    name = field.encode("ascii")
    return len(name).to_bytes(8, "big") + name


def committed_in(part: Any) -> str | None:
    """If ``part`` of a body is a commitment, return its 64 hexadecimal digits, otherwise None."""
    if isinstance(part, dict) and len(part) == 1 and isinstance(found := part.get("committed"), str) and len(found) == 64:
        return found
    return None


def filled(body: Any, say: Callable[[str], Any]) -> Any:
    """Return ``body`` with what ``say`` returns in the place of each commitment; ``say`` gets the 64 hexadecimal digits. In a
    list, a value that is itself a list stands for its items, as the words of a command after its name do.
    """
    if (found := committed_in(body)) is not None:
        return say(found)
    if isinstance(body, dict):
        return {name: filled(part, say) for name, part in body.items()}
    if isinstance(body, list):
        out: list[Any] = []
        for part in body:
            what = filled(part, say)
            if committed_in(part) is not None and isinstance(what, list):
                out += what
            else:
                out.append(what)
        return out
    return body


class Values:
    """The values of the object ``id``, with those of its owner. The owner is the request from which everything else followed, or
    a lock; its id is ``id`` up to the full stop. ``is_forgotten`` is true if values of the owner were forgotten. ``fresh``
    returns a new salt at each call.
    """

    __slots__ = ("_by_commitment", "_by_content", "_fresh", "added", "id", "is_forgotten", "parts")

    def __init__(self, id: str, entries: Iterable[Entry], fresh: Callable[[], bytes], *, is_forgotten: bool = False) -> None:
        self.id, self._fresh, self.is_forgotten = id, fresh, is_forgotten
        self._by_commitment = {entry.committed.hex(): entry for entry in entries}
        self._by_content = {(entry.field, entry.content): named for named, entry in self._by_commitment.items()}
        self.added: list[Entry] = []  # the entries that `commit_to` has made, which are not stored yet
        self.parts: dict[int, tuple[object, object]] = {}
        """Parts written last, by identity, with commitments: a command stays the same while its request changes."""

    def copy(self, id: str = "") -> Values:
        """Return a copy, to which others may add. If ``id`` is given, it is for another object of the owner."""
        made = Values(id or self.id, (), self._fresh, is_forgotten=self.is_forgotten)
        made._by_commitment, made._by_content = self._by_commitment.copy(), self._by_content.copy()
        made.parts = self.parts.copy()
        return made

    def take(self, entries: Iterable[Entry]) -> None:
        """Add ``entries``, which are stored already."""
        for entry in entries:
            named = entry.committed.hex()
            self._by_commitment[named], self._by_content[entry.field, entry.content] = entry, named

    @property
    def owner(self) -> str:
        """The id of the owner."""
        return owner_of(self.id)

    def commit_to(self, field: str, content: Any) -> str:
        """Return the commitment to ``content`` in 64 hexadecimal digits. Without an entry for it, make one."""
        said = _encode(content).encode("ascii")
        if (known := self._by_content.get((field, said))) is not None:
            return known
        salt = self._fresh()
        entry = Entry(field, salt, said, commitment(field, salt, said))
        self.added.append(entry)
        named = entry.committed.hex()
        self._by_commitment[named], self._by_content[field, said] = entry, named
        return named

    def standing(self, value: Value) -> dict[str, str]:
        """Return what stands for ``value`` in a body or in a document."""
        if not isinstance(value, Value):
            raise TypeError(f"{value!r} cannot stand in the record")
        return {"committed": self.commit_to(value.field, value.content)}

    def entry(self, committed: str) -> Entry | None:
        """Return the entry with this commitment (64 hexadecimal digits), or None if there is none."""
        return self._by_commitment.get(committed)

    def get(self, committed: str) -> Any:
        """Return the value with this commitment. Raises KeyError if there is none."""
        return self._by_commitment[committed].value

    def filled(self, body: Any, say: Callable[[Entry], Any] = lambda entry: entry.value) -> Any:
        """Return ``body`` with its values, each as ``say`` has it (``filled``). One that is not here is forgotten, or missing."""
        gone = FORGOTTEN if self.is_forgotten else MISSING

        def put(committed: str) -> Any:
            entry = self._by_commitment.get(committed)
            return gone if entry is None else say(entry)

        return filled(body, put)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._by_commitment.values())

    def __len__(self) -> int:
        return len(self._by_commitment)


def id_in(body: dict[str, Any]) -> str | None:
    """Return the id by which the values of the record ``body`` are found. Return None if it has none."""
    id = body.get("id", body.get("owner"))
    return id if isinstance(id, str) else None


def owner_of(id: str) -> str:
    """Return the id of the owner of the values of the object ``id``: what follows from a request has its id, then a full stop."""
    return id.partition(".")[0]
