# SPDX-License-Identifier: Apache-2.0
"""Values: what people typed, and what names what they did. The record and the stored documents hold commitments in their places,
so that a value can be hidden from a reader, and forgotten, while every seal stays as it is.

Law: a commitment says nothing about its value to anybody who does not have the salt. An entry is found by its commitment alone,
and what is found fits it. Equal values of one owner in one field have one entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from jitd.core.frozen import dataclass

SALT = 32
"""Number of bytes of a salt."""
FORGOTTEN = "‹forgotten›"
"""What readers see in the place of a value that is kept no longer."""


@dataclass(frozen=True, slots=True)
class Value:
    """Stands in the detail of an event or a note for a value. ``content`` is anything that JSON can hold; ``field`` is a short
    name in ASCII, such as ``argv``. The record gets the commitment.
    """

    field: str
    content: Any


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
    name = field.encode("ascii")
    lengths = len(name).to_bytes(8, "big"), len(content).to_bytes(8, "big")
    return hashlib.sha256(b"jitd value 1\n" + salt + lengths[0] + name + lengths[1] + content).digest()


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
    """The values of one owner. The owner is a request with everything that follows from it, or a lock. Its id has no full stop.
    ``fresh`` returns a new salt at each call.
    """

    __slots__ = ("_by_commitment", "_by_content", "_fresh", "added", "owner")

    def __init__(self, owner: str, entries: Iterable[Entry], fresh: Callable[[], bytes]) -> None:
        self.owner = owner
        self._fresh = fresh
        self._by_commitment: dict[str, Entry] = {}
        self._by_content: dict[tuple[str, bytes], str] = {}
        self.added: list[Entry] = []
        """The entries that ``commit`` has made, which are not stored yet."""
        for entry in entries:
            self._note(entry)

    def _note(self, entry: Entry) -> str:
        committed = entry.committed.hex()
        self._by_commitment[committed] = entry
        self._by_content[entry.field, entry.content] = committed
        return committed

    def commit(self, field: str, content: Any) -> str:
        """Return the commitment to ``content`` in 64 hexadecimal digits. Without an entry for it, make one."""
        said = _encode(content).encode("ascii")
        if (known := self._by_content.get((field, said))) is not None:
            return known
        salt = self._fresh()
        entry = Entry(field, salt, said, commitment(field, salt, said))
        self.added.append(entry)
        return self._note(entry)

    def entry(self, committed: str) -> Entry | None:
        """Return the entry with this commitment (64 hexadecimal digits), or None if there is none."""
        return self._by_commitment.get(committed)

    def get(self, committed: str) -> Any:
        """Return the value with this commitment. Raises KeyError if there is none."""
        return self._by_commitment[committed].value

    def filled(self, body: Any, say: Callable[[Entry], Any] = lambda entry: entry.value, missing: Any = FORGOTTEN) -> Any:
        """Return ``body`` with its values filled in, each as ``say`` has it (see ``filled`` of this module). ``missing`` stands
        for values that are here no longer.
        """

        def put(committed: str) -> Any:
            entry = self._by_commitment.get(committed)
            return missing if entry is None else say(entry)

        return filled(body, put)

    def __iter__(self) -> Any:
        return iter(self._by_commitment.values())
