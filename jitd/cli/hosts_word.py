# SPDX-License-Identifier: Apache-2.0
"""Lines on a request's page about what a receipt does not bind, for people who have a key to sign with.

Law: each member of the row that neither the record of the submission nor the statement has is in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jitd.cli.labels import Labelled
from jitpam.wire.rows import Request

_Words = tuple[str, tuple[str, ...], Callable[[Request], bool]]
HOSTS_WORD: tuple[_Words, ...] = (
    (
        "when it was asked for, and what became of it",
        ("submitted_at", "state", "because", "lock", "lease", "grant", "holdings", "runs", "owed_review", "gone"),
        lambda row: True,
    ),
    (
        "who has answered or was told",
        ("reviews", "passed", "asking_at", "notices", "owed", "owes", "opened", "asked_people"),
        lambda row: bool(row.reviews or row.passed or row.notices or row.asking_at),
    ),
    (
        "what was approved before",
        ("last_approved", "scripts"),
        lambda row: True,  # also that nothing was: the page calls it new
    ),
    ("what else waits", ("alike",), lambda row: bool(row.alike)),
    ("the state of the lease", ("extends",), lambda row: row.extends is not None),
    (
        "who can change a file, and the text of one that is not bound",
        ("operands", "interpreters", "scripts"),
        lambda row: bool(row.operands or row.interpreters or row.scripts),
    ),
    ("the facts that its rule wants", ("facts",), lambda row: bool(row.facts)),
    ("what the requester's client says of itself", ("claims",), lambda row: True),
)
"""What a page may have beside the record: in words, the members of the row, and whether the row tells it. All other members are
in the record, follow from the policy whose digest the statement has, or are about the reader alone (ADR 0243).
"""


def not_signed(row: Request) -> Iterator[Labelled]:
    """Yield a line if the reader has a key, because then an approval is signed."""
    if row.keys:
        words = "; ".join(words for words, _, is_told in HOSTS_WORD if is_told(row))
        yield "not signed", f"what {row.host} alone says: {words}"
