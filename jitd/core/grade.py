# SPDX-License-Identifier: Apache-2.0
"""Grades: what a command gives to the person who runs it beyond what its words say, and what it destroys or stops.

Law: a grade warns people. It never permits or denies a request. What jitd does not know is never graded as harmless. What is lost
warns as loudly as what is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Grade(IntEnum):
    """How much a command gives, from the least to the most. A higher grade matters more to an approver."""

    HARMLESS = 0  # jitd knows the command, and it gives nothing beyond its words
    UNKNOWN = 1  # jitd does not know what the program does
    READS = 2  # it reads secrets, such as keys or password hashes
    CHANGES = 3  # or destroys: stops, deletes, overwrites, reboots, cuts the network, touches other people's data
    LEADS = 4  # it can lead to all that the account may do, if something beside the command goes along: a pager, a hook
    GIVES = 5  # it gives all that the account may do. For root, that is everything.

    @property
    def word(self) -> str:
        """The name of the grade in rows, settings and documents, such as ``gives``."""
        return self.name.lower()


class Damage(IntEnum):
    """How much is lost if a command is wrong, from the least to the most."""

    NONE = 0  # nothing, or what the next command brings back: a service that is restarted, a file that is written
    STOPS = 1  # something that many need works no more until somebody starts it again: the host, its network, logins, jitd
    DESTROYS = 2  # the command's own means do not bring it back: files of others, disks, databases, clusters

    @property
    def word(self) -> str:
        """The name of the damage in rows and documents, such as ``destroys``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a grade. ``what`` is a sentence without a full stop that needs no other words: ``vim can start a shell``.
    If the reason is a file, ``path`` is its absolute path, where links are resolved as far as the requester can see them, and
    ``matters`` says why the file matters: ``who may act as root``. If something is lost, ``damage`` is not NONE, and ``what``
    says what, and how it can come back.
    """

    grade: Grade
    what: str
    path: str = ""
    matters: str = ""
    damage: Damage = Damage.NONE

    @property
    def order(self) -> tuple[int, int, int]:
        """The place in a list of findings, the worst first: what destroys or stops stands after what gives everything."""
        return (-(Grade.GIVES if self.damage else self.grade), -self.grade, -self.damage)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen at a path, with what the requester can see. ``real`` is where the path leads. ``owner`` is the account that
    owns the file there, or is empty. ``changed_by`` names who, other than root and the account to run as, can change the file or
    where the path leads, such as ``alice, who asks``. It is empty if nobody can. If ``is_hidden`` is True, the requester cannot
    see the end of the path. Then ``real`` is the path itself, and ``changed_by`` is about the part that the requester can see.
    ``others`` are other names of the file that no link leads to: its places by other mounts, and a program's hard links.
    """

    real: str
    is_directory: bool = False
    is_absent: bool = False
    owner: str = ""
    changed_by: str = ""
    is_hidden: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside looks. ``homes`` maps home directories to the accounts of services that have them, and to ``root`` for
    each account with the uid 0. ``texts`` maps the paths of files that others can change to their texts, if the run is bound to
    these.
    """

    homes: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


NOTHING = Beside()


class NotLooked(Exception):
    """jitd has not looked at this path: it has looked at many others, or files do not answer. So nothing is known."""


def grades(findings: Iterable[Finding] | None) -> dict[str, str | None]:
    """Return the highest grade and the greatest damage of ``findings`` as in rows: None if nobody was asked."""
    found = None if findings is None else tuple(findings)
    if found is None:
        return {"grade": None, "damage": None}
    return {"grade": worst(found).word, "damage": damage(found).word}


def told(findings: Iterable[Finding]) -> dict[str, object]:
    """Return ``findings`` and both grades of them as gatekeepers get them."""
    found = tuple(findings)
    return {**grades(found), "findings": rows(found)}


def rows(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return ``findings`` as they stand in rows and in the record. A finding of no damage does not name it."""
    return [
        {
            "grade": one.grade.word,
            **({"damage": one.damage.word} if one.damage else {}),
            "what": one.what,
            "path": one.path,
            "matters": one.matters,
        }
        for one in findings
    ]


def read_rows(rows: Iterable[dict[str, str]]) -> list[dict[str, Any]]:
    """Return what ``rows`` has made, in the form that documents have."""
    return [
        {**row, "grade": Grade[row["grade"].upper()], "damage": Damage[row.get("damage", Damage.NONE.word).upper()]}
        for row in rows
    ]


Look = Callable[[str], Seen | None]
"""Looks at an absolute path. Returns None if nothing can be said of it, for example because the requester cannot see what is
there. Raises NotLooked.
"""


def worst(findings: Iterable[Finding]) -> Grade:
    """Return the highest grade of ``findings``. Without findings, the command is harmless."""
    return max((finding.grade for finding in findings), default=Grade.HARMLESS)


def damage(findings: Iterable[Finding]) -> Damage:
    """Return the greatest damage of ``findings``."""
    return max((finding.damage for finding in findings), default=Damage.NONE)
