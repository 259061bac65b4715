# SPDX-License-Identifier: Apache-2.0
"""What makes evidence of the record for people outside of this host: packs and reports.

Law: it only reads the record, and may be absent. Then nothing answers its messages, and ``Answers.to`` says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from jitd import extensions

if TYPE_CHECKING:
    from jitd.core.party import Party
    from jitd.deciding.ground import Ground
    from jitd.lifecycle.lifecycle import Lifecycle
    from jitd.verbs.access import Access
    from jitd.verbs.answers import Answers

People = Mapping[str, tuple[frozenset[str], bool]]
"""Maps words of rules, such as ``group:ops``, to the persons whom they name, and to whether these are all. With
``approvers.BY_DOOR`` before the word, people of ``[approvers]`` are among them, who may approve by the door.
"""
PeopleOf = Callable[["Party", Iterable[str]], Awaitable[People]]  # in the turn of a party (`Seating.named_by`)


class Evidence(Protocol):
    """Makes packs and reports."""

    def add_answers(self, to: Answers, ground: Ground, access: Access, lifecycle: Lifecycle, people_of: PeopleOf) -> None:
        """Add to the table ``to`` the answers to the messages that ask for evidence."""

    def verifier(self) -> bytes:
        """Return the program ``verify.py``, which verifies packs, and of which each pack has a copy."""


def evidence() -> Evidence | None:
    """Return what makes evidence. Return None if the extension evidence is not used."""
    found: Evidence | None = extensions.of_first("evidence")
    return found


def add_answers(to: Answers, ground: Ground, access: Access, lifecycle: Lifecycle, people_of: PeopleOf) -> None:
    """Add to the table ``to`` what the extension evidence answers, if it is used."""
    if (made := evidence()) is not None:
        made.add_answers(to, ground, access, lifecycle, people_of)
