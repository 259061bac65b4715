# SPDX-License-Identifier: Apache-2.0
"""Facts: what the daemon knows of the host, the session and the risk at one moment, by name.

Law: pure. A fact is known, or it is unknown and says why; there is no third state, and no default. A fact that was not looked for
is neither: to ask for it raises Unasked, so that it is looked for, and the question is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

Value = bool | int | float | str | datetime | tuple[str, ...]
"""What a fact or a claim may be. All values are flat: no expression can be given something deep or cyclic."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be established. ``why`` is the rest of the sentence ``fact.risk is not known: …``."""

    why: str


Facts = Mapping[str, Value | Unknown]
"""Maps names such as ``fact.load`` to what was found."""


NOTHING: Facts = MappingProxyType({})
"""No fact was looked for."""
MOST_SPELLED = 200
"""How many characters of a value are kept for the record and for people."""


def spell(value: Value | Unknown) -> str:
    """Return ``value`` as people read it, cut after MOST_SPELLED characters."""
    match value:
        case Unknown():
            text = f"not known: {value.why}"
        case bool():
            text = "true" if value else "false"
        case datetime():
            text = value.isoformat(timespec="seconds")
        case tuple():
            text = ", ".join(value)
        case _:
            text = str(value)
    return text if len(text) <= MOST_SPELLED else f"{text[:MOST_SPELLED]}…"


class Unasked(Exception):
    """Rules need facts that nobody has looked for yet. ``names`` are their names. Nothing was decided."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(", ".join(sorted(self.names)))
