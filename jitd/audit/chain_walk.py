# SPDX-License-Identifier: Apache-2.0
"""Follows a chain from record to record, and names what was done to it where it does not hold.

Law: pure. After a fault the walk goes on from the seals that are there, so that one change gives one finding. Nothing is held but
the record in hand and the one after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from jitd.audit.findings import Flaw, Report, Wrong
from jitd.core.chain import GENESIS, Seal, seal_over

MOST_SEARCHES = 8  # so many times a walk looks in the whole chain for the record that was sealed in a place
MOST_REMOVED = 4096  # records that are missed at one place, if the later ones have got new numbers


Row = tuple[int, bytes, bytes | None, bytes]
"""A record as found: number, SHA-256 of its body, seal, body. If only the digest is known: seal None, body empty."""


def walk(
    rows: Callable[[], Iterable[Row]], report: Report, start: Seal | None = GENESIS
) -> Iterator[tuple[Row, Seal | None, bool]]:
    """Yield each row, oldest first, with its seal, or None as long as none is known, and whether it is the record that was
    sealed. ``rows`` may be called again. ``start`` is the seal before the first row, or None.
    """
    return _Walk(rows, report, start).steps()


class _Walk:
    """``offset``: the number when it was sealed, less the present one. ``sealed``: the newest row that had a seal."""

    def __init__(self, rows: Callable[[], Iterable[Row]], report: Report, start: Seal | None) -> None:
        self._rows = rows
        self._report = report
        self._at = start
        self._offset = 0
        self._sealed = 0 if start is None else start.number
        self._n_searches = 0
        self._moved: dict[int, int] = {}  # where a record of another place stands → that place

    def steps(self) -> Iterator[tuple[Row, Seal | None, bool]]:
        rows = iter(self._rows())
        row = next(rows, None)
        expected = None if self._at is None else self._at.number + 1
        while row is not None:
            after = next(rows, None)
            number, digest, stored, _ = row
            if expected is not None and number != expected:
                self._miss(expected, number)
                self._at, self._sealed = None, number - 1
            is_whole = True
            if self._at is not None:
                seal = seal_over(self._at, digest)
                is_whole = stored is None or stored == seal.digest
                self._at = seal if is_whole else self._name(row, seal, after)
            elif stored is not None:  # the first seal that is known is taken as it is
                self._at = Seal(number + self._offset, stored)
            if stored is not None:
                self._sealed = number
            yield row, self._at, is_whole
            row, expected = after, number + 1

    def _miss(self, expected: int, number: int) -> None:
        if number < expected:
            self._report(Flaw(Wrong.ADDED, number, f"record {number} is there twice, or in the wrong place"))
        else:
            self._report(Flaw(Wrong.REMOVED, expected, f"{_records(expected, number - 1)} missing"))

    def _name(self, row: Row, seal: Seal, after: Row | None) -> Seal:
        """The seal of ``row`` is not ``seal``, which follows from the one before. Report why, and return from which to go on."""
        number, _, stored, _ = row
        before = self._at
        assert stored is not None and before is not None
        if number - self._sealed > 1:
            text = f"one of the records {self._sealed + 1} to {number} is not what was sealed"
            self._report(Flaw(Wrong.EDITED, number, text))
            return Seal(seal.number, stored)
        if after is not None and after[2] is not None and number not in self._moved:
            _, next_digest, next_seal, _ = after
            if seal_over(seal, next_digest).digest == next_seal:
                self._report(Flaw(Wrong.EDITED, number, f"the seal of record {number} was changed; the record was not"))
                return seal
            own = seal_over(before, next_digest)
            if own.digest == next_seal and seal_over(own, row[1]).digest == stored:
                self._moved[number + 1] = number
                self._report(_exchanged(number, number + 1))
                return own
            if own.digest == next_seal:
                self._report(Flaw(Wrong.ADDED, number, f"record {number} was put in between; the later ones got new numbers"))
                self._offset -= 1
                return before
            for n in range(MOST_REMOVED + 1):
                if seal_over(Seal(seal.number + n, stored), next_digest).digest == next_seal:
                    if n == 0:
                        break  # the seal is that of the record that was here
                    text = f"before record {number}, {_count(n)} removed, and the later ones got new numbers"
                    self._report(Flaw(Wrong.REMOVED, number, text))
                    self._offset += n
                    return Seal(seal.number + n, stored)
        if number in self._moved or self._n_searches < MOST_SEARCHES:
            self._n_searches += number not in self._moved
            for other, digest, seal_of_other, _ in self._rows():
                there = seal_over(before, digest)
                if other != number and there.digest in (stored, seal_of_other):
                    if self._moved.pop(number, None) != other:
                        self._moved[other] = number
                        self._report(_exchanged(number, other))
                    return there
        self._report(Flaw(Wrong.EDITED, number, f"record {number} is not what was sealed"))
        return Seal(seal.number, stored)


def _exchanged(number: int, other: int) -> Flaw:
    return Flaw(Wrong.EXCHANGED, number, f"records {number} and {other} stand in each other's places")


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"


def _count(n: int) -> str:
    return "a record was" if n == 1 else f"{n} records were"
