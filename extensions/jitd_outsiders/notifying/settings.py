# SPDX-License-Identifier: Apache-2.0
"""What a kind of channel is: one class. An object of the class has the settings of one table ``[notify.NAME]`` of jitd.toml, and
makes the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from jitd.beside.processes import OUTSIDE, Helper
from jitd.core.toml_table import Table
from jitd_outsiders.notifying.carriers import Carriers
from jitd_outsiders.notifying.channel import Channel


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """The settings of one channel. ``shows`` is a word of channels.SHOWS. If ``requester`` is True, the channel also sends the
    decision to a requester who does not wait.

    A kind is a subclass, which is registered in ``kinds.CHANNELS``.
    """

    KIND: ClassVar[str]
    KEYS: ClassVar[tuple[str, ...]] = ()  # the keys of the kind in jitd.toml, without those that all kinds have
    USUALLY_SHOWS: ClassVar[str] = "rule"  # the default of `shows`. A channel on this host may have the command.

    name: str
    shows: str = "rule"
    requester: bool = False

    @classmethod
    def read(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        """Return the values of the fields of this kind. Faults are added to ``table``. Files that it names must belong to root or
        to the uid ``owner``. If ``owner`` is None, owners are not checked. Keys are in ``keys_at``.
        """
        return {}

    @property
    def is_for_persons(self) -> bool:
        """True if each person gets a message, and False if a group gets one for each request."""
        return False

    @property
    def key_files(self) -> tuple[Path, ...]:
        """The files with keys that jitd-outside needs for this channel."""
        return ()

    @property
    def helper(self) -> Helper | None:
        """The helper that sends the messages, or None if root does not have to enable it."""
        return OUTSIDE

    def channel(self, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
        """Return the channel. ``host`` is the name of this host. ``now`` returns the current time with its time zone. Before the
        first message, nothing is sent and no process is started.
        """
        raise NotImplementedError
