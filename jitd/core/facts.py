# SPDX-License-Identifier: Apache-2.0
"""Facts: values that the daemon knows about the host, the session and the risk at one moment. Each fact has a name.

Law: a fact is either known, or unknown for a stated reason. There is no default value. If jitd has not looked for a fact, an
attempt to read the fact raises Unasked. The caller then looks for the fact and decides again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

Value = bool | int | float | str | datetime | tuple[str, ...]  # all flat: no expression gets a nested or cyclic value


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact whose value could not be found. ``why`` completes a sentence such as ``fact.risk is not known: …``."""

    why: str


Facts = Mapping[str, Value | Unknown]  # maps the names of facts, such as `fact.load`, to their values


NOTHING: Facts = MappingProxyType({})  # the empty mapping. An empty mapping means that jitd has not looked for any facts.
MOST_SPELLED = 200  # characters of a value that are stored in the record and shown to people


def spell(value: Value | Unknown) -> str:
    """Return ``value`` in the form that people read. A text that is longer than MOST_SPELLED characters is cut."""
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


def read_value(text: str, type: str) -> Value:
    """Return the value of ``type`` (of ``names.TYPES``) that ``spell`` writes as ``text``. Raises ValueError."""
    return _READ[type](text)


def _read_bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


_READ: Mapping[str, Callable[[str], Value]] = {
    "bool": _read_bool,
    "int": int,
    "double": float,
    "string": str,
    "timestamp": datetime.fromisoformat,
    "list": lambda text: tuple(filter(None, map(str.strip, text.split(",")))),
}


class Unasked(Exception):
    """Rules need facts, ``names``, that jitd has not looked for yet. No decision was made."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(", ".join(sorted(self.names)))
