# SPDX-License-Identifier: Apache-2.0
"""Compares a chain with what others know of it: heads that the host or a witness has signed, the head that the daemon noted, and
records as a collector has them.

Law: somebody who can write to the host can write its whole chain again, with good seals. So the chain is judged here by what
does not lie beside it. What was signed counts only if the key is good, and a signature is looked at before anything is believed
of it. Only a signature accuses: a record of a copy counts if the copy leads to a signed head, and otherwise it is a claim. How
much memory this takes does not depend on how many lines there are: they are in a temporary file that nobody else can
open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import dataclass as mutable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from jitd.audit import sshsig
from jitd.audit.findings import Flaw, Report, Wrong
from jitd.audit.forms import CHECKPOINT_NAMESPACE, Checkpoint, Countersignature
from jitd.audit.keys import Keys
from jitd.core.chain import GENESIS, Seal, seal_over

MOST_DIFFERENCES = 1000  # differences from a collector's records that are reported
OLDER = "everything that is stored is as old, so an older state was put back"
OWN = ""  # the place of a checkpoint that lies beside the chain itself


@dataclass(frozen=True, slots=True)
class Head:
    """A head of the chain as somebody knows it. ``who`` is the name of the host or of a witness. ``namespace`` and the public key
    ``key`` are those of its signature; they are None if it was not signed. ``place`` says where it was read.
    """

    number: int
    seal: bytes
    at: datetime | None
    who: str
    namespace: str | None
    key: bytes | None
    place: str = OWN

    def told(self) -> str:
        """Return the beginning of a sentence about this head."""
        when = "" if self.at is None else f" at {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        who = {None: "jitd has noted it", CHECKPOINT_NAMESPACE: "the host has signed it"}
        said = who.get(self.namespace, f"the witness {self.who} has signed it")
        return f"{said}{when} ({self.place or 'in the database'})"


@mutable(slots=True)
class _OfKey:
    """What the heads by one key say of the chain: the first ``apart`` from it, and the newest ``beyond`` it."""

    n: int = 0
    first: Head | None = None
    last: Head | None = None
    agreed: Head | None = None
    own_agreed: Head | None = None
    apart: Head | None = None
    beyond: Head | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """What the heads have proved: there are ``n`` good signatures, and ``newest`` is the newest that the chain agrees with.
    ``is_cut`` is True if the chain once had more records, ``is_whole`` if no head and no copy of a record speaks against it.
    """

    n: int
    newest: Head | None
    is_cut: bool
    is_whole: bool


def checked(line: Checkpoint | Countersignature, place: str = OWN) -> Head:
    """Return the head that is signed in ``line``. Raises BadSignature."""
    who = line.witness if isinstance(line, Countersignature) else line.host
    try:
        key = sshsig.signer(line.signature)
        sshsig.check_signature(key, line.NAMESPACE, line.signed.encode("ascii"), line.signature)
    except (ValueError, TypeError, AttributeError):  # a damaged row has any types
        raise sshsig.BadSignature("cannot be read") from None
    return Head(line.number, line.seal, line.at, who, line.NAMESPACE, key, place)


class Heads:
    """``add`` all, ``begin``, ``take`` each record, oldest first, ``end``. Again: ``drop_own``, add that, ``begin``."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA cache_size = -16384;"
            "CREATE TABLE heads (number, seal, at, who, namespace, key, place);"
            "CREATE TABLE records (number PRIMARY KEY, digest, place) WITHOUT ROWID"
        )
        self._found: list[Flaw] = []
        self._of: dict[tuple[str, str | None, bytes | None], _OfKey] = {}
        self._next: Head | None = None
        self._rows: sqlite3.Cursor | None = None
        self._copy: _Copy | None = None

    def add_signed(self, line: Checkpoint | Countersignature, place: str = OWN) -> bool:
        """Add a signed head, if its signature is right. Return False if it is not, which is a finding."""
        try:
            self.add(checked(line, place))
        except sshsig.BadSignature as fault:
            what = "checkpoint" if isinstance(line, Checkpoint) else "countersignature"
            text = f"{_in(place)}the signature of the {what} of record {line.number} {fault}"
            self._found.append(Flaw(Wrong.FORGED, line.number, text))
            return False
        return True

    def add(self, head: Head) -> None:
        at = None if head.at is None else head.at.timestamp()
        row = (head.number, head.seal, at, head.who, head.namespace, head.key, head.place)
        self._db.execute("INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def add_record(self, number: int, digest: bytes, place: str) -> None:
        """Add a record as a collector has it, by the SHA-256 of its body."""
        try:
            self._db.execute("INSERT INTO records VALUES (?, ?, ?)", (number, digest, place))
        except sqlite3.IntegrityError:
            ((known, first),) = self._db.execute("SELECT digest, place FROM records WHERE number = ?", (number,)).fetchall()
            if known != digest:
                self._found.append(_claim(number, f"record {number} is another one than {first} has", place))

    def add_unreadable(self, place: str, why: str) -> None:
        """Add that a line of jitd cannot be read."""
        self._found.append(Flaw(Wrong.EDITED, 0, f"{place} {why}"))

    def begin(self) -> None:
        """End adding."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_number ON heads (number)")
        self._of.clear()
        self._rows = self._db.execute(f"SELECT {_COLUMNS} FROM heads ORDER BY number")
        self._copy = _Copy(self._db)
        self._advance()

    def drop_own(self) -> None:
        """Remove the checkpoints that lie beside the chain."""
        self._rows = None
        self._db.execute("DELETE FROM heads WHERE place = ?", (OWN,))

    @property
    def has_copies(self) -> bool:
        """True if ``take`` needs all records of the chain, and otherwise those of ``numbers`` alone."""
        return self._db.execute("SELECT 1 FROM records LIMIT 1").fetchone() is not None

    def numbers(self) -> Iterator[int]:
        """Yield the number of each record of which a head is known, in their order."""
        for (number,) in self._db.execute("SELECT DISTINCT number FROM heads ORDER BY number"):
            yield number

    def _advance(self) -> None:
        assert self._rows is not None
        row = self._rows.fetchone()
        self._next = None if row is None else _head(row)

    def take(self, number: int, seal: bytes | None, digest: bytes) -> None:
        """Compare record ``number`` of the chain. ``seal`` is None if it is not known."""
        while self._next is not None and self._next.number <= number:
            head = self._next
            of = self._count(head)
            if head.number == number and seal is not None:
                if head.seal == seal:
                    of.agreed = head
                    if head.place == OWN:
                        of.own_agreed = head
                elif of.apart is None:
                    of.apart = head
            self._advance()
        assert self._copy is not None
        self._copy.take(number, digest)

    def _count(self, head: Head) -> _OfKey:
        of = self._of.setdefault((head.who, head.namespace, head.key), _OfKey())
        of.n += 1
        of.first, of.last = of.first or head, head
        return of

    def end(self, last: int, keys: Keys, report: Report, *, is_told: bool, is_older: bool) -> Signed:
        """Report what is wrong. ``last`` is the number of the last record. ``is_told`` is true if a fault of the chain itself was
        reported, so that the seals after it are others. ``is_older`` is true if the objects that are stored beside the chain are
        as it says, so that they are as old as it is.
        """
        assert self._copy is not None
        while self._next is not None:
            self._count(self._next).beyond = self._next
            is_older = is_older and self._next.place != OWN  # what lies beside the chain is newer than the chain
            self._advance()
        for finding in self._found:
            report(finding)
        self._see_first(keys)
        good = [of for of in self._of.values() if _counts(of, keys, report)]
        is_whole = not self._copy.end(last, report, self._good_heads(keys), is_older=is_older)
        is_forked = self._contradicts(keys, report)
        apart, beyond = _worst(good)
        if apart is not None and not is_forked:
            _judge_apart(good, apart, report, is_told=is_told or not is_whole)
        elif apart is None and beyond is not None and is_whole and not is_told:
            _judge_beyond(beyond, last, report, is_older=is_older)
        signed = [of for of in good if of.first is not None and of.first.key is not None]
        agreed = [of.agreed for of in signed if of.agreed is not None]
        return Signed(
            n=sum(of.n for of in signed),
            newest=max(agreed, key=lambda head: head.number, default=None),
            is_cut=self._copy.is_cut or (apart is None and beyond is not None),
            is_whole=is_whole and apart is None and beyond is None,
        )

    def _good_heads(self, keys: Keys) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the seal of each head by a good key, in their order."""
        for row in self._db.execute(f"SELECT {_COLUMNS} FROM heads WHERE key IS NOT NULL ORDER BY number"):
            head = _head(row)
            if _is_good(head, keys):
                yield head.number, head.seal

    def _see_first(self, keys: Keys) -> None:
        query = "SELECT key FROM heads WHERE namespace = ? ORDER BY number LIMIT 1"
        for (key,) in self._db.execute(query, (CHECKPOINT_NAMESPACE,)):
            keys.see(key)

    def _contradicts(self, keys: Keys, report: Report) -> bool:
        """True if two heads of one number were signed. They are reported."""
        columns = ", ".join(f"a.{name}" for name in _NAMES), ", ".join(f"b.{name}" for name in _NAMES)
        query = (
            f"SELECT {columns[0]}, {columns[1]} FROM heads a JOIN heads b"
            " ON a.number = b.number AND a.rowid < b.rowid AND a.seal <> b.seal ORDER BY a.number"
        )
        for row in self._db.execute(query):
            one, other = _head(row[: len(_NAMES)]), _head(row[len(_NAMES) :])
            if _is_good(one, keys) and _is_good(other, keys):
                text = f"two records with the number {one.number} were signed: {one.told()}, and {other.told()}"
                report(Flaw(Wrong.FORKED, one.number, text))
                return True
        return False


_NAMES = ("number", "seal", "at", "who", "namespace", "key", "place")
_COLUMNS = ", ".join(_NAMES)


def _head(row: tuple[Any, ...]) -> Head:
    number, seal, at, who, namespace, key, place = row
    return Head(number, seal, None if at is None else datetime.fromtimestamp(at, UTC), who, namespace, key, place)


def _is_good(head: Head, keys: Keys) -> bool:
    return head.key is not None and head.namespace is not None and keys.is_good(head.key, head.who, head.number, head.namespace)


def _counts(of: _OfKey, keys: Keys, report: Report) -> bool:
    """True if the heads of ``of`` count. A key that is nobody's, or not any more, is reported."""
    first, last = of.first, of.last
    assert first is not None and last is not None
    is_signed = first.key is not None and first.namespace is not None
    bad = next((one for one in (first, last) if is_signed and not _is_good(one, keys)), None)  # a name since counts for less
    if bad is None:
        until = None if first.key is None else keys.replaced_with(first.key)
        if until is not None and last.number >= until:
            text = f"{_in(last.place)}record {last.number} was signed by a key that was replaced with record {until}"
            report(Flaw(Wrong.FOREIGN_KEY, last.number, text))
        return True
    if first.key is not None and first.namespace is not None and keys.may_judge(first.namespace):
        more = f", and {of.n - 1} more" if of.n > 1 else ""
        text = (
            f"{_in(bad.place)}record {bad.number} was signed for {bad.who} by {sshsig.fingerprint(first.key)}{more}:"
            " this is not its key"
        )
        report(Flaw(Wrong.FOREIGN_KEY, bad.number, text))
    return False


def _worst(good: list[_OfKey]) -> tuple[Head | None, Head | None]:
    """Return the first of the heads from which the chain differs, and the newest that it does not reach."""
    apart = min((of.apart for of in good if of.apart is not None), key=lambda head: head.number, default=None)
    beyond = max((of.beyond for of in good if of.beyond is not None), key=lambda head: head.number, default=None)
    return apart, beyond


def _judge_apart(good: list[_OfKey], apart: Head, report: Report, *, is_told: bool) -> None:
    agreed = max((of.agreed.number for of in good if of.agreed is not None and of.agreed.number < apart.number), default=0)
    own = [of.own_agreed for of in good if of.own_agreed is not None and of.own_agreed.number >= apart.number]
    if own:
        text = f"another record {apart.number}: {apart.told()}; this record {own[0].number}: {own[0].told()}"
        report(Flaw(Wrong.FORKED, apart.number, f"the record goes on in two ways after record {agreed}; {text}"))
    elif not is_told:
        text = f"the records from {agreed + 1} to {apart.number} are not those that led to the head of {apart.number}"
        report(Flaw(Wrong.WRITTEN_AGAIN, apart.number, f"{text}: {apart.told()}"))


def _judge_beyond(beyond: Head, last: int, report: Report, *, is_older: bool) -> None:
    text = f"the record ends with {last}, and there was a record {beyond.number}: {beyond.told()}"
    if is_older:
        report(Flaw(Wrong.ROLLED_BACK, last, f"{text}; {OLDER}"))
    else:
        report(Flaw(Wrong.CUT_TAIL, last, text))


class _Copy:
    """Compares the records of the chain with those of a collector, and names the differences. ``offset`` is the number that a
    record has in the copy, less its number in the chain.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._found: list[tuple[int, Flaw, str]] = []  # with the number of the record in the copy, and its place there
        self.is_cut = False
        ((self._last,),) = db.execute("SELECT max(number) FROM records").fetchall()
        self._offset = 0
        self._is_lost = self._last is None
        self._before: tuple[int, bytes, bytes, str] | None = None

    def take(self, number: int, digest: bytes) -> None:
        if self._is_lost:
            return
        if self._before is not None:
            self._name(*self._before, digest)
            self._before = None
            return
        known = self._at(number + self._offset)
        if known is not None and known[0] != digest:
            self._before = (number, digest, *known)  # the next record tells more

    def _at(self, number: int) -> tuple[bytes, str] | None:
        found = self._db.execute("SELECT digest, place FROM records WHERE number = ?", (number,)).fetchone()
        return None if found is None else (found[0], found[1])

    def _name(self, number: int, digest: bytes, known: bytes, place: str, after: bytes | None) -> None:
        """Record ``number`` of the chain has ``digest``, and ``known`` in the copy. The next one of the chain has ``after``."""
        here = number + self._offset
        second, third = self._at(here + 1), self._at(here + 2)
        if second is not None and second[0] == digest and after == known:
            self._say(here, Wrong.EXCHANGED, number, f"records {number} and {number + 1} stand in each other's places", place)
        elif second is not None and second[0] == digest and (third is None or after is None or third[0] == after):
            self._say(here, Wrong.REMOVED, number, f"the record that was {here} is missing", place)
            self._offset += 1
        elif after == known:
            self._say(here, Wrong.ADDED, number, f"record {number} was put in", place)
            self._offset -= 1
        elif after is None or second is None or second[0] == after:
            self._say(here, Wrong.EDITED, number, f"record {number} is not what was sealed", place)
        else:
            self._say(here, Wrong.WRITTEN_AGAIN, number, f"record {number} and those after it are others", place)
            self._is_lost = True

    def _say(self, here: int, wrong: Wrong, number: int, text: str, place: str) -> None:
        if len(self._found) < MOST_DIFFERENCES:
            self._found.append((here, Flaw(wrong, number, text), place))

    def end(self, last: int, report: Report, heads: Iterator[tuple[int, bytes]], *, is_older: bool) -> bool:
        """Report the differences, and return True if the signed ``heads``, in their order, prove one."""
        if self._before is not None:
            self._name(*self._before, None)
        elif not self._is_lost and self._last is not None and self._last > last + self._offset:
            ((place,),) = self._db.execute("SELECT place FROM records ORDER BY number DESC LIMIT 1").fetchall()
            text = f"the record ends with {last}, and there was a record {self._last}"
            wrong = Wrong.ROLLED_BACK if is_older else Wrong.CUT_TAIL
            self._say(self._last, wrong, last, f"{text}; {OLDER}" if is_older else text, place)
        proved = self._proved(heads) if self._found else ()
        is_proved = False
        for here, found, place in self._found:
            if any(begin < here <= end for begin, end in proved):
                is_proved = True
                self.is_cut |= found.wrong in (Wrong.ROLLED_BACK, Wrong.CUT_TAIL)
                report(replace(found, sentence=f"{found.sentence} ({place} has it)"))
            else:
                report(_claim(found.number, found.sentence.removesuffix(f"; {OLDER}"), place))
        return is_proved

    def _proved(self, heads: Iterator[tuple[int, bytes]]) -> list[tuple[int, int]]:
        """Return from which numbers, exclusively, to which the copy leads from one signed head, or the begin, to another."""
        found: list[tuple[int, int]] = []
        led: Seal | None = GENESIS
        begin = 0
        rows = self._db.execute("SELECT number, digest FROM records ORDER BY number")
        row = rows.fetchone()
        for number, signed in groupby(heads, key=lambda head: head[0]):
            while row is not None and row[0] <= number:
                led = seal_over(led, row[1]) if led is not None and led.number + 1 == row[0] else None
                row = rows.fetchone()
            seals = [seal for _, seal in signed]
            if led is not None and led.number == number and led.digest in seals:
                found.append((begin, number))
            else:
                led = Seal(number, seals[0])
            begin = number
        return found


def _claim(number: int, text: str, place: str) -> Flaw:
    return Flaw(Wrong.CLAIMED, number, f"{place} claims, unsigned: {text}")


def _in(place: str) -> str:
    return f"{place}: " if place else "in the database, "
