# SPDX-License-Identifier: Apache-2.0
"""What a kind of thing is: one class, with all that the daemon and jitd-givers must know of it. An object of the class has the
settings of one table ``[givers.NAME]`` of jitd.toml.

The daemon reads the settings, and tells people what the thing is. jitd-givers reads the same settings, and does the deeds.

Law: the daemon imports the module of a kind, and does none of its deeds. What is big to import, such as a library for a server,
is imported by ``deeds``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from jitd.beside.processes import GIVERS, Helper
from jitd.core.toml_table import Table
from jitd.settings.section import ThingSettings
from jitd_things.givers.kind import Kind


class NoGiver(Exception):
    """jitd.toml has no settings for a thing, or this host cannot give the thing. The text of this exception is a sentence that
    says what is missing and what to do.
    """


@dataclass(frozen=True, slots=True)
class GiverSettings(ThingSettings):
    """The settings of one giver. A kind is a subclass, which is registered in ``kinds.KINDS``."""

    KEYS: ClassVar[tuple[str, ...]] = ()  # the keys of the kind in jitd.toml, without those that all kinds have
    IS_MENDED: ClassVar[bool] = True  # false if it would have a new secret, which the person does not know

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
        return GIVERS

    def ways_to_root(self) -> Iterator[str]:
        """Yield a part of a sentence about each way to get root's power, or that of a superuser, through the thing."""
        return iter(())

    def faults(self) -> Iterator[str]:
        """Yield a part of a sentence about each reason of this host why nobody could be given the thing, for ``jitd check``."""
        return iter(())

    def deeds(self) -> Kind:
        """Return what gives the thing in jitd-givers. Raises NoGiver."""
        raise NoGiver(f'things of the kind "{self.KIND}" are not given by this process')
