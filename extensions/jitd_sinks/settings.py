# SPDX-License-Identifier: Apache-2.0
"""``[sinks.*]`` of jitd.toml: the receivers to which jitd sends its record (jitd.toml(5)).
Law: every key is checked when the file is read. All faults are reported together. With the defaults, a record that leaves this
host contains no command and no reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from jitd.beside.processes import OUTSIDE, Helper
from jitd.core.duration import read_duration
from jitd.core.toml_table import Table, quoted
from jitd.extensions import is_used, why_not
from jitd.settings.section import KEYS_AT, Section, Trust
from jitd_outsiders.channels import SHOWS
from jitd_outsiders.outside.deliveries import Destination
from jitd_outsiders.outside.sinks import OF_NAME, SINKS

FORMS = ("jitd", "ocsf")  # the possible values of `form`: jitd's own form (PROTOCOL.md), or that of OCSF
CLASSES = ("break-glass", "denied", "gives-root", "damage", "lock", "chain", "drift", "gate-off", "bypass")
"""The words in ``classes``. Each is a class of records, and a record may be of several classes."""
GRADED = {"gives-root", "damage"}  # the classes that only what knows programs can tell
MOST_SINKS = 16
MOST_DENIALS = 1000
KEYS = {
    "sink": ("kind", "form", "shows", "classes", "from"),
    **{kind.name: kind.keys for kind in SINKS},
}
"""Maps each kind of sink to its keys. The entry ``sink`` contains the keys that all kinds have."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Denials:
    """A class of records: denials of a person whose requests were denied at least ``n`` times within ``within`` seconds."""

    n: int
    within: int


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """One sink. ``shows`` is a word of channels.SHOWS. ``form`` is a word of FORMS. ``classes`` are words of CLASSES. If
    ``classes`` and ``denials`` are empty, the sink gets all records. If ``from_start`` is True, a new sink gets the record from
    its first record on, and otherwise from the next one. ``key_files`` are the files with keys that jitd-outside needs.
    """

    name: str
    to: Destination
    form: str = "jitd"
    shows: str = "rule"
    classes: frozenset[str] = frozenset()
    denials: tuple[Denials, ...] = ()
    from_start: bool = False
    key_files: tuple[Path, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        """True if the sink gets only records of some classes."""
        return bool(self.classes or self.denials)


Sinks = Mapping[str, SinkSettings]


def read_sinks(table: Table, owner: int | None, keys_at: Path = KEYS_AT) -> Sinks:
    """Read ``[sinks.*]``. Files must belong to root or to the uid ``owner``. If ``owner`` is None, owners are not checked."""
    found = {}
    if len(table.values) > MOST_SINKS:
        table.fault(f'"sinks" has more than {MOST_SINKS} tables')
    owners: dict[tuple[str, str], str] = {}
    for name in table.values:
        inner = table.table(name)
        if not _NAME.fullmatch(name):
            inner.fault(f"{quoted(name)} is not a name for a sink: small letters, digits and hyphens, at most 32")
        found[name] = _sink(inner, name, owner, keys_at, owners)
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class SinkSection(Section):
    """``[sinks.*]``: the sinks by their names."""

    sinks: Sinks = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def read(cls, table: Table, place: Trust) -> SinkSection:
        return cls(read_sinks(table.table("sinks"), place.owner, place.keys_at))

    @property
    def key_files(self) -> Mapping[str, Path]:
        return {file.name: file for sink in self.sinks.values() for file in sink.key_files}

    def helpers(self) -> Iterator[tuple[Helper, str]]:
        return ((OUTSIDE, f"sink {name}") for name in self.sinks)


SECTION = SinkSection


# --- the tables ------------------------------------------------------------------------------------------------------


def _sink(table: Table, name: str, owner: int | None, keys_at: Path, owners: dict[tuple[str, str], str]) -> SinkSettings:
    """``owners`` maps what one sink alone may have, with its key, to the name of this sink."""
    kind = OF_NAME[table.kind(KEYS["sink"], {each.name: each.keys for each in SINKS})]
    to, files = kind.read(table, owner, keys_at)
    own = table.values.get(kind.own)
    if isinstance(own, str) and (first := owners.setdefault((kind.own, own), name)) != name:
        table.fault(f"{quoted(own)} is the {kind.own} of the sink {first} already", kind.own)
    classes, denials = _classes(table)
    return SinkSettings(
        name,
        to,
        form=table.text("form", "jitd", FORMS),
        shows=table.text("shows", kind.usually_shows, SHOWS),
        classes=classes,
        denials=denials,
        from_start=table.text("from", "head", ("head", "start")) == "start",
        key_files=tuple(file for file in files if file is not None),
    )


def _classes(table: Table) -> tuple[frozenset[str], tuple[Denials, ...]]:
    value = table.values.get("classes", [])
    if not isinstance(value, list) or ("classes" in table.values and not value):
        table.fault('"classes" must be a list of classes, such as ["denied", "lock"]', "classes")
        return frozenset(), ()
    words, denials = set[str](), list[Denials]()
    for index, one in enumerate(value):
        if isinstance(one, str) and one in CLASSES:
            words.add(one)
            if one in GRADED and not is_used("commands"):
                why = f"needs the extension commands, which {why_not('commands')}"
                table.fault(f'"classes" has {quoted(one)}, which {why}', "classes", index)
        elif isinstance(one, dict) and (made := _denials(one)) is not None:
            denials.append(made)
        else:
            how = f'{", ".join(CLASSES)}, or {{ denials = 5, within = "10m" }}'
            table.fault(f'"classes" has {quoted(str(one))}, which is none of {how}', "classes", index)
    return frozenset(words), tuple(denials)


def _denials(row: dict[str, object]) -> Denials | None:
    n, within = row.get("denials"), row.get("within")
    seconds = read_duration(within) if isinstance(within, str) else None
    if row.keys() != {"denials", "within"} or type(n) is not int or not 1 < n <= MOST_DENIALS or seconds is None:
        return None
    return Denials(n, seconds)
