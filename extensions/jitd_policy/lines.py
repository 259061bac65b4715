# SPDX-License-Identifier: Apache-2.0
"""Where the entries that cvtsudoers writes stand in sudoers, of which it says nothing.

Law: nothing is decided by it. cvtsudoers reads the lines again, each with its number as one more user. If it then writes other
entries than before, nobody knows which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jitd.hosts import sudoers
from jitd.hosts.findings import Place
from jitd.hosts.places import Places, Unreadable
from jitd_inspection.standing.sudo_ldif import Rule, rules_of

MARK = "+jitd-line-"  # no netgroup has this name
MOST = 12  # places of one file that a sentence names


def places_of(file: Path, entries: Sequence[Rule], convert: Callable[[bytes], bytes | None]) -> Mapping[int, Place]:
    """Return the file and the line of each of ``entries``, by their numbers, which begin with 1. Return nothing if in doubt.
    ``convert`` has cvtsudoers read a text.
    """
    places = Places()
    try:
        source = places.read(str(file.absolute()))
        known = sudoers.read(source, places.of_sudoers) if source is not None else None
    except (Unreadable, OSError):
        return {}
    if known is None or known.faults:
        return {}
    marked = (f"{MARK}{n}, {line}" for n, (_, line) in enumerate(known.rules))
    ldif = convert("\n".join((*known.aliases, *marked, "")).encode("utf-8", "surrogateescape"))
    if ldif is None:
        return {}
    again = list(rules_of(ldif))
    numbers = [one.users.pop(0).removeprefix(MARK) for one in again if one.users]
    if [one.content for one in again] != [one.content for one in entries] or not all(map(str.isdecimal, numbers)):
        return {}
    where = (known.rules[int(number)][0] for number in numbers)
    return dict(enumerate(where, 1))


def told(places: Sequence[Place]) -> str:
    """Return ``places`` as a text, such as ``/etc/sudoers:3-5, 9; /etc/sudoers.d/web:1``."""
    files: dict[str, set[int]] = {}
    for place in places:
        files.setdefault(place.file, set()).add(place.number)
    return "; ".join(f"{file}:{_ranges(of_it)}" for file, of_it in files.items())


def _ranges(lines: set[int]) -> str:
    begins = sorted(line for line in lines if line - 1 not in lines)
    ends = sorted(line for line in lines if line + 1 not in lines)
    told = [f"{begin}" if begin == end else f"{begin}-{end}" for begin, end in zip(begins, ends, strict=True)]
    return ", ".join((*told[:MOST], *([f"and {len(told) - MOST} more"] if len(told) > MOST else [])))
