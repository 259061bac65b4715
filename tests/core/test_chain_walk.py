# SPDX-License-Identifier: Apache-2.0
"""The walk along a chain: what it names where the chain does not hold, and that it goes on behind that."""

from __future__ import annotations

import hashlib

import pytest

from jitd.audit.chain_walk import Row, walk
from jitd.audit.findings import Flaw, Wrong
from jitd.core.chain import GENESIS, Seal, canonical, seal

BODIES = [canonical({"n": n}) for n in range(1, 9)]


def chained(*bodies: bytes) -> list[Row]:
    """The rows of a true chain."""
    rows, at = list[Row](), GENESIS
    for body in bodies:
        at = seal(at, body)
        rows.append((at.number, hashlib.sha256(body).digest(), at.digest, body))
    return rows


ROWS = chained(*BODIES)


def walked(rows: list[Row], start: Seal | None = GENESIS) -> tuple[list[Seal | None], list[Flaw]]:
    found: list[Flaw] = []
    return [at for _, at, _ in walk(lambda: rows, found.append, start)], found


def named(rows: list[Row], start: Seal | None = GENESIS) -> list[tuple[Wrong, int]]:
    return [(one.wrong, one.number) for one in walked(rows, start)[1]]


def renumbered(rows: list[Row]) -> list[Row]:
    return [(number, *row[1:]) for number, row in enumerate(rows, 1)]


def other(row: Row, *, digest: bytes | None = None, stored: bytes | None = None) -> Row:
    return (row[0], digest or row[1], stored or row[2], row[3])


X, Y = hashlib.sha256(b"x").digest(), hashlib.sha256(b"y").digest()


def test_a_true_chain_is_followed_from_any_place() -> None:
    seals, found = walked(ROWS)
    assert ([at.digest for at in seals if at], found) == ([row[2] for row in ROWS], [])
    assert walked(ROWS[3:], seals[2]) == (seals[3:], [])
    assert walked(ROWS[3:], None) == (seals[3:], []), "the first seal is taken as it is"


def test_where_only_digests_are_known_the_seals_follow_from_them() -> None:
    rows = [(number, digest, stored if number in (3, 8) else None, b"") for number, digest, stored, _ in ROWS]
    seals, found = walked(rows)
    assert ([at.digest for at in seals if at], found) == ([row[2] for row in ROWS], [])
    assert walked(rows, None)[0][:2] == [None, None]
    rows[5] = (6, X, None, b"")
    _, (one,) = walked(rows)
    assert (one.wrong, one.sentence) == (Wrong.EDITED, "one of the records 4 to 8 is not what was sealed")


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        ([*ROWS[:2], other(ROWS[2], digest=X), *ROWS[3:]], [(Wrong.EDITED, 3)]),
        ([*ROWS[:2], other(ROWS[2], stored=X), *ROWS[3:]], [(Wrong.EDITED, 3)]),
        ([*ROWS[:7], other(ROWS[7], digest=X)], [(Wrong.EDITED, 8)]),
        (
            [*ROWS[:1], other(ROWS[1], digest=X), *ROWS[2:4], other(ROWS[4], digest=Y), *ROWS[5:]],
            [(Wrong.EDITED, 2), (Wrong.EDITED, 5)],
        ),
        (ROWS[1:], [(Wrong.REMOVED, 1)]),
        (ROWS[:3] + ROWS[5:], [(Wrong.REMOVED, 4)]),
        (renumbered(ROWS[:3] + ROWS[5:]), [(Wrong.REMOVED, 4)]),
        (renumbered([*ROWS[:3], other(ROWS[0], stored=X), *ROWS[3:]]), [(Wrong.ADDED, 4)]),
        (ROWS[:3] + ROWS[2:], [(Wrong.ADDED, 3)]),
        (renumbered([*ROWS[:2], ROWS[3], ROWS[2], *ROWS[4:]]), [(Wrong.EXCHANGED, 3)]),
        (renumbered([*ROWS[:2], ROWS[6], *ROWS[3:6], ROWS[2], ROWS[7]]), [(Wrong.EXCHANGED, 3)]),
        (
            [*ROWS[:2], other(ROWS[2], digest=ROWS[6][1]), *ROWS[3:6], other(ROWS[6], digest=ROWS[2][1]), ROWS[7]],
            [(Wrong.EXCHANGED, 3)],
        ),
        (
            renumbered([ROWS[1], ROWS[0], *ROWS[2:4], *ROWS[5:7], other(ROWS[7], digest=X)]),
            [(Wrong.EXCHANGED, 1), (Wrong.REMOVED, 5), (Wrong.EDITED, 7)],
        ),
    ],
)  # fmt: skip
def test_each_thing_that_was_done_is_one_finding(rows: list[Row], faults: list[tuple[Wrong, int]]) -> None:
    assert named(rows) == faults
