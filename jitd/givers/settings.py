# SPDX-License-Identifier: Apache-2.0
"""What a kind of thing is: one class, with all that the daemon and jitd-givers must know of it. An object of the class has the
settings of one table ``[givers.NAME]`` of jitd.toml.

The daemon reads the settings, and tells people what the thing is. jitd-givers reads the same settings, and does the deeds.

Law: the daemon imports the module of a kind, and does none of its deeds. What is big to import, such as a library for a server,
is imported by ``deeds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

from jitd.beside.helpers import GIVERS, Helper
from jitd.core.toml_table import Table
from jitd.givers.kind import Kind


class NoGiver(Exception):
    """jitd.toml has no settings for a thing, or this host cannot give the thing. The text of this exception is a sentence that
    says what is missing and what to do.
    """


@dataclass(frozen=True, slots=True)
class GiverSettings:
    """The settings of one giver. ``lets`` is a sentence of the administrator that says what a person can do with the thing.

    A kind is a subclass, which is registered in ``kinds.KINDS``.
    """

    KIND: ClassVar[str]
    """The name of the kind. A thing is called KIND:NAME, where NAME is the name of the giver."""
    KEYS: ClassVar[tuple[str, ...]] = ()
    """The keys of the kind in jitd.toml, without those that all kinds have."""
    GONE: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Maps keys of earlier versions to what replaces them."""
    HAS_SECRET: ClassVar[bool] = False
    """True if a thing comes with a secret. A certificate is handed over in the same way, although it is not secret."""
    BRINGS_KEY: ClassVar[Literal["must", "may", "no"]] = "no"
    """Whether a person sends a public key for a thing."""
    IS_ONE_FOR_ALL: ClassVar[bool] = False
    """True if a person has the thing only once, even if two grants give it: when one of them ends, nothing changes for the
    person. With any other kind, each grant gives a thing of its own, such as a role with another name.
    """
    IS_MENDED: ClassVar[bool] = True
    """False if jitd cannot give the same thing again, because it would have a new secret that the person does not know."""

    name: str
    drift: str = "tell"
    lets: str = ""

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        """Return the values of the fields of this kind. Faults are added to ``table``. No other file is read."""
        raise NotImplementedError

    @classmethod
    def read_in_daemon(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        """Return what ``read`` returns, and the fields that only the daemon needs: what files say that the table names. They must
        belong to root or to the uid ``owner``. If ``owner`` is None, the owners are not checked. Keys are in ``keys_at``.
        """
        return cls.read(table)

    @classmethod
    def compare(cls, givers: Iterable[GiverSettings], table: Table) -> None:
        """Add faults to the tables in ``table``, which is ``[givers]``, for those of ``givers`` that do not go together."""

    @property
    def key_files(self) -> tuple[Path, ...]:
        """The files with keys that jitd-outside needs for this giver."""
        return ()

    @property
    def helper(self) -> Helper:
        """The helper that gives the thing."""
        return GIVERS

    @property
    def needs_key(self) -> bool:
        """True if the person has to bring a public key."""
        return self.BRINGS_KEY == "must"

    def sentences(self) -> tuple[str, ...]:
        """Return sentences that say what a person can do with the thing. They contain every setting that affects it, so that two
        different things have different sentences. An approval is bound to them.
        """
        raise NotImplementedError

    def ways_to_root(self) -> Iterator[str]:
        """Yield a part of a sentence about each way to get root's power, or that of a superuser, through the thing."""
        return iter(())

    def deeds(self) -> Kind:
        """Return what gives the thing in jitd-givers. Raises NoGiver."""
        raise NoGiver(f'things of the kind "{self.KIND}" are not given by this process')
