# SPDX-License-Identifier: Apache-2.0
"""The names of groups that rules, requests and settings use. jitd looks up only these names for a person.

Law: a word is ``group:NAME`` (``conditions.read_who``). Every field of Obligations that contains words is in ``of``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitd.core.decision import Approval, Obligations

if TYPE_CHECKING:
    from jitd.core.request import Request

GROUP = "group:"


@dataclass(frozen=True, slots=True)
class NamedGroups:
    """The groups whose names jitd compares with a person's group ids.

    ``certain`` is the part of ``names`` for which a failed look-up must not count as "not a member": a deny or an expression
    names these groups. ``all`` is true if an expression needs the name of every group of the requester: then a failed look-up of
    any name counts.
    """

    names: frozenset[str] = frozenset()
    certain: frozenset[str] = frozenset()
    all: bool = False

    def plus(self, *names: frozenset[str]) -> NamedGroups:
        """Return these groups together with ``names``, for which a failed look-up counts as "not a member"."""
        return NamedGroups(self.names.union(*names), self.certain, self.all)


def in_words(words: Iterable[str] | None) -> frozenset[str]:
    """Return the names of the groups in ``words``."""
    return frozenset(word[len(GROUP) :] for word in words or () if word.startswith(GROUP))


def of(owed: Obligations) -> frozenset[str]:
    """Return the names of the groups in the obligations ``owed``."""
    skipped = () if owed.break_glass is None else owed.break_glass.skipped
    words = (word for way in _ways((*owed.approvals, *skipped)) for word in way.of_whom)
    return in_words(words) | in_words(owed.terms.watch) | in_words(owed.visible_to)


def named_by(request: Request) -> frozenset[str]:
    """Return the names of the groups that ``request`` names. They may differ from those of today's rules: the request was made
    under the rules of its time, and a gatekeeper may have required an approval.
    """
    return in_words(request.visible_to) | (frozenset() if request.obligations is None else of(request.obligations))


def _ways(approvals: Iterable[Approval]) -> Iterable[Approval]:
    return (way for approval in approvals for way in approval.ways)
