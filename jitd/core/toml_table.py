# SPDX-License-Identifier: Apache-2.0
"""One table of a document. The values are read key by key, with strict types. The faults are collected.
Law: a value of the wrong type is a fault and is never converted. For example, a bool is not a number. An unknown key is also a
fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from jitd.core.duration import read_duration
from jitd.core.toml_document import Document, Fault, Trail

T = TypeVar("T")


class Table:
    """The table at ``place`` of the rule named ``rule``. All its faults are added to ``faults``."""

    def __init__(self, document: Document, place: Trail, values: dict[str, object], faults: list[Fault], rule: str = "") -> None:
        self.document = document
        self.place = place
        self.values = values
        self.faults = faults
        self.rule = rule
        self.meant: set[str] = set()  # probably meant by an unknown key, whose fault is reported, and not that they are missing

    def fault(self, sentence: str, *where: str | int) -> None:
        """Add a fault at the key ``where`` of this table. If ``where`` is empty, add the fault at the table itself."""
        self.faults.append(Fault(self.document.file, self.document.line_of(self.place + where), self.rule, sentence))

    def known(self, keys: Sequence[str], misplaced: Sequence[str] = (), why: str = "") -> None:
        """Add a fault for each key not in ``keys``: ``why`` for those of another table (``misplaced``)."""
        for key in self.values:
            if key in keys:
                continue
            if key in misplaced:
                self.fault(f'"{key}" {why}', key)
            else:
                near = difflib.get_close_matches(key, keys, n=1)
                self.meant.update(near)
                self.fault(f"unknown key {quoted(key)}" + (f': did you mean "{near[0]}"?' if near else ""), key)

    def needs(self, *keys: str) -> None:
        """Add a fault for each of ``keys`` that is missing in the table. Call ``known`` first: it finds misspelt keys."""
        for key in keys:
            if key not in self.values and key not in self.meant:
                self.fault(f'needs "{key}"')

    def kind(self, common: Sequence[str], keys_of: Mapping[str, Sequence[str]]) -> str:
        """Return the value of ``kind``, which is a key of ``keys_of``. Add a fault for each key that is neither in ``common`` nor
        among those that ``keys_of`` has for this kind.
        """
        self.needs("kind")
        kind = self.text("kind", next(iter(keys_of)), tuple(keys_of))
        others = [key for keys in keys_of.values() for key in keys if key not in keys_of[kind]]
        self.known((*common, *keys_of[kind]), misplaced=others, why=f'is not for kind "{kind}"')
        return kind

    def text(self, key: str, default: str, allowed: Sequence[str] = ()) -> str:
        """Return the string under ``key``. If ``allowed`` is not empty, the string must be one of the words in ``allowed``."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            self.fault(f'"{key}" must be a string', key)
        elif allowed and value not in allowed:
            self.fault(f'"{key}" must be {" or ".join(quoted(word) for word in allowed)}, not {quoted(value)}', key)
        else:
            return value
        return default

    def sentence(self, key: str, most: int = 1000) -> str:
        """Return one line of printable characters for people, or "" if the key is missing."""
        value = self.text(key, "")
        if key in self.values and isinstance(self.values[key], str):
            if not value.strip():
                self.fault(f'"{key}" is empty', key)
            elif not value.isprintable():
                self.fault(f'"{key}" must be one line of printable characters', key)
            elif len(value) > most:
                self.fault(f'"{key}" is longer than {most} characters', key)
        return value

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """Return the whole number under ``key``, which must be between ``least`` and ``most`` (inclusive)."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.fault(f'"{key}" must be a whole number from {least} to {most}', key)
            return default
        return value

    def flag(self, key: str) -> bool:
        """Return the boolean under ``key``, or False if the key is missing."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fault(f'"{key}" must be true or false', key)
            return False
        return value

    def duration(self, key: str, default: int) -> int:
        """Return the duration under ``key`` as a number of seconds."""
        if key not in self.values:
            return default
        value = self.values[key]
        seconds = read_duration(value) if isinstance(value, str) else None
        if seconds is None:
            self.fault(f'"{key}" must be a duration from 1s to 3650d, such as "15m" or "1h30m"', key)
            return default
        return seconds

    def words(self, key: str, default: tuple[T, ...], read: Callable[[str], T], may_be_empty: bool = False) -> tuple[T, ...]:
        """Return the results of ``read`` for each string of the list under ``key``. ``read`` may raise ValueError with a
        sentence for the fault. An empty list is a fault unless ``may_be_empty`` is True.
        """
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, list):
            self.fault(f'"{key}" must be a list of strings', key)
            return default
        if not value and not may_be_empty:
            self.fault(f'"{key}" is empty', key)
        found = []
        for index, word in enumerate(value):
            if not isinstance(word, str):
                self.fault(f'"{key}" must be a list of strings', key, index)
                continue
            try:
                found.append(read(word))
            except ValueError as error:
                self.fault(f'"{key}": {error}', key, index)
        return tuple(found)

    def table(self, key: str) -> Table:
        """Return the table under ``key``. If the key is missing, return an empty table."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.fault(f'"{key}" must be a table', key)
            value = {}
        return Table(self.document, self.place + (key,), value, self.faults, self.rule)

    def tables(self, key: str, kind: str) -> list[Table]:
        """Return the array of tables under ``key``. If it is none, add the fault that it must be ``kind``."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.fault(f'"{key}" must be {kind}', key)
            return []
        found = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Table(self.document, self.place + (key, index), item, self.faults, self.rule))
            else:
                self.fault(f'"{key}" must be {kind}', key, index)
        return found


def quoted(text: str, most: int = 80) -> str:
    """Return ``text`` on one line, in double quotes. The text is cut after ``most`` characters."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:most])
    return f'"{shown}{"…" if len(text) > most else ""}"'
