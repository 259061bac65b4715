# SPDX-License-Identifier: Apache-2.0
"""Reads the lines of jitd in files that others keep, and verifies a record that is there in lines: an export, or what a sink has
written.

Law: what jitd did not write is passed over, and what it wrote and cannot be read is a finding. The order of the lines means
nothing, and a line may be there more than once. How much memory this takes does not depend on the number of lines.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jitd.audit import forms
from jitd.audit.allowed_signers import NamedKey
from jitd.audit.chain_walk import Row, walk
from jitd.audit.findings import Flaw, Report, Wrong
from jitd.audit.forms import Checkpoint, Conviction, Countersignature, Digest, Record, RecordLine
from jitd.audit.heads import Heads, Signed
from jitd.audit.keys import Keys
from jitd.audit.strict_json import canonical, is_same
from jitd.core.chain import GENESIS, Seal
from jitd.core.values import commitment as commit
from jitd.core.values import committed_in
from jitd.core.wording import INSTEAD

PlacedLine = tuple[str, str]  # where a line stands, for people, and the line


@dataclass(frozen=True, slots=True)
class VerifiedLines:
    """What lines of one host have proved: the records from ``first`` to ``last``, of which ``n_shown`` are there as they were
    sealed, and the others by their digests. ``signed`` says what good signatures prove.
    """

    host: str
    first: int
    last: int
    n_shown: int
    signed: Signed


def read(lines: Iterable[PlacedLine], damaged: Callable[[str, str], None]) -> Iterator[tuple[str, RecordLine]]:
    """Yield each line of jitd with its place. ``damaged`` takes the place of a line that cannot be read, and why."""
    for place, text in lines:
        try:
            line = forms.find(text)
        except ValueError as fault:
            damaged(place, str(fault))
            continue
        if line is not None and not isinstance(line, Conviction):  # what proves one lies with the witness
            yield place, line


def add_to(heads: Heads, lines: Iterable[PlacedLine], host: str) -> int:
    """Add to ``heads`` what ``lines`` say of ``host``. Return the number of lines."""
    n = 0
    for place, line in read(lines, heads.add_unreadable):
        if line.host != host:
            continue
        n += 1
        if isinstance(line, Record):
            heads.add_record(line.number, _digest(line), place)
        elif isinstance(line, Digest):
            heads.add_record(line.number, line.digest, place)
        else:
            heads.add_signed(line, place)
    return n


def verify_lines(
    lines: Iterable[PlacedLine], report: Report, *, others: Iterable[PlacedLine] = (), given: Iterable[NamedKey] = ()
) -> list[VerifiedLines]:
    """Verify the records in ``lines``, of each host by itself. ``others`` are lines that somebody else keeps of the same hosts,
    and ``given`` the keys by which signatures count. Without any, the hosts' keys are those that the records name.
    """
    found = _Found(report)
    for place, line in read(lines, found.damaged):
        found.add(place, line)
    for place, line in read(others, found.damaged):
        found.add_other(place, line)
    return [found.verify(host, Keys(given)) for host in found.hosts()]


class _Found:
    """What was found in the lines, in a temporary file that nobody else can open. It has no values."""

    def __init__(self, report: Report) -> None:
        self._report_to = report
        self._n_found = 0
        self._heads: dict[str, Heads] = {}
        self._changes: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA cache_size = -16384;"
            "CREATE TABLE rows (host, number, digest, seal, is_shown, place, PRIMARY KEY (host, number)) WITHOUT ROWID;"
            "CREATE TABLE signed (host, number, seal, PRIMARY KEY (host, number)) WITHOUT ROWID"
        )

    def _report(self, finding: Flaw) -> None:
        self._n_found += 1
        self._report_to(finding)

    def damaged(self, place: str, why: str) -> None:
        self._report(Flaw(Wrong.EDITED, 0, f"{place} {why}"))

    def add(self, place: str, line: RecordLine) -> None:
        if isinstance(line, Record):
            self._check(place, line)
            self._add_row(line.host, line.number, _digest(line), line.seal, place, is_shown=bool(line.sealed))
        elif isinstance(line, Digest):
            self._add_row(line.host, line.number, line.digest, None, place, is_shown=False)
        else:
            self._add_head(place, line)

    def add_other(self, place: str, line: RecordLine) -> None:
        if isinstance(line, Record | Digest):
            digest = _digest(line) if isinstance(line, Record) else line.digest
            self._of(line.host).add_record(line.number, digest, place)
        else:
            self._add_head(place, line)

    def _of(self, host: str) -> Heads:
        return self._heads.setdefault(host, Heads())

    def _add_head(self, place: str, line: Checkpoint | Countersignature) -> None:
        if self._of(line.host).add_signed(line, place):
            self._db.execute("INSERT OR IGNORE INTO signed VALUES (?, ?, ?)", (line.host, line.number, line.seal))

    def _add_row(self, host: str, number: int, digest: bytes, seal: bytes | None, place: str, *, is_shown: bool) -> None:
        try:
            self._db.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", (host, number, digest, seal, is_shown, place))
            return
        except sqlite3.IntegrityError:
            pass
        query = "SELECT digest, seal, place FROM rows WHERE host = ? AND number = ?"
        ((known, known_seal, first),) = self._db.execute(query, (host, number)).fetchall()
        if known != digest or (seal is not None and known_seal not in (None, seal)):
            text = f"record {number} is there twice, and is not the same: {first}, {place}"
            self._report(Flaw(Wrong.ADDED, number, text))
        elif seal is not None:
            update = "UPDATE rows SET seal = ?, is_shown = max(is_shown, ?) WHERE host = ? AND number = ?"
            self._db.execute(update, (seal, is_shown, host, number))

    def _check(self, place: str, line: Record) -> None:
        """Report what is wrong with a record by itself."""
        values: dict[str, Any] = {}
        for said in line.values:
            if commit(said.field, said.salt, canonical(said.value)) != said.committed:
                text = f"{place}: the value {said.field} is not the one to which record {line.number} commits"
                self._report(Flaw(Wrong.VALUE_DIFFERS, line.number, text))
            values[said.committed.hex()] = said.value
        if not line.sealed:
            return  # what its reader may not see would be in it
        try:
            content = json.loads(line.sealed)
            if not isinstance(content, dict) or canonical(content) != line.sealed:
                raise ValueError
        except (ValueError, RecursionError):
            text = f"{place}: record {line.number} is not a record of jitd in canonical form"
            self._report(Flaw(Wrong.EDITED, line.number, text))
            return
        if any(f'{{"committed":"{committed}"}}'.encode("ascii") not in line.sealed for committed in values):
            text = f"{place}: there is a value to which record {line.number} does not commit"
            self._report(Flaw(Wrong.VALUE_DIFFERS, line.number, text))
        elif not _is_as_sealed(line, content, values):
            text = f"{place}: record {line.number} is told otherwise than it was sealed"
            self._report(Flaw(Wrong.EDITED, line.number, text))
        if str(content.get("event")).startswith("key."):
            self._changes.setdefault(line.host, []).append((line.number, content))

    def hosts(self) -> list[str]:
        return [host for (host,) in self._db.execute("SELECT DISTINCT host FROM rows")]

    def verify(self, host: str, keys: Keys) -> VerifiedLines:
        heads, n_before = self._of(host), self._n_found
        heads.begin()
        for number, content in sorted(self._changes.get(host, ()), key=lambda change: change[0]):
            keys.take(number, content, self._report)
        query = "SELECT min(number), max(number), sum(is_shown) FROM rows WHERE host = ?"
        ((first, last, n_shown),) = self._db.execute(query, (host,)).fetchall()
        for (number, digest, _, _), seal, _ in walk(lambda: self._rows(host), self._report, self._start(host, first)):
            heads.take(number, None if seal is None else seal.digest, digest)
        is_told = self._n_found > n_before
        signed = heads.end(last, keys, self._report, is_told=is_told, is_older=False)
        if signed.newest is None and self._n_found == n_before:
            text = f"no checkpoint by {host} is there, so nothing says that these records are its own"
            self._report(Flaw(Wrong.REMOVED, first, text))
        return VerifiedLines(host, first, last, n_shown, signed)

    def _start(self, host: str, first: int) -> Seal | None:
        if first == 1:
            return GENESIS
        row = self._db.execute("SELECT seal FROM signed WHERE host = ? AND number = ?", (host, first - 1)).fetchone()
        return None if row is None else Seal(first - 1, row[0])

    def _rows(self, host: str) -> Iterator[Row]:
        query = (
            "SELECT rows.number, digest, coalesce(rows.seal, signed.seal) FROM rows LEFT JOIN signed"
            " ON signed.host = rows.host AND signed.number = rows.number WHERE rows.host = ? ORDER BY rows.number"
        )
        for number, digest, seal in self._db.execute(query, (host,)):
            yield number, digest, seal, b""


def _digest(line: Record) -> bytes:
    return hashlib.sha256(line.sealed).digest() if line.sealed else line.digest


def _is_as_sealed(line: Record, content: dict[str, Any], values: Mapping[str, Any]) -> bool:
    """True if ``line`` tells programs the same as it has sealed, which is ``content``."""
    told = {name: part for name, part in line.told.items() if name in content or not _is_beside(name)}
    if not values and canonical(told) == line.sealed:
        return True
    return _is_told(told, content, values)


def _is_beside(name: str) -> bool:
    """True for a member that a sink or a collector adds. No seal covers it."""
    return name == "classes" or name[:1] in ("@", "_")


def _is_told(told: Any, sealed: Any, values: Mapping[str, Any]) -> bool:
    """True if ``told`` is ``sealed`` with ``values`` in the places of their commitments, and words in those of others."""
    if (committed := committed_in(sealed)) is not None:
        return is_same(told, values[committed]) if committed in values else _is_word(told)
    if isinstance(sealed, dict):
        return (
            isinstance(told, dict)
            and told.keys() == sealed.keys()
            and all(_is_told(told[name], part, values) for name, part in sealed.items())
        )
    if isinstance(sealed, list) and isinstance(told, list):
        return _is_told_list(told, sealed, values)
    return is_same(told, sealed)


def _is_told_list(told: list[Any], sealed: list[Any], values: Mapping[str, Any]) -> bool:
    """In a list, a value that is itself a list stands for its items, and one word for all that is hidden."""
    expected: list[Any] = []
    n_hidden = 0
    for part in sealed:
        committed = committed_in(part)
        if committed is None:
            expected.append(part)
        elif committed not in values:
            n_hidden += 1
        elif isinstance(values[committed], list):
            expected += values[committed]
        else:
            expected.append(values[committed])
    rest = [one for one in told if not _is_word(one) or one in expected] if n_hidden else told
    return (
        len(rest) == len(expected)
        and len(told) - len(rest) in range(min(n_hidden, 1), n_hidden + 1)
        and all(_is_told(one, part, values) for one, part in zip(rest, expected, strict=True))
    )


def _is_word(told: Any) -> bool:
    return isinstance(told, str) and told in INSTEAD
