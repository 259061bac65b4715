# SPDX-License-Identifier: Apache-2.0
"""What one extension has of jitd.toml: a section, which is a class that reads its keys, and tells the kernel what they set up.

Law: the module of a section is light. It is imported when jitd.toml is read, before the launcher is forked. What opens a
connection or loads a library belongs into the assembly of the extension.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, Self

from jitd.beside.processes import Helper
from jitd.core.names import Name
from jitd.core.toml_table import Table

KEYS_AT = Path("/etc/jitd/outside")  # keys and client certificates, all for jitd-helper@outside.service


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose files a section may believe. They must belong to root or to the uid ``owner``. If ``owner`` is None, the owners are
    not checked. Keys for other hosts are in the directory ``keys_at``.
    """

    owner: int | None = 0
    keys_at: Path = KEYS_AT


@dataclass(frozen=True, slots=True)
class ThingSettings:
    """What the kernel must know of a thing that jitd.toml sets up. A kind of thing is a subclass. ``drift`` is the word that says
    what jitd does if the thing has drifted. ``lets`` is a sentence of the administrator that says what a person can do with it.
    """

    KIND: ClassVar[str]  # the name of the kind. A thing is called KIND:NAME, where NAME is the name of the giver.
    HAS_SECRET: ClassVar[bool] = False  # true also for a certificate, which is handed over in the same way
    BRINGS_KEY: ClassVar[Literal["must", "may", "no"]] = "no"  # whether a person sends a public key for a thing
    IS_ONE_FOR_ALL: ClassVar[bool] = False
    """True if a person has the thing only once, even if two grants give it: when one of them ends, nothing changes for the
    person. With any other kind, each grant gives a thing of its own, such as a role with another name.
    """

    name: str
    drift: str = "tell"
    lets: str = ""

    @property
    def needs_key(self) -> bool:
        """True if the person has to bring a public key."""
        return self.BRINGS_KEY == "must"

    def sentences(self) -> tuple[str, ...]:
        """Return sentences that say what a person can do with the thing. They contain every setting that affects it, so that two
        different things have different sentences. An approval is bound to them.
        """
        raise NotImplementedError


class Section:
    """The settings of one extension. A subclass can be made without arguments, and then has the defaults of all its keys.

    What a section does not override, it does not set up.
    """

    __slots__ = ()

    KINDS: ClassVar[Mapping[str, type[ThingSettings]]] = MappingProxyType({})
    """The kinds of things that rules may give, whether or not jitd.toml sets up a thing of the kind."""

    @classmethod
    def read(cls, table: Table, place: Trust) -> Self:
        """Read ``table``, which has the top-level keys of the extension and no others. Faults are added to ``table``."""
        raise NotImplementedError

    @property
    def names(self) -> Mapping[str, Name]:
        """The facts that conditions of rules may use, such as ``fact.risk``."""
        return {}

    @property
    def deadlines(self) -> Mapping[str, float]:
        """The gatekeepers that rules may name. Each name is mapped to the maximum time for an answer, in seconds."""
        return {}

    @property
    def channels(self) -> Collection[str]:
        """The channels that rules may name."""
        return ()

    @property
    def usual_channels(self) -> tuple[str, ...]:
        """The channels of each permit that does not name its own."""
        return ()

    @property
    def givers(self) -> Mapping[str, ThingSettings]:
        """The things that rules may give, by the names of their givers."""
        return {}

    @property
    def key_files(self) -> Mapping[str, Path]:
        """Maps the names of files with keys that jitd-outside needs to their paths."""
        return {}

    def helpers(self) -> Iterator[tuple[Helper, str]]:
        """Yield each helper that is needed, and what needs it, such as ``sink central``."""
        return iter(())

    @property
    def moved(self) -> Collection[Helper]:
        """The helpers that an administrator has listen elsewhere than systemd would."""
        return ()


def path_in(table: Table, key: str, default: Path) -> Path:
    """Return the absolute path under ``key``."""
    text = table.text(key, str(default))
    if not is_place(text):
        table.fault(f'"{key}" must be an absolute path', key)
        return default
    return Path(text)


def is_place(text: str) -> bool:
    return text.startswith("/") and text.isprintable() and ".." not in text.split("/")
