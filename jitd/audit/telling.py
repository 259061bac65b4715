# SPDX-License-Identifier: Apache-2.0
"""Tells a record to a reader: a record of the chain becomes a line in jitd's own form (``audit.forms``), with those parts that
this reader may see.

Law: pure. A part that is not listed for the reader is hidden, also a part that later versions add. ``sealed``, the record exactly
as it was sealed, is told only if it says nothing in clear that is hidden. Otherwise its digest stands in its place, and proves
the chain as well. Then the random bytes of the record and the digest of the document, which somebody may guess, are hidden, too:
without them, the digest of the record says nothing of the words that are hidden, however few are possible. A value is told with
its salt, or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jitd.audit.events import OF_EVERY_READER, OF_RULES, topic_of
from jitd.audit.forms import Record, Said
from jitd.core import visibility
from jitd.core.grade import grades
from jitd.core.request import Request
from jitd.core.values import FORGOTTEN, MISSING, Entry, Values, committed_in
from jitd.core.wording import HIDDEN

COMMITTED = b'{"committed":'  # what stands in the bytes of a record that commits to a value
AGAINST_GUESSES = ("random", "document")
"""The members of a record that are hidden where something else is. Nobody can guess the random bytes. The document may say what
is hidden: who has its digest, and can guess the rest of it, could check the guess.
"""
RULE = OF_EVERY_READER | OF_RULES  # the parts that a reader sees who is shown rules, but no commands
WITHIN = visibility.WITHIN | {"break_glass"}  # the names of parts that contain other parts


DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)  # what is raised when a damaged record is told


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader may see. ``names`` contains the names of the parts that are shown. If it is None, every part is shown, but
    the values ``without``.
    """

    names: frozenset[str] | None
    without: frozenset[str] = frozenset()

    def sees(self, name: str) -> bool:
        return self.names is None or name in self.names


EVERYTHING = Sight(None)
WITHOUT_CONTENTS = Sight(visibility.SHOWN | OF_EVERY_READER)
"""What operators and auditors see of a request, if its rule shows its contents to others only (``core.visibility``)."""
AS_ITS_REQUESTER = Sight(None, frozenset({"digest"}))
"""What somebody sees of their own request who cannot read the file of its command: ``show`` does not tell its digest either."""
SIGHTS: Mapping[str, Sight] = {"id": Sight(OF_EVERY_READER), "rule": Sight(RULE), "command": EVERYTHING}
"""What is seen outside this host, by the setting ``shows``."""


def sight_outside(shows: str, about: Request | None) -> Sight:
    """Return what a reader outside this host may see of a record about ``about``, by the setting ``shows``."""
    return SIGHTS[shows if about is None else visibility.shown_elsewhere(about, shows)]


def content_of(body: bytes) -> dict[str, Any]:
    """Return the record ``body`` as an object. Return an empty one if it cannot be read."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def tell(
    host: str,
    number: int,
    body: bytes,
    seal: bytes,
    about: Request | None,
    values: Values | None,
    sight: Sight = EVERYTHING,
    content: Any = None,
) -> Record:
    """Return record ``number`` of ``host`` as a reader with ``sight`` sees it. ``about`` is the request that the record is
    about, as it is stored now, or None for a note and for a lock. ``values`` are the values of the record's owner.
    ``content`` is what stands in ``body``, if it was read already. Raises one of DAMAGED if ``body`` is not a record.
    """
    content = json.loads(body) if content is None else content
    if not isinstance(content, dict):
        raise ValueError(f"record {number} is not a record of jitd")
    if topic_of(str(content.get("event"))).is_public:
        sight = EVERYTHING
    teller = _Teller(sight, values)
    is_plain = sight.names is None and COMMITTED not in body
    told = content if is_plain else teller.row(content, is_shown=False)
    said = tuple(Said(one.committed, one.field, one.salt, one.value) for one in teller.used.values())
    if teller.has_hidden:  # who has these and can guess all that is hidden could check it by the digest
        told = {**told, **{name: HIDDEN for name in AGAINST_GUESSES if name in told}}
    whole = {"sealed": body} if not teller.has_hidden else {"sealed": b"", "digest": hashlib.sha256(body).digest()}
    return Record(host=host, number=number, seal=seal, told=told, values=said, about=_about(about, sight), **whole)


def _about(request: Request | None, sight: Sight) -> dict[str, Any] | None:
    if request is None:
        return None
    findings = request.command.findings
    about = {
        "requester": request.requester.principal,
        "rule": request.rule,
        "run_as": request.command.run_as.user,
        **grades(findings),
    }
    return {name: value for name, value in about.items() if name == "requester" or sight.sees(name)}


class _Teller:
    """Goes through one record. ``used`` are the values that were shown. ``has_hidden``: a part in clear was hidden."""

    def __init__(self, sight: Sight, values: Values | None) -> None:
        self._sight = sight
        self._values = values
        self.used: dict[bytes, Entry] = {}
        self.has_hidden = False

    def row(self, row: dict[str, Any], *, is_shown: bool) -> dict[str, Any]:
        return {name: self._part(name, part, is_shown=is_shown) for name, part in row.items()}

    def _part(self, name: str, part: Any, *, is_shown: bool) -> Any:
        is_shown = is_shown or self._sight.sees(name)
        if (committed := committed_in(part)) is not None:
            return self._value(committed) if is_shown and name not in self._sight.without else HIDDEN
        if isinstance(part, dict) and (is_shown or name in WITHIN):
            return self.row(part, is_shown=is_shown)
        if isinstance(part, list):
            return self._list(name, part, is_shown=is_shown)
        return part if is_shown or (isinstance(part, bool) and name in WITHIN) else self._hidden(part)

    def _list(self, name: str, part: list[Any], *, is_shown: bool) -> list[Any]:
        if name == "gatekeepers" and not is_shown and self._sight.sees("rule"):  # the name of each, and the word for its answer
            return [[*one[:2], *(self._part("", word, is_shown=False) for word in one[2:])] for one in part]
        told: list[Any] = []
        for place, one in enumerate(part):
            is_named = name == "argv" and place == 0 and self._sight.sees("path")  # the command itself
            said = self._part(name, one, is_shown=is_shown or is_named)
            if committed_in(one) is not None and isinstance(said, list):  # the words of a command after the first
                told += said
            elif said != HIDDEN or said not in told:  # not how many were hidden
                told.append(said)
        return told

    def _value(self, committed: str) -> Any:
        entry = None if self._values is None else self._values.entry(committed)
        if entry is None:
            return MISSING if self._values is None or not self._values.is_forgotten else FORGOTTEN
        self.used[entry.committed] = entry
        return entry.value

    def _hidden(self, part: Any) -> Any:
        """Return what stands in the place of ``part``, which the record says in clear. An empty part is shown as it is."""
        if part in (None, "", [], {}):
            return part
        self.has_hidden = True
        return HIDDEN
