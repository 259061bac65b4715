# SPDX-License-Identifier: Apache-2.0
"""Shortens a record for a sink that does not take it whole. Only what is long goes.

Law: pure. What happened, when, who did it, on which host, whose request it was and by which rule is told in each case, and a line
is never longer than the sink takes. A shortened record has the digest of the record in place of the record itself, so it proves
the chain as well.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from jitd.audit.forms import Record
from jitd.core.wording import TOO_LONG

ALWAYS = ("event", "at", "actor", "id", "state", "classes")  # the members of a record that are told to every sink
ALWAYS_ABOUT = ("requester", "rule")
LONGEST = 160  # bytes of one member that every sink is told (as JSON). Together they fit into the shortest syslog message
_Line = Callable[[Record], str]
_Place = tuple[int, Any, Any]


def too_long(value: Any) -> str:
    """Return what stands in the place of ``value``: the SHA-256 of a text in UTF-8, or of another part as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
    return f"{TOO_LONG} sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def fitting(bare: Record, line: _Line, room: int) -> str:
    """Return a line of at most ``room`` bytes with as much as possible of ``bare``, a record with its digest and without values.
    ``line`` makes the line of a record. The longest texts go first, then lists, then whole members.
    """
    text = line(bare)
    try:
        told, about = copy.deepcopy((dict(bare.told), None if bare.about is None else dict(bare.about)))
        for holder, key in _longest_first(told, about):
            if len(text) <= room:
                return text
            holder[key] = too_long(holder[key])
            text = line(replace(bare, told=told, about=about))
    except RecursionError:
        return brief(bare, line, room)
    return text if len(text) <= room else brief(bare, line, room)


def brief(bare: Record, line: _Line, room: int) -> str:
    """Return a line of at most ``room`` bytes with what is told to every sink. If the form of ``line`` has no room for that, the
    line is in jitd's own form.
    """
    told = _clipped({name: bare.told[name] for name in ALWAYS if name in bare.told})
    about = None if bare.about is None else _clipped({name: bare.about[name] for name in ALWAYS_ABOUT if name in bare.about})
    least = replace(bare, told=told, about=about)
    text = line(least)
    return text if len(text) <= room else least.line().replace("\x7f", "\\u007f")


def _clipped(members: dict[str, Any]) -> dict[str, Any]:
    return {name: part if _size(part) <= LONGEST else too_long(part) for name, part in members.items()}


def _longest_first(told: dict[str, Any], about: dict[str, Any] | None) -> Iterator[tuple[Any, Any]]:
    """Yield the places of all that may go: its container, and its key there."""
    tables: list[tuple[Any, frozenset[str]]] = [(told, frozenset(ALWAYS)), (about or {}, frozenset(ALWAYS_ABOUT))]
    texts: list[_Place] = []
    lists: list[_Place] = []
    members: list[_Place] = []
    for table, kept in tables:
        for name, part in table.items():
            if name in kept:
                continue
            members.append((_size(part), table, name))
            _gather(table, name, texts, lists)
    shortest = len(json.dumps(too_long("")))
    for places in (texts, lists, members):
        for size, holder, key in sorted(places, key=lambda one: -one[0]):
            if size > shortest:
                yield holder, key


def _gather(holder: Any, key: Any, texts: list[_Place], lists: list[_Place]) -> None:
    part = holder[key]
    if isinstance(part, str):
        texts.append((_size(part), holder, key))
    elif isinstance(part, list):
        lists.append((_size(part), holder, key))
        for at in range(len(part)):
            _gather(part, at, texts, lists)
    elif isinstance(part, dict):
        for name in part:
            _gather(part, name, texts, lists)


def _size(part: Any) -> int:
    return len(json.dumps(part, separators=(",", ":")))
