# SPDX-License-Identifier: Apache-2.0
"""``[givers.*]`` of jitd.toml: the things that jitd gives for a limited time and then takes back (jitd.toml(5)).
Law: every key of every kind is checked when the file is read. All faults are reported together. A kind that this version cannot
give is refused, and the fault names the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from jitd.beside.processes import Helper
from jitd.core.thing import read_giver
from jitd.core.toml_document import ConfigError, Fault, read_document
from jitd.core.toml_table import Table
from jitd.settings.owned_file import read_owned
from jitd.settings.section import Section, ThingSettings, Trust
from jitd_things.givers.kinds import KINDS, OF_NAME
from jitd_things.givers.own_table import cut_out
from jitd_things.givers.settings import GiverSettings

DRIFT = ("tell", "mend", "end")
"""The reactions to drift. A thing has drifted if it now differs from the thing that was given. ``tell`` reports the drift.
``mend`` reports the drift and gives the thing again. ``end`` reports the drift and ends the holding.
"""
MOST_GIVERS = 64
KEYS = {"giver": ("kind", "drift", "lets"), **{kind.KIND: kind.KEYS for kind in KINDS}}
"""Maps a kind to its keys. The entry ``giver`` contains the keys that all kinds have."""
Givers = Mapping[str, GiverSettings]


def things_of(givers: Givers) -> frozenset[str]:
    """Return the names of all things that ``givers`` can give, such as ``sudoers:logs``."""
    return frozenset(f"{giver.KIND}:{name}" for name, giver in givers.items())


@dataclass(frozen=True, slots=True)
class ThingSection(Section):
    """``[givers.*]``: the givers by their names."""

    KINDS: ClassVar[Mapping[str, type[ThingSettings]]] = OF_NAME

    givers: Givers = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def read(cls, table: Table, place: Trust) -> ThingSection:
        return cls(read_givers(table.table("givers"), lambda kind, own: kind.read_in_daemon(own, place.owner, place.keys_at)))

    @property
    def key_files(self) -> Mapping[str, Path]:
        return {file.name: file for giver in self.givers.values() for file in giver.key_files}

    def helpers(self) -> Iterator[tuple[Helper, str]]:
        return ((giver.helper, f"{giver.KIND} {name}") for name, giver in self.givers.items())


SECTION = ThingSection


def _read_alone(kind: type[GiverSettings], table: Table) -> dict[str, object]:
    return kind.read(table)


def read_givers(table: Table, read: Callable[[type[GiverSettings], Table], dict[str, object]] = _read_alone) -> Givers:
    """Read ``[givers.*]``. ``read`` reads the keys of a kind: the daemon also reads files that they name."""
    found: dict[str, GiverSettings] = {}
    if len(table.values) > MOST_GIVERS:
        table.fault(f'"givers" has more than {MOST_GIVERS} givers')
    for name in table.values:
        found[name] = _read_one(table.table(name), name, read)
    for kind in KINDS:
        kind.compare(found.values(), table)
    return MappingProxyType(found)


def load_givers(file: Path, owner: int = 0) -> Givers:
    """Read ``[givers.*]`` of the settings in ``file``, and no other table. The file must belong to root or to the uid ``owner``.
    If the file is missing, there are no givers. Raises ConfigError.
    """
    document = read_document(str(file), read_owned(file, owner, must_exist=False))
    faults: list[Fault] = []
    givers = read_givers(Table(document, (), dict(document.values), faults).table("givers"))
    if faults:
        raise ConfigError(faults)
    return givers


def load_own(file: Path, name: str, owner: int = 0) -> Givers:
    """Read only ``[givers.NAME]`` of ``file``, to take things back and never to give: the rest may be faulty, or not even TOML.
    Without it, there are no givers. The file must belong to root or to the uid ``owner``. Raises ConfigError.
    """
    content = read_owned(file, owner, must_exist=False)
    try:
        document = read_document(str(file), content)
    except ConfigError:
        own = cut_out(content, "givers", name)
        if own is None:
            raise
        document = read_document(str(file), own)
    faults: list[Fault] = []
    table = Table(document, (), dict(document.values), faults).table("givers")
    found = {name: _read_one(table.table(name), name, _read_alone)} if name in table.values else {}
    if faults:
        raise ConfigError(faults)
    return MappingProxyType(found)


def _read_one(table: Table, name: str, read: Callable[[type[GiverSettings], Table], dict[str, object]]) -> GiverSettings:
    """Read the table of the giver ``name``. No other table is read."""
    try:
        read_giver(name)
    except ValueError as fault:
        table.fault(str(fault))
    table.needs("kind")
    kind = table.text("kind", KINDS[0].KIND, tuple(OF_NAME))
    made = OF_NAME[kind]
    others = tuple(key for other in KINDS for key in other.KEYS if key not in made.KEYS)
    table.known((*KEYS["giver"], *made.KEYS), misplaced=others, why=f'is not for kind "{kind}"')
    values = read(made, table)
    if not made.IS_MENDED and table.values.get("drift") == "mend":
        table.fault(f'"mend" is not for kind "{kind}": jitd cannot give the same thing again; use "tell" or "end"', "drift")
    return made(name, table.text("drift", "tell", DRIFT), table.sentence("lets"), **values)
